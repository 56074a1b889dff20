"""Runs a trial as the operator would: through the driver, which adds its time limit, and hides secrets in messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.performer import Performer
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.evaluation import Failed, Opened, OpenProvider, OpenRotator, RotateState, Secret
from esc_operator.evaluation.plain import from_data
from esc_operator.providers import reasons
from esc_operator.providers.registry import Registry
from esc_operator.testing.fakes import SIGNATURE, FakeContext
from esc_operator.testing.sockets import connections
from esc_operator.testing.wires import PortWire, Script, loopback, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from importlib.metadata import EntryPoint

    from esc_operator.driver.networks import Fence
    from esc_operator.evaluation import Rotated, Value
    from esc_operator.testing.trial import Trial
    from esc_operator.testing.wires import Change

SHORTEST_SECRET = 8


@dataclass(kw_only=True)
class Run:
    """What happened: `answer` is the driver's, `raised` the plug-in's own error."""

    script: Script
    context: FakeContext
    plugin: Any
    answer: Opened | Rotated | Failed | None = None
    raised: BaseException | None = None
    connections: list[str] = field(default_factory=list)
    logs: str = ""

    @property
    def failed(self) -> Failed:
        assert isinstance(self.answer, Failed), f"it succeeded, and should have failed: {self.answer!r}"
        return self.answer

    @property
    def succeeded(self) -> Opened | Rotated:
        answer = self.answer
        assert isinstance(answer, tuple) and not isinstance(answer, Failed), f"it failed: {answer}"  # noqa: PT018
        return answer

    @property
    def origin(self) -> str:
        """The type of the plug-in's own error and where it was raised; its text may hold anything."""
        trace = traceback.extract_tb(self.raised.__traceback__) if self.raised else None
        return f"{type(self.raised).__name__} at {trace[-1].filename}:{trace[-1].lineno}" if trace else "no error"

    @property
    def shown(self) -> str:
        """Everything that this run lets a person see."""
        trace = "".join(traceback.format_exception(self.raised)) if self.raised else ""
        context = repr(getattr(self.raised, "__context__", None))
        requests = f"{self.script.requests!r} {self.script.answers!r}"
        return "\n".join([repr(self.answer), repr(self.raised), trace, context, repr(self.plugin), self.logs, requests])


def run(  # noqa: PLR0913 - each is something else to try
    trial: Trial,
    change: Change = unchanged,
    *,
    inputs: Mapping[str, Any] | None = None,
    fence: Fence | None = None,
    rotate: bool = True,
    seconds: float = 30.0,
    plugin: Any = None,
) -> Run:
    """Call the trial's plug-in once: open a provider, or rotate a rotator (`rotate`; otherwise open its state).

    `seconds` is the driver's time limit. Nothing may be connected to except for the trial's own server. Every secret
    that appears anywhere is an error.
    """
    done = Run(
        script=Script(trial.new_service() if trial.makes_requests else None, change),
        context=FakeContext(),
        plugin=plugin or trial.plugin(),
    )
    with _logs() as logs, _wired(trial, done, fence) as allowed, connections(*allowed) as made:
        asyncio.run(_perform(trial, done, trial.inputs if inputs is None else inputs, rotate=rotate, seconds=seconds))
        done.connections = made
    done.logs = "\n".join(logs)
    assert_silent(trial, done.shown)
    assert not made, f"it connected to {made} by itself: send through the context"
    return done


def assert_silent(trial: Trial, shown: str) -> None:
    for secret in (*trial.secrets, SIGNATURE):
        assert secret not in shown, f"the secret that ends with {secret[-3:]!r} shows: {_around(shown, secret)}"


def new_opener(plugin: Any, now: Any, seconds: float) -> Opener:
    """A driver that knows this plug-in alone."""
    is_rotator = hasattr(plugin, "rotate")
    here = Registry[Any]("trial", "provider", reasons.UNKNOWN_PROVIDER, _installed(plugin))
    nothing = Registry[Any]("trial", "rotator", reasons.UNKNOWN_ROTATOR, lambda _: [])
    return Opener(
        pool=BlockingPool(),
        logins=SharedLogins(now),
        settings={},
        now=now,
        catalogue=Catalogue(nothing if is_rotator else here, here if is_rotator else nothing),
        timeout=timedelta(seconds=seconds),
    )


