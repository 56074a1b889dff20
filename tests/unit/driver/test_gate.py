"""An outage of a provider costs few calls, is told to all who wait, and its end is noticed and told; and whatever one
namespace meets or asks for is no matter of another's."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.driver.breaker import FAILURES, FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE
from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.endpoint_breaker import WITNESSES
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.services import MOST_SERVICES
from esc_operator.driver.sharing import Demand, SharedLogins
from esc_operator.errors import IdentityError, ProviderError
from esc_operator.evaluation import Failed, Opened
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.aws import reasons as aws_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from esc_operator.providers.port import IdentityToken, OpenContext

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
REASONS = sorted({value for module in (aws_reasons, reasons) for name, value in vars(module).items() if name.isupper()})
TROUBLES = (aws_reasons.AWS_UNAVAILABLE, aws_reasons.IDP_COMMUNICATION_ERROR, login_reasons.THROTTLED)
AT_ONCE, ALONE, BURST, RATE = 4, 3, 10, 5  # one namespace has three of four; a burst is twice the rate


class Caller:
    def __init__(self, tenant: str = "apps") -> None:
        self.tenant = tenant
        self.subject = f"system:serviceaccount:{tenant}:web"

    async def token(self, audience: str) -> IdentityToken:
        raise IdentityError(f"no token for {audience}", reason="KubernetesUnavailable", retry_after=60)


class Clock:
    """Stands still until it is moved; who sleeps wakes in time."""

    def __init__(self) -> None:
        self.time = START
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        recovery = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + timedelta(seconds=seconds), next(self._count), recovery))
        await recovery

    async def skip(self, seconds: float) -> None:
        end = self.time + timedelta(seconds=seconds)
        await self.rest()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.time, _, recovery = heapq.heappop(self._sleepers)
            if not recovery.done():
                recovery.set_result(None)
            await self.rest()
        self.time = end

    async def rest(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)


class Cloud:
    """A provider. `trouble` is what it fails with, `calls` when it was called, by endpoint."""

    name = "cloud"
    host_inputs = ()
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[datetime] = []
        self.asked: Counter[str] = Counter()
        self.names: list[str] = []
        self.trouble: BaseException | None = None
        self.broken: set[str] = set()
        self.troubled: dict[str, ProviderError] = {}
        self.slow: dict[str, float] = {}
        self.running = self.most = 0
        self.hang: asyncio.Event | None = None

    def account(self, inputs: Mapping[str, Any]) -> str:
        return str(inputs.get("account", ""))

    def endpoint(self, inputs: Mapping[str, Any], _: Mapping[str, str]) -> str | None:
        place: str | None = inputs.get("at", "here")
        return place

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        self.calls.append(self.clock.time)
        self.asked[str(inputs.get("at", "here"))] += 1
        self.names.append(str(inputs.get("name", "")))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await (self.hang.wait() if self.hang else asyncio.sleep(0))
            if context.identity.tenant in self.slow:
                await self.clock.sleep(self.slow[context.identity.tenant])
        finally:
            self.running -= 1
        if inputs.get("identity"):
            await context.identity.token("aud")
        if trouble := self.troubled.get(context.identity.tenant):
            raise trouble
        if self.trouble and (not self.broken or inputs.get("at", "here") in self.broken):
            raise self.trouble
        return Opened(value=None)


class Setting:
    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud = Cloud(self.clock)
        self.recovered: list[datetime] = []
        registry: Any = self
        self.opener = Opener(
            pool=BlockingPool(),
            logins=SharedLogins(self.clock.now),
            settings={},
            now=self.clock.now,
            sleep=self.clock.sleep,
            catalogue=Catalogue(registry, registry),
            at_once=AT_ONCE,
            rate=RATE,
        )
        self.opener.listen(self.note_recovery)
        self.recovered_for: list[str | None] = []
        self._numbers = itertools.count()

    def find(self, _: str) -> Any:
        return self.cloud

    def note_recovery(self, _: float, tenant: str | None) -> None:
        self.recovered.append(self.clock.time)
        self.recovered_for.append(tenant)

    async def ask(self, tenant: str = "apps", **inputs: Any) -> Any:
        return await self.renew(None, tenant, **inputs)

    async def renew(self, valid_until: datetime | None, tenant: str = "apps", **inputs: Any) -> Any:
        demand = Demand(valid_until=valid_until)
        return await self.opener.open("cloud", {"n": next(self._numbers), **inputs}, Caller(tenant), demand)

    async def begin_outage(self, **inputs: Any) -> None:
        self.cloud.trouble = down()
        for _ in range(FAILURES):
            assert (await self.ask(**inputs)).reason == "AWSUnavailable"


def down(reason: str = aws_reasons.AWS_UNAVAILABLE, retry_after: float | None = None) -> ProviderError:
    throttled = reason == login_reasons.THROTTLED
    assert reason in TROUBLES
    return ProviderError(
        "the role of somebody else was not reached",
        reason=reason,
        retry_after=retry_after,
        outage=not throttled,
        throttled=throttled,
    )


def trouble(reason: str, retry_after: float | None = None) -> ProviderError:
    """An outage, or a mistake of the user's."""
    if reason in TROUBLES:
        return down(reason, retry_after)
    return ProviderError("refused", reason=reason, retry_after=retry_after)


