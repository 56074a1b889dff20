"""Tokens of ServiceAccounts: one for a moment, and never for anybody else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.errors import IdentityError, UnavailableError
from esc_operator.kube.identity_tokens import SHARED, IdentityTokens
from esc_operator.providers.port import IdentityToken
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

APPS = Key("apps", "default")
STS = "sts.amazonaws.com"


class Server:
    """Gives a new token at each request, unless a failure is up; `slow` keeps an answer back for a while."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, tzinfo=UTC)
        self.asked: list[tuple[str, str, str]] = []
        self.failures: list[Exception] = []
        self.slow = timedelta(0)
        self.tokens = IdentityTokens(self, lambda: self.time)  # type: ignore[arg-type] # all that is asked of it

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken:
        self.asked.append((namespace, service_account, audience))
        for _ in range(5):
            await asyncio.sleep(0)
        self.time += self.slow
        if self.failures:
            raise self.failures.pop()
        return IdentityToken(f"hunter2-{len(self.asked)}", self.time + timedelta(seconds=600))

    async def at_once(self, count: int, account: Key = APPS, audience: str = STS) -> set[Any]:
        asked = (self.tokens.token(account, audience) for _ in range(count))
        found = await asyncio.gather(*asked, return_exceptions=True)
        return {one.reveal() if isinstance(one, IdentityToken) else one for one in found}


def play(story: Callable[[Server], Coroutine[Any, Any, None]]) -> None:
    async def begin() -> None:
        await story(Server())

    asyncio.run(begin())


def test_who_asks_within_a_moment_gets_the_same_token_and_who_asks_later_another_one() -> None:
    async def story(server: Server) -> None:
        assert await server.at_once(20) == {"hunter2-1"}
        server.time += SHARED - timedelta(milliseconds=1)
        assert await server.at_once(2) == {"hunter2-1"}
        server.time += timedelta(milliseconds=1)
        assert await server.at_once(2) == {"hunter2-2"}

    play(story)


def test_no_other_account_and_no_other_audience_gets_it() -> None:
    async def story(server: Server) -> None:
        for account in (APPS, Key("apps", "web"), Key("team", "default")):
            for audience in (STS, "vault"):
                await server.at_once(3, account, audience)
        assert len(server.asked) == len(set(server.asked)) == 6

    play(story)


def test_a_slow_answer_still_serves_all_who_waited_for_it() -> None:
    async def story(server: Server) -> None:
        server.slow = 3 * SHARED
        assert await server.at_once(20) == {"hunter2-1"}

    play(story)


def test_a_failure_is_reported_to_one_and_the_next_one_asks_anew() -> None:
    async def story(server: Server) -> None:
        missing = IdentityError("there is no such ServiceAccount")
        server.failures = [missing, UnavailableError("could not get a token")]
        assert len(await server.at_once(3)) == 3
        assert len(server.asked) == 3
        assert await server.at_once(3) == {"hunter2-3"}

    play(story)


def test_who_gives_up_takes_the_token_from_nobody() -> None:
    async def story(server: Server) -> None:
        first = asyncio.create_task(server.tokens.token(APPS, STS))
        second = asyncio.create_task(server.tokens.token(APPS, STS))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).reveal() == "hunter2-2"

    play(story)


def test_nothing_of_a_clock_that_went_wrong_is_shared_for_longer() -> None:
    async def story(server: Server) -> None:
        await server.at_once(1)
        server.time -= timedelta(hours=1)
        assert await server.at_once(1) == {"hunter2-2"}

    play(story)


def test_of_accounts_that_do_not_ask_again_nothing_is_kept() -> None:
    async def story(server: Server) -> None:
        for number in range(50):
            await server.at_once(1, Key("apps", f"robot-{number}"))
        server.time += SHARED
        await server.at_once(1)
        assert repr(server.tokens) == "IdentityTokens(1 kept)"

    play(story)


def test_a_token_never_shows() -> None:
    async def story(server: Server) -> None:
        await server.at_once(1)
        assert "hunter2" not in f"{server.tokens!r} {server.tokens}"

    play(story)