def input_value(trial: Trial, inputs: Mapping[str, Any]) -> Value:
    """The inputs as an environment would give them: what the trial calls a secret is one."""
    return from_data(_marked(inputs, trial.secrets), None, secret=False, deepest=50)


def _rewired(done: Run) -> Any:
    """The plug-in as the driver sees it, but with the fake context instead of the driver's; its own error is kept."""
    plugin, context = done.plugin, done.context
    parts = {name: getattr(plugin, name) for name in dir(plugin) if not name.startswith("_")}

    def kept(call: Callable[..., Any]) -> Callable[..., Any]:
        async def called(*arguments: Any) -> Any:
            try:
                return await call(*arguments[:-1], context)
            except BaseException as error:
                done.raised = error
                raise

        return called

    parts |= {name: kept(parts[name]) for name in ("open", "rotate") if name in parts}
    if endpoint := parts.get("endpoint"):
        parts["endpoint"] = lambda inputs, _: endpoint(inputs, context.settings)
    return SimpleNamespace(**parts)


async def _perform(trial: Trial, done: Run, inputs: Mapping[str, Any], *, rotate: bool, seconds: float) -> None:
    def now() -> datetime:
        return done.context.time

    opener = new_opener(_rewired(done), now, seconds)
    performer = Performer(opener, done.context.identity)
    value = input_value(trial, inputs)
    name, here = done.plugin.name, ("trial/environment", "trial/environment", "values.trial")
    if hasattr(done.plugin, "rotate"):
        state = from_data(trial.state, None, secret=True, deepest=50)
        effect: Any = (RotateState if rotate else OpenRotator)(0, name, *here, value, state)
    else:
        effect = OpenProvider(0, name, *here, value)
    before = asyncio.all_tasks()
    answer = await performer.perform(effect)
    assert isinstance(answer, tuple)
    done.answer = answer  # type: ignore[assignment]  # one of the answers to these effects
    for _ in range(5):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    assert not left, f"it left tasks behind: {left}"
    done.context.close()
    opener.pool.close()


@contextlib.contextmanager
def _wired(trial: Trial, done: Run, fence: Fence | None) -> Iterator[list[tuple[str, int]]]:
    """Connects the run with the trial's service; the places that may be connected to."""
    if trial.settings is None:
        wire = PortWire(done.script, fence)
        done.context = FakeContext(
            wire.send if trial.makes_requests else None, identity=trial.new_identity(), connect=wire.connect
        )
        yield []
        return
    with loopback(done.script, tls=trial.tls) as server:
        done.context = FakeContext(identity=trial.new_identity(), settings=server.settings(trial.settings))
        host, _, port = server.url.partition("://")[2].partition(":")
        yield [(host, int(port))]


@contextlib.contextmanager
def _logs() -> Iterator[list[str]]:
    """Everything that is logged, at every level."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter().format(record))

    root, handler = logging.getLogger(), Keep(logging.DEBUG)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _installed(plugin: Any) -> Any:
    class Entry:
        name, value, dist = plugin.name, "trial", None

        def load(self) -> Any:
            return plugin

    def discover(_: str) -> list[EntryPoint]:
        return [Entry()]  # type: ignore[list-item]  # what the registry needs of one

    return discover


def _marked(data: Any, secrets: Any) -> Any:
    match data:
        case dict():
            return {key: _marked(value, secrets) for key, value in data.items()}
        case list() | tuple():
            return [_marked(value, secrets) for value in data]
        case str() if any(secret in data for secret in secrets):
            return Secret(data)
        case _:
            return data


def _around(shown: str, secret: str) -> str:
    place = shown.index(secret)
    return f"…{shown[max(0, place - 120) : place]}[HERE]…"