def is_paused(answer: Any) -> bool:
    """Whether nobody was asked."""
    return isinstance(answer, Failed) and "is paused" in answer.message


def play(story: Callable[[Setting], Coroutine[Any, Any, None]]) -> Setting:
    setting = Setting()

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story(setting)

    asyncio.run(bounded())
    return setting


def test_in_an_outage_all_fail_at_once_and_the_provider_is_left_alone() -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        for _ in range(50):
            refused = await setting.ask()
            assert refused == Failed(
                'the provider "cloud" (here) is paused until 2026-05-01T12:00:05Z, because its last calls failed;'
                " this is tried again as soon as it answers",
                "AWSUnavailable",
                FIRST_PAUSE.total_seconds(),
                outage=True,
            )
        assert len(setting.cloud.calls) == FAILURES

    play(story)


def test_of_those_that_wait_the_new_go_first_and_the_others_by_their_expiry() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.hang = asyncio.Event()
        busy = [asyncio.create_task(setting.ask()) for _ in range(ALONE)]
        await setting.clock.rest()
        minutes = [30, 10, 20, 40]
        waiting = [setting.renew(START + timedelta(minutes=each), name=f"{each}") for each in minutes]
        tasks = [asyncio.create_task(one) for one in (*waiting, setting.ask(name="new"))]
        await setting.clock.rest()
        setting.cloud.hang.set()
        await asyncio.gather(*busy, *tasks)
        assert setting.cloud.names[ALONE:] == ["new", "10", "20", "30", "40"]

    play(story)


def test_whoever_meets_the_outage_is_told_how_long_to_wait() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down()
        waits = [(await setting.ask()).retry_after for _ in range(FAILURES)]
        assert waits == [None] * (FAILURES - 1) + [FIRST_PAUSE.total_seconds()]

    play(story)


def test_after_the_pause_one_call_finds_out_and_the_others_are_told_so() -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        await setting.clock.skip(FIRST_PAUSE.total_seconds())
        setting.cloud.hang = asyncio.Event()
        probe = asyncio.create_task(setting.ask())
        await setting.clock.rest()
        refused = await setting.ask()
        assert refused.reason == "AWSUnavailable"
        assert "is paused until one call has found out whether it is back" in refused.message
        setting.cloud.trouble = None
        setting.cloud.hang.set()
        assert isinstance(await probe, Opened)
        assert isinstance(await setting.ask(), Opened)
        assert len(setting.recovered) == 1

    play(story)


