"""What a trace says: what was done, how long it took and why it failed, and nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import Demand, SharedLogins
from esc_operator.errors import ProviderError, UnavailableError
from esc_operator.evaluation import Opened
from esc_operator.handlers import logs
from esc_operator.handlers.spans import OpenTelemetry, current_ids
from esc_operator.kube.paths import SECRETS
from esc_operator.kube.requests import Request
from esc_operator.telemetry import Telemetry
from unit.driver.test_opener import NOW, SECRET, Caller, Plugin, Plugins
from unit.reconciliation.rollout_world import RolloutWorld, rolling_value, taking
from unit.reconciliation.world import World, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from esc_operator.providers.port import OpenContext


class Traces:
    """What was traced, in memory."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self.tracer = OpenTelemetry({}, SimpleSpanProcessor(self._memory))
        self.telemetry = Telemetry(tracer=self.tracer)

    def spans(self, name: str = "") -> list[Any]:
        return [span for span in self._memory.get_finished_spans() if name in {"", span.name}]

    def text(self) -> str:
        """All that would leave the process."""
        return "".join(span.to_json() for span in self.spans())


@pytest.fixture
def traces() -> Iterator[Traces]:
    traces = Traces()
    yield traces
    traces.tracer.close()


def opened(traces: Traces, act: Callable[[OpenContext], Any]) -> None:
    registry: Any = Plugins(Plugin("p", act))

    async def run() -> None:
        opener = Opener(
            pool=BlockingPool(max_workers=1, per_lane=1),
            logins=SharedLogins(lambda: NOW),
            settings={},
            now=lambda: NOW,
            catalogue=Catalogue(registry, registry),
            telemetry=traces.telemetry,
        )
        with traces.tracer.span("reconcile", environment="apps/aws"):
            await opener.open("p", {"password": SECRET}, Caller(), Demand())

    asyncio.run(run())


def test_an_open_stands_under_the_environment_that_asked_for_it(traces: Traces) -> None:
    opened(traces, lambda _: Opened(value={"password": SECRET}, lease=None))
    (reconcile,), (found,) = traces.spans("reconcile"), traces.spans("open")
    assert found.parent.span_id == reconcile.context.span_id
    assert dict(found.attributes) == {"esc.provider": "p", "esc.called": True}
    assert dict(reconcile.attributes) == {"esc.environment": "apps/aws"}
    assert found.status.is_ok


@pytest.mark.parametrize("error", [ProviderError(SECRET, reason="Throttled"), KeyError(SECRET)])
def test_a_failure_is_reported_by_its_reason_and_holds_no_text(traces: Traces, error: Exception) -> None:
    def act(_: OpenContext) -> Any:
        raise error

    opened(traces, act)
    (found,) = traces.spans("open")
    assert not found.status.is_ok
    assert found.attributes["esc.reason"] in {"Throttled", "ProviderCrashed"}
    assert SECRET not in traces.text()


def test_an_exception_is_reported_by_its_reason_or_its_type(traces: Traces) -> None:
    for error in (UnavailableError(SECRET), ValueError(SECRET)):
        with pytest.raises(type(error)), traces.tracer.span("reconcile", environment="apps/aws"):
            raise error
    assert [span.attributes["esc.reason"] for span in traces.spans()] == ["KubernetesUnavailable", "ValueError"]
    assert not any(span.events for span in traces.spans())
    assert SECRET not in traces.text()


def test_a_request_tells_verb_resource_and_code(traces: Traces) -> None:
    with Request(traces.telemetry, "PATCH", SECRETS.path("apps", "aws")) as request:
        request.answered(409)
    (found,) = traces.spans("kubernetes")
    assert dict(found.attributes) == {"esc.verb": "patch", "esc.resource": "secrets", "esc.code": "409"}


def test_what_runs_side_by_side_stands_under_its_own(traces: Traces) -> None:
    async def work(name: str) -> None:
        with traces.tracer.span("reconcile", environment=name):
            await asyncio.sleep(0)
            with traces.tracer.span("open"):
                await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(*(work(f"apps/e-{number}") for number in range(20)))

    asyncio.run(run())
    parents = {span.context.span_id for span in traces.spans("reconcile")}
    assert {span.parent.span_id for span in traces.spans("open")} == parents
    assert len(parents) == 20


def test_the_reconciler_traces_each_environment_and_its_rollouts(traces: Traces) -> None:
    async def story() -> None:
        world = RolloutWorld()
        world.tracer = traces.tracer
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            await world.put("app", rolling_value("1"))

    asyncio.run(story())
    rollout = traces.spans("rollout")[0]
    assert dict(rollout.attributes) == {"esc.environment": "apps/app"}
    assert rollout.parent.span_id in {span.context.span_id for span in traces.spans("reconcile")}


def test_no_value_of_an_environment_is_traced(traces: Traces) -> None:
    async def story() -> None:
        world = World()
        world.tracer = traces.tracer
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        assert world.values("aws") == {"TOKEN": "minted-aws-1"}

    asyncio.run(story())
    assert traces.spans("reconcile")
    assert "minted" not in traces.text()


# Whether there are any.


def test_without_an_endpoint_opentelemetry_is_not_even_imported() -> None:
    told = (
        "import asyncio, sys\n"
        "from esc_operator.handlers.tracing import traced\n"
        "from esc_operator.telemetry import Tracer\n"
        "async def run():\n"
        "    async with traced({}) as tracer:\n"
        "        print(type(tracer) is Tracer, any(m.startswith('opentelemetry') for m in sys.modules))\n"
        "asyncio.run(run())\n"
    )
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout == "True False\n"


def test_without_the_library_an_endpoint_is_reported_in_the_log_and_no_more() -> None:
    told = (
        "import asyncio, sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "from esc_operator.handlers.tracing import traced\n"
        "from esc_operator.telemetry import Tracer\n"
        "async def run():\n"
        "    async with traced({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'}) as tracer:\n"
        "        print(type(tracer) is Tracer)\n"
        "asyncio.run(run())\n"
    )
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout == "True\n"
    assert "esc-operator[traces]" in found.stderr


def test_a_line_of_the_log_names_its_trace(traces: Traces, capsys: pytest.CaptureFixture[str]) -> None:
    root, own = logging.getLogger(), logging.getLogger(logs.OWN)
    before = root.handlers[:], root.level, own.level
    try:
        logs.configure("info", "json")
        logs.add_trace_ids(current_ids)
        with traces.tracer.span("reconcile"):
            own.info("within")
        own.info("without")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        own.setLevel(before[2])
    within, without = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    (span,) = traces.spans()
    assert within["trace_id"] == f"{span.context.trace_id:032x}"
    assert within["span_id"] == f"{span.context.span_id:016x}"
    assert "trace_id" not in without
