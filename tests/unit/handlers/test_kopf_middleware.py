"""Namespaces that may not be watched, as kopf gets to see them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from yarl import URL

from esc_operator.handlers.kopf_middleware import PAUSE_SECONDS, Refusals
from esc_operator.handlers.watching import make_settings

if TYPE_CHECKING:
    from aiohttp import ClientRequest

LIST = "https://server/apis/esc-operator.dev/v1alpha1/namespaces/{}/escenvironments?limit=500"


class Answer:
    def __init__(self, status: int) -> None:
        self.status = status
        self.released = False

    def release(self) -> None:
        self.released = True


class Watch:
    """What kopf asks, through the middleware; `pauses` are the seconds that it waited."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.refusals = Refusals(self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def ask(self, url: str, status: int) -> Answer:
        answer = Answer(status)

        class Request:
            def __init__(self) -> None:
                self.url = URL(url)

        async def handler(_: ClientRequest) -> Any:
            return answer

        assert asyncio.run(self.refusals(cast("ClientRequest", Request()), handler)) is cast("Any", answer)
        return answer


def test_a_refusal_looks_like_a_broken_connection_after_a_pause_that_fits_into_a_request() -> None:
    watch = Watch()
    with pytest.raises(aiohttp.ClientPayloadError, match="namespace one cannot be watched"):
        watch.ask(LIST.format("one"), 403)
    assert watch.pauses == [PAUSE_SECONDS]
    assert cast("float", make_settings().networking.request_timeout) > PAUSE_SECONDS


@pytest.mark.parametrize("status", [200, 401, 404, 410, 500])
def test_every_other_answer_is_left_to_kopf(status: int) -> None:
    watch = Watch()
    assert not watch.ask(LIST.format("one"), status).released
    assert watch.pauses == []


def test_what_belongs_to_no_namespace_is_left_to_kopf() -> None:
    watch = Watch()
    watch.ask("https://server/apis/esc-operator.dev/v1alpha1", 403)
    assert watch.pauses == []


def test_it_is_reported_once_that_a_namespace_is_refused_and_once_that_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "esc_operator")
    watch = Watch()
    for _ in range(3):
        with pytest.raises(aiohttp.ClientPayloadError):
            watch.ask(LIST.format("one"), 403)
        watch.ask(LIST.format("two"), 200)
    watch.ask(LIST.format("one"), 200)
    watch.ask(LIST.format("one"), 200)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "Namespace one cannot be watched",
        "Namespace one can be watched again.",
    ]
