"""A ServiceAccount that is waited for is noticed within seconds, and asked for ever more rarely."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import EscError, ForbiddenError, UnavailableError
from esc_operator.kube.accounts import AUDIENCE, MissingAccounts
from esc_operator.kube.tokens import missing_service_account
from esc_operator.providers.port import IdentityToken
from esc_operator.resources.environment import Key
from unit.reconciliation.fake_api import FakeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WEB, DB = Key("apps", "web"), Key("apps", "db")


class Tokens(FakeApi):
    """Issues tokens for the accounts in `present`; others get what `troubles` says, or are not there."""

    def __init__(self) -> None:
        super().__init__()
        self.present: set[Key] = set()
        self.troubles: dict[Key, EscError] = {}
        self.asked: list[Key] = []

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken:
        assert audience == AUDIENCE
        key = Key(namespace, service_account)
        self.asked.append(key)
        if key in self.troubles:
            raise self.troubles[key]
        if key not in self.present:
            raise missing_service_account(namespace, service_account)
        return IdentityToken("eyJ", None)


class Search:
    def __init__(self) -> None:
        self.api = Tokens()
        self.time = START
        self.wanted: list[Key] = []
        self.found: list[Key] = []
        self.pauses_left = 0
        self.accounts = MissingAccounts(
            self.api, lambda: self.wanted, self.found.append, lambda: self.time, pause=self.pause
        )

    async def pause(self, seconds: float) -> None:
        if not self.pauses_left:
            raise asyncio.CancelledError
        self.pauses_left -= 1
        self.time += timedelta(seconds=seconds)

    async def look(self, seconds: float = 5) -> list[Key]:
        """Who is asked for after so long."""
        self.time += timedelta(seconds=seconds)
        self.api.asked.clear()
        await self.accounts.look()
        return list(self.api.asked)


def search(story: Callable[[Search], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story(Search()))


def test_one_that_is_waited_for_is_found_when_it_is_there() -> None:
    async def story(search: Search) -> None:
        search.wanted = [WEB, DB]
        assert await search.look() == [WEB, DB]
        assert search.found == []
        search.api.present.add(DB)
        await search.look()
        assert search.found == [DB]

    search(story)


def test_nobody_is_asked_for_whom_nobody_waits_for() -> None:
    async def story(search: Search) -> None:
        assert await search.look() == []
        search.wanted = [WEB]
        await search.look()
        search.wanted = []
        assert await search.look() == []

    search(story)


def test_one_that_is_missing_for_long_is_asked_for_more_rarely_but_each_minute() -> None:
    async def story(search: Search) -> None:
        search.wanted = [WEB]
        asked = [bool(await search.look()) for _ in range(720)]
        assert all(asked[:10])
        assert sum(asked[-120:]) == 10  # ten minutes, one a minute
        search.wanted = []
        await search.look()
        search.wanted = [WEB]
        assert [bool(await search.look()) for _ in range(10)] == [True] * 10

    search(story)


def test_a_clock_that_is_set_back_puts_nothing_off() -> None:
    async def story(search: Search) -> None:
        search.wanted = [WEB]
        for _ in range(720):
            await search.look()
        assert await search.look(-7200) == [WEB]
        assert await search.look() == [WEB]

    search(story)


def test_one_that_may_not_be_asked_for_does_not_hide_another(caplog: pytest.LogCaptureFixture) -> None:
    async def story(search: Search) -> None:
        search.wanted, search.api.present = [WEB, DB], {DB}
        search.api.troubles[WEB] = ForbiddenError("no right to it")
        await search.look()
        assert search.found == [DB]

    search(story)
    assert "ServiceAccount apps/web: no right to it" in caplog.text


def test_while_the_api_server_is_away_nobody_else_is_asked_for() -> None:
    async def story(search: Search) -> None:
        search.wanted, search.api.present = [WEB, DB], {DB}
        search.api.troubles[WEB] = UnavailableError("away")
        assert await search.look() == [WEB]
        del search.api.troubles[WEB]
        await search.look()
        assert search.found == [DB]

    search(story)


def test_it_looks_after_each_pause_until_it_is_ended() -> None:
    async def story(search: Search) -> None:
        search.wanted, search.api.present = [WEB], {WEB}
        search.pauses_left = 3
        with pytest.raises(asyncio.CancelledError):
            await search.accounts.run()
        assert search.found == [WEB] * 3

    search(story)
