"""Which logins are shared, which are not, and what a caller that gives up takes away from the others: nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.sharing import ANY_AGE, Demand, SharedLogins, login_key
from esc_operator.evaluation import Failed, Lease, Opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
KEY = login_key("aws-login", "system:serviceaccount:apps:web", {"oidc": {"roleArn": "r"}})


class Provider:
    """Mints numbered values that live for `life`; waits for `gate` where there is one."""

    def __init__(self, life: timedelta | None = HOUR) -> None:
        self.time = START
        self.life = life
        self.minted = 0
        self.gate: asyncio.Event | None = None
        self.failure: Failed | None = None
        self.logins = SharedLogins(lambda: self.time, capacity=3)

    async def log_in(self) -> Opened | Failed:
        self.minted += 1
        number, issued_at = self.minted, self.time
        if self.gate:
            await self.gate.wait()
        if self.failure:
            return self.failure
        lease = Lease(issued_at, issued_at + self.life) if self.life else None
        return Opened(value={"secret": f"minted-{number}"}, lease=lease, secret=True)

    async def open(self, demand: Demand = ANY_AGE, key: Any = KEY) -> Any:
        answer = await self.logins.open(key, demand, self.log_in)
        return answer.value["secret"] if isinstance(answer, Opened) else answer


async def under_way(provider: Provider, minted: int) -> None:
    while provider.minted < minted:  # noqa: ASYNC110 - the provider is told nothing of its test
        await asyncio.sleep(0)


async def together(*opens: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*opens))


def play(scenario: Callable[[Provider], Coroutine[Any, Any, None]], life: timedelta | None = HOUR) -> Provider:
    async def run() -> Provider:
        provider = Provider(life)
        await scenario(provider)
        return provider

    return asyncio.run(run())


def test_many_at_once_mint_once() -> None:
    async def scenario(provider: Provider) -> None:
        assert await asyncio.gather(*(provider.open() for _ in range(50))) == ["minted-1"] * 50

    assert play(scenario).minted == 1


def test_a_second_later_the_same_login_is_shared() -> None:
    async def scenario(provider: Provider) -> None:
        await provider.open()
        provider.time += timedelta(seconds=1)
        assert await provider.open() == "minted-1"

    play(scenario)


def test_a_rotation_takes_nothing_that_was_issued_before_it() -> None:
    async def scenario(provider: Provider) -> None:
        await provider.open()
        provider.time += MINUTE
        requested = provider.time
        provider.time += MINUTE
        assert await provider.open(Demand(fresh_after=requested)) == "minted-2"
        assert await provider.open(Demand(fresh_after=requested)) == "minted-2"
        assert await provider.open() == "minted-2"

    play(scenario)


def test_a_rotation_asked_for_in_the_future_is_one_asked_for_now() -> None:
    async def scenario(provider: Provider) -> None:
        await provider.open()
        provider.time += MINUTE
        demand = Demand(fresh_after=provider.time + HOUR)
        assert await provider.open(demand) == "minted-2"
        assert await provider.open(demand) == "minted-2"

    play(scenario)


def test_a_rotation_does_not_join_a_login_that_started_before_it() -> None:
    async def scenario(provider: Provider) -> None:
        provider.gate = asyncio.Event()
        early = asyncio.create_task(provider.open())
        await under_way(provider, 1)
        provider.time += MINUTE
        late = [asyncio.create_task(provider.open(Demand(fresh_after=provider.time))) for _ in range(3)]
        await under_way(provider, 2)
        provider.gate.set()
        assert await early == "minted-1"
        assert await asyncio.gather(*late) == ["minted-2"] * 3
        assert await provider.open() == "minted-2"

    play(scenario)


def test_a_login_that_was_overtaken_does_not_replace_the_fresher_one() -> None:
    async def scenario(provider: Provider) -> None:
        provider.gate = slow = asyncio.Event()
        early = asyncio.create_task(provider.open())
        await under_way(provider, 1)
        provider.gate, provider.time = None, provider.time + MINUTE
        assert await provider.open(Demand(fresh_after=provider.time)) == "minted-2"
        slow.set()
        await early
        assert await provider.open() == "minted-2"

    play(scenario)


def test_what_is_to_be_replaced_does_not_outlive_itself_by_a_fraction_of_a_second() -> None:
    async def scenario(provider: Provider) -> None:
        provider.time += timedelta(milliseconds=250)
        await provider.open()
        provider.time += 20 * MINUTE
        assert await provider.open(Demand(valid_until=START + HOUR)) == "minted-2"

    play(scenario)


def test_a_renewal_ahead_of_expiry_mints_and_the_next_one_shares_it() -> None:
    async def scenario(provider: Provider) -> None:
        await provider.open()
        provider.time += 35 * MINUTE
        demand = Demand(valid_until=START + HOUR)
        assert await provider.open(demand) == "minted-2"
        provider.time += timedelta(seconds=1)
        assert await provider.open(demand) == "minted-2"

    play(scenario)


def test_nobody_starts_with_credentials_that_are_due_for_renewal() -> None:
    async def scenario(provider: Provider) -> None:
        await provider.open()
        provider.time += 39 * MINUTE
        assert await provider.open() == "minted-1"
        provider.time += MINUTE
        assert await provider.open() == "minted-2"

    play(scenario)


def test_expired_logins_are_dropped_and_their_number_is_bounded() -> None:
    async def scenario(provider: Provider) -> None:
        for number in range(5):
            provider.time += timedelta(seconds=1)
            await provider.open(key=login_key("aws-login", "s", {"n": number}))
        assert "3 kept" in repr(provider.logins)
        provider.time += HOUR
        await provider.open()
        assert "1 kept" in repr(provider.logins)

    play(scenario)


def test_of_logins_that_are_replaced_long_before_they_expire_nothing_piles_up() -> None:
    async def scenario(provider: Provider) -> None:
        for number in range(100):
            provider.time += timedelta(seconds=1)
            await provider.open(Demand(fresh_after=provider.time))
            assert await provider.open() == f"minted-{number + 1}"
        assert len(provider.logins._shelves[""]._ends) <= 3  # twice as many as are kept, and one
        await provider.open(key=login_key("aws-login", "s", {"n": 1}))
        provider.time += HOUR - timedelta(seconds=1)
        assert await provider.open() != "minted-100"
        assert "2 kept" in repr(provider.logins)

    play(scenario)


def test_what_has_no_lease_is_shared_only_while_under_way() -> None:
    async def scenario(provider: Provider) -> None:
        assert await together(provider.open(), provider.open()) == ["minted-1"] * 2
        assert await provider.open() == "minted-2"

    play(scenario, life=None)


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    async def scenario(provider: Provider) -> None:
        provider.failure = Failed("no", "RoleTrustRefused")
        assert await together(provider.open(), provider.open()) == [provider.failure] * 2
        provider.failure = None
        assert await provider.open() == "minted-2"

    play(scenario)


def test_a_crash_reaches_all_who_wait_and_is_not_kept() -> None:
    async def scenario(provider: Provider) -> None:
        async def crash() -> Opened:
            await asyncio.sleep(0)
            raise KeyError("x")

        opens = (provider.logins.open(KEY, Demand(), crash) for _ in range(2))
        errors = await asyncio.gather(*opens, return_exceptions=True)
        assert [type(error) for error in errors] == [KeyError, KeyError]
        assert await provider.open() == "minted-1"

    play(scenario)


def test_a_caller_that_gives_up_does_not_take_the_login_from_the_others() -> None:
    async def scenario(provider: Provider) -> None:
        provider.gate = asyncio.Event()
        first, second = (asyncio.create_task(provider.open()) for _ in range(2))
        await under_way(provider, 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        provider.gate.set()
        assert await second == "minted-1"

    assert play(scenario).minted == 1


def test_a_login_that_nobody_waits_for_is_given_up_and_nobody_joins_it() -> None:
    async def scenario(provider: Provider) -> None:
        provider.gate = asyncio.Event()
        only = asyncio.create_task(provider.open())
        await under_way(provider, 1)
        only.cancel()
        late = asyncio.create_task(provider.open())
        await under_way(provider, 2)
        provider.gate.set()
        assert await late == "minted-2"
        assert only.cancelled()

    play(scenario)


@pytest.mark.parametrize(
    "other",
    [
        login_key("gcp-login", "system:serviceaccount:apps:web", {"oidc": {"roleArn": "r"}}),
        login_key("aws-login", "system:serviceaccount:apps:api", {"oidc": {"roleArn": "r"}}),
        login_key("aws-login", "system:serviceaccount:apps:web", {"oidc": {"roleArn": "s"}}),
        login_key("aws-login", "system:serviceaccount:apps:web", {"oidc": {"roleArn": "r"}, "x": None}),
    ],
)
def test_another_provider_identity_or_input_never_shares(other: Any) -> None:
    async def scenario(provider: Provider) -> None:
        assert await together(provider.open(), provider.open(key=other)) == ["minted-1", "minted-2"]

    play(scenario)


def test_the_order_of_inputs_does_not_matter() -> None:
    assert login_key("p", "s", {"a": 1, "b": 2}) == login_key("p", "s", {"b": 2, "a": 1})


@given(st.text(min_size=6))
def test_neither_keys_nor_logins_show_a_secret(secret: str) -> None:
    secret = f"<{secret}>"
    key = login_key("aws-login", "s", {"static": {"secretAccessKey": secret}})

    async def run() -> str:
        logins = SharedLogins(lambda: START)

        async def log_in() -> Opened:
            return Opened(value={"k": secret}, lease=Lease(START, START + HOUR), secret=True)

        opened = await logins.open(key, Demand(), log_in)
        return f"{logins} {logins!r} {opened} {opened!r}"

    assert secret not in f"{key} {key!r}" + asyncio.run(run())


# Among namespaces.


def of(tenant: str, number: int) -> Any:
    return login_key("aws-login", "s", {"n": number}, tenant=tenant)


def test_whoever_keeps_the_most_loses_one_where_there_is_no_more_room() -> None:
    async def scenario(provider: Provider) -> None:
        blue = await provider.open(key=of("blue", 0))
        for number in range(100):
            provider.time += timedelta(seconds=1)
            await provider.open(key=of("red", number))
        assert "3 kept" in repr(provider.logins)
        assert await provider.open(key=of("blue", 0)) == blue


def test_what_was_issued_before_a_rotation_began_is_given_to_nobody_afterwards() -> None:
    async def scenario(provider: Provider) -> None:
        assert await provider.open() == "minted-1"
        provider.time += MINUTE
        provider.logins.renounce()
        assert await provider.open() == "minted-2"
        assert await together(provider.open(), provider.open()) == ["minted-2", "minted-2"]

    play(scenario)


def test_a_namespace_that_waits_for_too_many_is_told_so_and_another_one_is_not() -> None:
    async def scenario(provider: Provider) -> None:
        provider.logins = SharedLogins(lambda: provider.time, under_way=5)
        provider.gate = asyncio.Event()
        waiting = [asyncio.create_task(provider.open(key=of("red", number))) for number in range(5)]
        waiting.append(asyncio.create_task(provider.open(key=of("red", 0))))  # which shares one
        await under_way(provider, 5)
        assert await provider.open(key=of("red", 5)) == Failed(
            'the provider "aws-login" was not called: namespace red already waits for 5 logins, the maximum;'
            " open fewer, or share them (calls with equal inputs are made once); this is tried again later",
            "NoTurn",
        )
        waiting.append(asyncio.create_task(provider.open(key=of("blue", 0))))
        await under_way(provider, 6)
        provider.gate.set()
        await together(*waiting)
        assert str(await provider.open(key=of("red", 5))).startswith("minted-")

    play(scenario)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 4000)), max_size=60))
def test_however_logins_come_and_go_no_more_are_kept_than_there_is_room_for_and_the_count_is_true(
    opens: list[tuple[str, int, int]],
) -> None:
    async def scenario(provider: Provider) -> None:
        for tenant, number, seconds in opens:
            provider.time += timedelta(seconds=seconds)
            await provider.open(key=of(tenant, number))
            kept = {name: len(shelf.kept) for name, shelf in provider.logins._shelves.items()}
            assert sum(kept.values()) <= 3
            assert all(kept.values())
            assert repr(provider.logins) == f"SharedLogins({sum(kept.values())} kept, 0 under way)"


def test_a_login_that_is_under_way_when_a_rotation_begins_is_made_anew_for_all_who_wait_for_it() -> None:
    async def scenario(provider: Provider) -> None:
        provider.gate = asyncio.Event()
        waiting = asyncio.gather(provider.open(), provider.open())
        await under_way(provider, 1)
        provider.time += MINUTE
        provider.logins.renounce()
        provider.gate.set()
        assert list(await waiting) == ["minted-2", "minted-2"]
        assert await provider.open() == "minted-2"

    play(scenario)


class Large:
    """A value that counts as so many logins."""

    def __init__(self, weight: int) -> None:
        self.weight = weight


def test_a_large_answer_counts_as_several_and_leaves_room_for_others() -> None:
    async def scenario(provider: Provider) -> None:
        opened: list[int] = []

        async def large(weight: int) -> Opened:
            opened.append(weight)
            return Opened(Large(weight), Lease(provider.time, provider.time + HOUR))

        assert await provider.open() == "minted-1"
        for weight in (2, 2, 4, 4):
            await provider.logins.open(of("large", weight), ANY_AGE, partial(large, weight))
        assert opened == [2, 4, 4]  # what is larger than all room is not kept
        assert await provider.open() == "minted-1"

    play(scenario)
