"""What Prometheus reads: well-formed, bounded whoever writes environments, and no series that outlives its object."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from esc_operator import __version__
from esc_operator.errors import ConfigurationError
from esc_operator.handlers.environment_metrics import count_environments
from esc_operator.handlers.exposition import Exposition, is_reachable
from esc_operator.handlers.metrics import MOST_REASONS, Metrics
from esc_operator.handlers.snapshot import Snapshot
from esc_operator.reconciliation.sync.cache import Cache
from esc_operator.resources.conditions import READY, REFRESHED, Condition
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.status import Status
from local_cluster.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client.metrics_core import Metric

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SNAPSHOT = Snapshot(
    leads=True,
    working=3,
    scheduled=7,
    scheduler_age=1.5,
    rolling=2,
    rotating=1,
    queue_depth={"change": 4, "refresh": 5},
    watch_ages={"secrets": 12.0, "escenvironments": 34.0},
    out_of_order={"aws-login": 1},
    missing_kinds={"EscRotation": 1.0},
    outdated_kinds={"EscEnvironment": 1.0},
)


def refreshed(status: str, since: datetime = NOW, reason: str = "AWSUnavailable") -> Condition:
    return Condition(REFRESHED, "True" if status == "True" else "False", reason, "told to people", 1, since)


def put(cache: Cache, key: Key, expires_at: datetime | None = None, *conditions: Condition) -> None:
    body = {"metadata": {"namespace": key.namespace, "name": key.name, "uid": f"u-{key}", "generation": 1}, "spec": {}}
    cache.enter(parse_environment(body), Status(conditions=conditions, expires_at=expires_at), "1", NOW)


def scrape(cache: Cache, metrics: Metrics | None = None, limit: int = 10_000, now: datetime = NOW) -> str:
    counted = asyncio.run(count_environments(cache.entries(), now, limit))
    return (metrics or Metrics()).text(SNAPSHOT, counted).decode()


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by those of their labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def everything() -> Metrics:
    """A meter that has been told everything once."""
    metrics = Metrics()
    metrics.requested("patch", "secrets", "200", 0.01)
    metrics.called("aws-login", 0.3)
    metrics.called("aws-login", 0.3, "Throttled")
    metrics.held_back("aws-login")
    metrics.minted("aws-login")
    metrics.skewed("aws-login", -3.0)
    metrics.worked(0.01, "done")
    metrics.synced("ExpiryAhead", "filled", 2.0)
    metrics.stamped()
    metrics.rolled_out("completed", 12.0)
    metrics.rotated("stopped", 90.0, 7, 2)
    return metrics


def test_every_metric_has_the_name_and_the_help_that_prometheus_wants() -> None:
    cache = Cache()
    put(cache, Key("apps", "aws"), NOW + timedelta(minutes=50), refreshed("False", NOW - timedelta(minutes=5)))
    found = families(scrape(cache, everything()))
    assert len(found) > 30
    for name, family in found.items():
        assert re.fullmatch(r"esc_operator_[a-z_]+", name)
        assert family.documentation, name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), name
        assert not name.endswith("_total") or family.type == "counter", name


def test_what_was_reported_is_counted() -> None:
    text = scrape(Cache(), everything())
    assert samples(text, "esc_operator_mints_total") == {("aws-login",): 1}
    assert samples(text, "esc_operator_provider_errors_total") == {("aws-login", "Throttled"): 1}
    assert samples(text, "esc_operator_provider_call_duration_seconds_count") == {("aws-login",): 2}
    assert samples(text, "esc_operator_kubernetes_requests_total") == {("200", "secrets", "patch"): 1}
    assert samples(text, "esc_operator_refresh_lateness_seconds_sum") == {(): 2}
    assert samples(text, "esc_operator_clock_skew_seconds") == {("aws-login",): -3}
    assert samples(text, "esc_operator_rotations_total") == {("succeeded",): 0, ("failed",): 0, ("stopped",): 1}
    assert samples(text, "esc_operator_rotation_duration_seconds_sum")["stopped",] == 90
    assert samples(text, "esc_operator_rotated_environments_total") == {("succeeded",): 7, ("failed",): 2}
    assert samples(text, "esc_operator_info") == {(__version__,): 1}


def test_what_is_now_is_what_is_looked_at() -> None:
    text = scrape(Cache())
    assert samples(text, "esc_operator_leader") == {(): 1}
    assert samples(text, "esc_operator_queue_depth") == {("change",): 4, ("refresh",): 5}
    assert samples(text, "esc_operator_watch_event_age_seconds") == {("secrets",): 12, ("escenvironments",): 34}
    assert samples(text, "esc_operator_provider_out_of_order") == {("aws-login",): 1}
    assert samples(text, "esc_operator_kind_missing") == {("EscRotation",): 1}
    assert samples(text, "esc_operator_kind_outdated") == {("EscEnvironment",): 1}
    assert samples(text, "esc_operator_scheduler_age_seconds") == {(): 1.5}
    assert samples(text, "esc_operator_rotations_active") == {(): 1}


def test_each_environment_tells_when_it_expires_and_since_when_it_fails() -> None:
    cache = Cache()
    put(cache, Key("apps", "aws"), NOW + timedelta(minutes=50), refreshed("True"))
    put(cache, Key("apps", "late"), NOW - timedelta(minutes=1), refreshed("False", NOW - timedelta(minutes=5)))
    put(cache, Key("", "everywhere"), NOW + timedelta(hours=1))
    put(cache, Key("apps", "static"))
    text = scrape(cache)
    assert samples(text, "esc_operator_environment_expires_in_seconds") == {
        ("aws", "apps"): 3000,
        ("late", "apps"): -60,
        ("everywhere", ""): 3600,
    }
    assert samples(text, "esc_operator_environment_failing_seconds") == {("late", "apps"): 300}


def test_environments_are_counted_by_condition() -> None:
    cache = Cache()
    ready = Condition(READY, "True", "Synced", "", 1, NOW)
    for name in ("a", "b"):
        put(cache, Key("apps", name), None, ready)
    put(cache, Key("apps", "c"), None, Condition(READY, "False", "Expired", "", 1, NOW))
    text = scrape(cache)
    assert samples(text, "esc_operator_environments") == {(): 3}
    assert samples(text, "esc_operator_environment_conditions") == {
        ("Synced", "True", "Ready"): 2,
        ("Expired", "False", "Ready"): 1,
    }


def test_the_series_of_an_environment_go_with_it() -> None:
    cache, metrics = Cache(), Metrics()
    put(cache, Key("apps", "gone"), NOW, refreshed("False"), Condition(READY, "False", "Expired", "", 1, NOW))
    assert "gone" in scrape(cache, metrics)
    assert "Expired" in scrape(cache, metrics)
    cache.remove(Key("apps", "gone"))
    text = scrape(cache, metrics)
    assert "gone" not in text
    assert "Expired" not in text
    assert samples(text, "esc_operator_environments") == {(): 0}


def test_of_too_many_environments_each_namespace_tells_its_worst() -> None:
    cache = Cache()
    for namespace in ("a", "b"):
        for number in range(3):
            since = NOW - timedelta(minutes=number)
            put(cache, Key(namespace, f"e-{number}"), NOW + timedelta(hours=number + 1), refreshed("False", since))
    text = scrape(cache, limit=5)
    assert samples(text, "esc_operator_environment_expires_in_seconds") == {("a",): 3600, ("b",): 3600}
    assert samples(text, "esc_operator_environment_failing_seconds") == {("a",): 120, ("b",): 120}
    assert len(samples(scrape(cache, limit=6), "esc_operator_environment_expires_in_seconds")) == 6


def test_reasons_that_somebody_makes_up_are_bounded() -> None:
    metrics = Metrics()
    for number in range(3 * MOST_REASONS):
        metrics.called("theirs", 0.1, f"Reason{number}")
    metrics.called("theirs", 0.1, 'hunter2" is my password\n')
    reasons = samples(scrape(Cache(), metrics), "esc_operator_provider_errors_total")
    assert len(reasons) == MOST_REASONS + 1
    assert reasons["theirs", "Other"] == 2 * MOST_REASONS + 1
    assert not any("hunter2" in reason for _, reason in reasons)


def test_what_has_not_happened_yet_is_told_as_nought() -> None:
    rollouts = samples(scrape(Cache()), "esc_operator_rollouts_total")
    assert rollouts == dict.fromkeys([("completed",), ("stuck",), ("blocked",), ("refused",), ("reverted",)], 0)


def test_a_census_lets_others_work_in_between() -> None:
    cache = Cache()
    for number in range(2_500):
        put(cache, Key("a", f"e-{number}"))

    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await count_environments(cache.entries(), NOW, 10_000)
        task.cancel()
        return turns

    assert asyncio.run(run()) >= 10


# Over HTTP.


def serve(path: str = "/metrics", address: str = "127.0.0.1:{}") -> tuple[int, Mapping[str, str], str]:
    async def run() -> tuple[int, Mapping[str, str], str]:
        port = free_ports(1)[0]
        exposition = Exposition(Metrics(), lambda: SNAPSHOT, list, lambda: NOW, 10, access=None)
        async with (
            exposition.served(address.format(port)),
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return answer.status, answer.headers, await answer.text()

    return asyncio.run(run())


def test_metrics_are_served_as_prometheus_asks_for_them() -> None:
    status, headers, text = serve()
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    assert families(text)["esc_operator_info"]


def test_nothing_else_is_served() -> None:
    assert serve("/")[0] == 404


def test_without_an_address_nothing_is_served() -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        serve(address="")


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:", "192.0.2.1:9090"])
def test_an_address_that_cannot_be_is_reported(address: str) -> None:
    with pytest.raises(ConfigurationError, match="metrics"):
        serve(address=address)


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("0.0.0.0:9090", True),
        (":9090", True),
        ("[::]:9090", True),
        ("10.1.2.3:9090", True),
        ("metrics.example.com:9090", True),
        ("127.0.0.1:9090", False),
        ("127.9.9.9:9090", False),
        ("[::1]:9090", False),
        ("localhost:9090", False),
        ("", False),
    ],
)
def test_who_is_outside_the_pod_reaches_all_but_loopback_addresses(address: str, reachable: bool) -> None:
    assert is_reachable(address) is reachable