def test_the_end_of_an_outage_is_reported_once_and_nothing_else_is() -> None:
    async def story(setting: Setting) -> None:
        await setting.ask()
        setting.cloud.trouble = down()
        await setting.ask()
        setting.cloud.trouble = None
        await setting.ask()
        assert setting.recovered == []
        await setting.begin_outage()
        setting.cloud.trouble = None
        await setting.clock.skip(60)
        await setting.ask()
        await setting.ask()
        assert len(setting.recovered) == 1

    play(story)


def test_a_wish_to_be_left_alone_holds_for_everybody() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down(login_reasons.THROTTLED, 120)
        assert (await setting.ask()).retry_after == 120
        setting.cloud.trouble = None
        await setting.clock.skip(119)
        assert is_paused(await setting.ask())
        await setting.clock.skip(1)
        assert isinstance(await setting.ask(), Opened)
        assert len(setting.cloud.calls) == 2

    play(story)


@pytest.mark.parametrize("wish", [float("inf"), 1e300, float("nan"), -5.0])
def test_a_wish_that_makes_no_sense_stops_nothing(wish: float) -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down(login_reasons.THROTTLED, wish)
        assert ((await setting.ask()).retry_after or 0) <= LONGEST_ASKED.total_seconds()
        setting.cloud.trouble = None
        await setting.clock.skip(LONGEST_ASKED.total_seconds())
        assert isinstance(await setting.ask(), Opened)

    play(story)


def test_a_service_that_is_out_of_order_is_not_held_against_another() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.broken = {"no-such-region"}
        await setting.begin_outage(at="no-such-region")
        assert is_paused(await setting.ask(at="no-such-region"))
        assert isinstance(await setting.ask(at="here"), Opened)
        # Nobody is asked for this one.
        assert isinstance(await setting.ask(at=None), Opened)

    play(story)


def test_inputs_that_ask_nobody_are_not_counted() -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        setting.cloud.trouble = None
        assert isinstance(await setting.ask(at=None), Opened)
        assert is_paused(await setting.ask())

    play(story)


def test_no_choice_of_inputs_makes_the_memory_grow() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.broken = {"here"}
        await setting.begin_outage()
        setting.cloud.broken = set()
        for number in range(MOST_SERVICES * 2):
            await setting.clock.skip(1)
            await setting.ask("many", at=f"region-{number}")
        services = setting.opener._gates["cloud"].services
        assert len(services) <= 2 * MOST_SERVICES + 3
        assert (await setting.ask()).retry_after == 2 * FIRST_PAUSE.total_seconds()  # of others nothing is forgotten

    play(story)


@pytest.mark.parametrize("reason", REASONS)
def test_what_no_provider_declares_an_outage_pauses_none_whatever_its_reason(reason: str) -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = ProviderError("refused", reason=reason, retry_after=60)
        for _ in range(FAILURES * 3):
            await setting.clock.skip(1)
            assert (await setting.ask()).reason == reason

    play(story)


def test_neither_does_a_crash_or_an_identity_that_cannot_be_had() -> None:
    async def story(setting: Setting) -> None:
        for _ in range(FAILURES * 3):
            await setting.clock.skip(1)
            refused = await setting.ask(identity=True)
            assert (refused.reason, refused.retry_after) == ("KubernetesUnavailable", 60)
        setting.cloud.trouble = KeyError("x")
        for _ in range(FAILURES * 3):
            await setting.clock.skip(1)
            assert (await setting.ask()).reason == "ProviderCrashed"

    play(story)


def test_a_mistake_while_it_is_found_out_leaves_that_to_the_next() -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        await setting.clock.skip(60)
        setting.cloud.trouble = trouble(aws_reasons.ROLE_TRUST_REFUSED)
        assert (await setting.ask()).reason == "RoleTrustRefused"
        setting.cloud.trouble = None
        assert isinstance(await setting.ask(), Opened)
        assert len(setting.recovered) == 1

    play(story)


def test_one_that_gives_up_while_it_finds_out_leaves_that_to_the_next() -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        await setting.clock.skip(60)
        setting.cloud.hang = asyncio.Event()
        probe = asyncio.create_task(setting.ask())
        await setting.clock.rest()
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        await setting.clock.rest()
        setting.cloud.hang, setting.cloud.trouble = None, None
        assert isinstance(await setting.ask(), Opened)

    play(story)


