"""Who may read /metrics: asked of the API server, not too often, and remembered without the token."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from esc_operator.errors import ForbiddenError, KubeError, UnavailableError
from esc_operator.handlers.exposition import Exposition
from esc_operator.handlers.metrics import Metrics
from esc_operator.handlers.metrics_access import LONGEST_TOKEN, QUESTIONS, REMEMBERED, WITHIN, MetricsAccess, Verdict
from esc_operator.kube.paths import TOKEN_REVIEWS
from local_cluster.ports import free_ports
from unit.handlers.test_metrics import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.paths import Resource

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PROMETHEUS = {
    "username": "system:serviceaccount:monitoring:prometheus",
    "uid": "u-1",
    "groups": ["g"],
    "extra": {"k": ["v"]},
}


class Cluster:
    """An API server that knows two users, and a clock."""

    def __init__(self) -> None:
        self.now = START
        self.users = {"prometheus": PROMETHEUS, "stranger": {"username": "stranger"}}
        self.allowed = {PROMETHEUS["username"]}
        self.asked: list[Mapping[str, Any]] = []
        self.error: KubeError | None = None
        self.access = MetricsAccess(self, lambda: self.now)

    async def review(
        self, resource: Resource, spec: Mapping[str, Any], namespace: str | None = None
    ) -> Mapping[str, Any]:
        assert namespace is None
        self.asked.append(spec)
        if self.error is not None:
            raise self.error
        if resource is TOKEN_REVIEWS:
            user = self.users.get(spec["token"])
            return {"status": {"authenticated": True, "user": user} if user else {"error": "expired"}}
        assert spec["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}
        return {"status": {"allowed": spec["user"] in self.allowed}}

    def judge(self, token: str) -> Verdict:
        return asyncio.run(self.access.judge(f"Bearer {token}"))


def test_whoever_may_get_the_path_reads_it() -> None:
    cluster = Cluster()
    assert cluster.judge("prometheus") is Verdict.ALLOWED
    review = cluster.asked[1]
    assert (review["user"], review["uid"], review["groups"], review["extra"]) == tuple(PROMETHEUS.values())


def test_others_are_told_what_they_lack() -> None:
    cluster = Cluster()
    assert cluster.judge("stranger") is Verdict.FORBIDDEN
    assert "bind the ClusterRole esc-operator-metrics" in Verdict.FORBIDDEN.text
    assert cluster.judge("nobody") is Verdict.ANONYMOUS
    assert "no valid bearer token: send one of a user who may get /metrics" in Verdict.ANONYMOUS.text


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic prometheus",
        "prometheus",
        f"Bearer {'x' * (LONGEST_TOKEN + 1)}",
        "Bearer é",
    ],
)
def test_what_is_no_token_is_not_asked_about(header: str | None) -> None:
    cluster = Cluster()
    assert asyncio.run(cluster.access.judge(header)) is Verdict.ANONYMOUS
    assert not cluster.asked


def test_an_answer_counts_for_a_minute_and_not_for_longer() -> None:
    cluster = Cluster()
    for token, before in (("prometheus", Verdict.ALLOWED), ("stranger", Verdict.FORBIDDEN)):
        assert cluster.judge(token) is before
        count = len(cluster.asked)
        cluster.now += REMEMBERED - timedelta(seconds=1)
        assert cluster.judge(token) is before
        assert len(cluster.asked) == count
    cluster.allowed.clear()
    cluster.now += REMEMBERED
    assert cluster.judge("prometheus") is Verdict.FORBIDDEN
    cluster.users.clear()
    cluster.now += REMEMBERED
    assert cluster.judge("prometheus") is Verdict.ANONYMOUS


def test_whoever_tries_tokens_is_held_up_and_keeps_nobody_out() -> None:
    cluster = Cluster()
    assert cluster.judge("prometheus") is Verdict.ALLOWED
    cluster.now += REMEMBERED
    tried = [cluster.judge(f"guess-{number}") for number in range(3 * QUESTIONS)]
    assert tried.count(Verdict.ANONYMOUS) == QUESTIONS
    assert tried.count(Verdict.BUSY) == 2 * QUESTIONS
    assert cluster.judge("prometheus") is Verdict.ALLOWED
    cluster.now += WITHIN
    assert cluster.judge("guess") is Verdict.ANONYMOUS


def test_no_token_is_kept() -> None:
    cluster = Cluster()
    cluster.judge("prometheus")
    assert b"prometheus" not in b"".join(cluster.access._remembered)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ForbiddenError("could not create tokenreviews"), "bind the ClusterRole system:auth-delegator"),
        (UnavailableError("could not create tokenreviews"), "could not create tokenreviews"),
    ],
)
def test_where_the_api_server_cannot_be_asked_nobody_reads_and_it_is_logged_once(
    error: KubeError, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster()
    cluster.error = error
    assert cluster.judge("prometheus") is Verdict.UNKNOWN
    assert cluster.judge("prometheus") is Verdict.UNKNOWN
    (record,) = caplog.records
    assert advice in record.getMessage()
    cluster.error = None
    assert cluster.judge("prometheus") is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 401, "no valid bearer token"),
        ({"Authorization": "Bearer stranger"}, 403, "esc-operator-metrics"),
        ({"Authorization": "bearer prometheus"}, 200, "esc_operator_info"),
    ],
)
def test_over_http_the_verdict_is_the_status(headers: Mapping[str, str], status: int, text: str) -> None:
    async def run() -> tuple[int, str]:
        (port,) = free_ports(1)
        exposition = Exposition(Metrics(), lambda: SNAPSHOT, list, lambda: START, 10, access=Cluster().access)
        async with (
            exposition.served(f"127.0.0.1:{port}"),
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            return answer.status, await answer.text()

    answered, told = asyncio.run(run())
    assert answered == status
    assert text in told
    assert ("esc_operator_info" in told) is (status == 200)