def test_what_waits_for_its_turn_when_an_outage_is_found_out_is_reported_at_once() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble, setting.cloud.hang = down(), asyncio.Event()
        waiting = [asyncio.create_task(setting.ask()) for _ in range(60)]
        await setting.clock.skip(1)
        setting.cloud.hang.set()
        await setting.clock.skip(60)
        told = [is_paused(await one) for one in waiting]
        assert told.count(False) == len(setting.cloud.calls) <= FAILURES + AT_ONCE - 1

    play(story)


def test_after_a_rest_a_burst_goes_at_once_and_then_so_many_a_second_and_nobody_is_passed_over() -> None:
    async def story(setting: Setting) -> None:
        answered: list[int] = []

        async def ask(number: int) -> None:
            await setting.ask()
            answered.append(number)

        waiting = [asyncio.create_task(ask(number)) for number in range(60)]
        await setting.clock.rest()
        await setting.clock.skip(0.1)
        assert len(setting.cloud.calls) == BURST
        await setting.clock.skip(4)
        assert len(setting.cloud.calls) == BURST + 4 * RATE
        await setting.clock.skip(6)
        assert answered == list(range(60))
        assert all(task.done() for task in waiting)

    assert play(story).cloud.most <= AT_ONCE


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def story(setting: Setting) -> None:
        await setting.begin_outage()
        for _ in range(20):
            await setting.clock.skip(10)
            await setting.ask()
        setting.cloud.trouble = None
        await setting.clock.skip(60)
        await setting.ask()

    with caplog.at_level(logging.INFO, "esc_operator.driver.gate"):
        play(story)
    assert [record.message for record in caplog.records] == [
        'the provider "cloud" (here) is out of order, for namespace apps (AWSUnavailable): pausing its calls.',
        'the provider "cloud" (here) answers again, for namespace apps.',
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.sampled_from([0.0, 0.2, 1.0, 7.0, 31.0]), min_size=5, max_size=60),
    st.sampled_from(TROUBLES),
)
def test_an_outage_costs_few_calls_however_many_wait_and_after_it_all_get_through(
    many: int, gaps: list[float], reason: str
) -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down(reason)
        for gap in gaps:
            asked = [asyncio.create_task(setting.ask()) for _ in range(many)]
            await setting.clock.skip(gap)
            await setting.clock.rest()
            done = [task.result() for task in asked if task.done()]
            assert all(isinstance(answer, Failed) for answer in done)
        await setting.clock.skip(many * len(gaps) / RATE)
        lasted = (setting.clock.time - START).total_seconds()
        growing = 4
        assert len(setting.cloud.calls) <= FAILURES + AT_ONCE + growing + lasted / LONGEST_PAUSE.total_seconds()
        setting.cloud.trouble = None
        await setting.clock.skip(LONGEST_PAUSE.total_seconds())
        assert isinstance(await setting.ask(), Opened)
        last = [asyncio.create_task(setting.ask()) for _ in range(many)]
        await setting.clock.skip((many + 1) / RATE)
        assert all(isinstance(task.result(), Opened) for task in last)

    assert play(story).cloud.most <= AT_ONCE


# Among namespaces.


async def is_served(setting: Setting, tenant: str = "blue", within: float = 1.0, **inputs: Any) -> bool:
    asked = asyncio.create_task(setting.ask(tenant, **inputs))
    await setting.clock.skip(within)
    served = asked.done() and isinstance(asked.result(), Opened)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    return served


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_one_namespace_meets_is_no_matter_of_anothers_even_for_the_same_account(trouble: str) -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.troubled["red"] = down(trouble, 900)
        told = await setting.ask("red", account="account 1")
        assert told.retry_after == 900
        for _ in range(FAILURES * 2):
            assert is_paused(await setting.ask("red", account="account 1"))
        assert await is_served(setting, account="account 1")
        assert setting.recovered == []

    play(story)


def test_a_namespace_whose_account_is_throttled_goes_on_with_another_account_and_is_told_of_which() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down(login_reasons.THROTTLED, 900)
        await setting.ask("red", account="account 1")
        setting.cloud.trouble = None
        assert await setting.ask("red", account="account 1") == Failed(
            'the provider "cloud" (here), for account 1, is paused until 2026-05-01T12:15:00Z, because it'
            " limits the rate of calls; this is tried again as soon as it answers",
            "Throttled",
            900,
            outage=True,
        )
        assert isinstance(await setting.ask("red", account="account 2"), Opened)

    play(story)


def test_what_several_namespaces_have_met_is_everybodys_and_so_is_its_end() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down()
        for number in range(FAILURES):
            await setting.ask(f"red-{number % WITNESSES}")
        assert is_paused(await setting.ask("blue"))
        assert setting.opener.out_of_order() == {"cloud": 1}
        setting.cloud.trouble = None
        await setting.clock.skip(FIRST_PAUSE.total_seconds())
        assert isinstance(await setting.ask("blue"), Opened)
        assert setting.recovered_for == [None]
        assert isinstance(await setting.ask("red-0"), Opened)

    play(story)


def test_several_namespaces_that_are_throttled_for_one_account_say_nothing_of_the_endpoint() -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.trouble = down(login_reasons.THROTTLED)
        for number in range(BURST - 1):
            await setting.ask(f"red-{number % WITNESSES}", account="account 1")
        setting.cloud.trouble = None
        assert await is_served(setting)

    play(story)


def test_whoever_comes_first_with_a_call_that_fails_does_not_keep_the_endpoint_closed_for_others() -> None:
    async def story(setting: Setting) -> None:
        for number in range(WITNESSES):
            setting.cloud.troubled[f"red-{number}"] = down()
        for number in range(FAILURES):
            await setting.ask(f"red-{number % WITNESSES}")
        waited = 0
        while not isinstance(await setting.ask("blue"), Opened):
            waited += 1
            for number in range(WITNESSES):  # always ahead
                await setting.ask(f"red-{number}")
            await setting.clock.skip(0.5)
            for number in range(WITNESSES):
                await setting.ask(f"red-{number}")
            await setting.clock.skip(0.5)
        assert waited <= 2 * FIRST_PAUSE.total_seconds()

    play(story)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 59.0])
def test_a_thousand_logins_of_one_namespace_hold_nobody_elses_up(seconds: float) -> None:
    async def story(setting: Setting) -> None:
        setting.cloud.slow["red"] = seconds
        flood = [asyncio.create_task(setting.ask("red")) for _ in range(1000)]
        await setting.clock.skip(3)
        for _ in range(5):
            assert await is_served(setting)
            await setting.clock.skip(1)
        for one in flood:
            one.cancel()
        await asyncio.gather(*flood, return_exceptions=True)

    play(story)


DEEDS = st.tuples(
    st.sampled_from([*TROUBLES, "RoleTrustRefused", "ProviderCrashed", "", "slow"]),
    st.sampled_from(["here", "nowhere"]),
    st.sampled_from(["account 1", "account 2"]),
    st.sampled_from([None, 0.5, 900.0]),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3, 6.0, 40.0]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(DEEDS, max_size=12))
def test_whatever_one_namespace_does_another_is_served_within_a_second(deeds: list[Any]) -> None:
    async def story(setting: Setting) -> None:
        tasks: list[asyncio.Task[Any]] = []
        for reason, endpoint, account, wish, many, gap in deeds:
            setting.cloud.troubled.pop("red", None)
            setting.cloud.slow.pop("red", None)
            if reason == "slow":
                setting.cloud.slow["red"] = 59.0
            elif reason:
                setting.cloud.troubled["red"] = trouble(reason, wish)
            tasks += [asyncio.create_task(setting.ask("red", at=endpoint, account=account)) for _ in range(many)]
            await setting.clock.skip(gap)
            assert await is_served(setting, account=account)
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    play(story)
