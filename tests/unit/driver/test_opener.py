"""Whatever a provider does, the driver gets an answer, in time, and nothing secret with it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import MODEST_RATE, PROMPT_REPEATS, Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import Demand, SharedLogins
from esc_operator.errors import EscError, IdentityError, ProviderError
from esc_operator.evaluation import UNKNOWN_LOGIN, Failed, Lease, Login, Opened, Rotated
from esc_operator.telemetry import Telemetry
from unit.telemetry.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.providers.port import IdentityToken, OpenContext

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECRET = "hunter2-hunter2"


class Caller:
    subject = "system:serviceaccount:apps:web"
    tenant = "apps"

    async def token(self, audience: str) -> IdentityToken:
        raise IdentityError(f"no token for {audience}")


class Plugin:
    """A provider that does what its test says."""

    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def __init__(self, name: str, act: Callable[[OpenContext], Any]) -> None:
        self.name = name
        self._act = act

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        answer = self._act(context)
        return await answer if asyncio.iscoroutine(answer) else answer  # type: ignore[no-any-return]


class Plugins:
    """Stands in for the registry."""

    def __init__(self, *plugins: Plugin) -> None:
        self._plugins = {plugin.name: plugin for plugin in plugins}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._plugins))

    def find(self, name: str) -> Any:
        if name not in self._plugins:
            raise ProviderError(f'unknown provider "{name}"', reason="UnknownProvider")
        return self._plugins[name]


def opener(*plugins: Plugin, timeout: timedelta = timedelta(seconds=5), at_once: int = 2, **more: Any) -> Opener:
    providers: Any = Plugins(*plugins)
    rotators: Any = Plugins(*plugins)
    return Opener(
        pool=BlockingPool(max_workers=4, per_lane=at_once),
        logins=SharedLogins(lambda: NOW),
        settings={"AWS_SECRET_ACCESS_KEY": SECRET},
        now=lambda: NOW,
        catalogue=Catalogue(providers, rotators),
        timeout=timeout,
        at_once=at_once,
        **more,
    )


def open_once(act: Callable[[OpenContext], Any], *, timeout: timedelta = timedelta(seconds=5)) -> Any:
    async def run() -> Opened | Failed:
        return await opener(Plugin("p", act), timeout=timeout).open("p", {"k": SECRET}, Caller(), Demand())

    return asyncio.run(run())


def raising(error: BaseException) -> Callable[[OpenContext], Any]:
    def act(_: OpenContext) -> Any:
        raise error

    return act


def test_a_provider_gets_its_context_and_its_answer_arrives() -> None:
    async def act(context: OpenContext) -> Opened:
        thread = await context.run_blocking(lambda: threading.current_thread().name)
        return Opened(value=[context.now(), context.identity.subject, thread, len(context.settings)], lease=None)

    assert open_once(act).value == [NOW, Caller.subject, "provider-p", 1]


def test_an_answer_carries_the_login_that_the_provider_says_it_takes() -> None:
    class Borrower(Plugin):
        def login(self, inputs: Any) -> Login:
            return Login(f"role-{len(inputs)}", "aud", gives_token=False)

    async def act(_: OpenContext) -> Opened:
        return Opened(value=None, lease=None)

    async def run() -> Any:
        return await opener(Borrower("p", act)).open("p", {"k": SECRET}, Caller(), Demand())

    assert asyncio.run(run()).login == Login("role-1", "aud", gives_token=False)
    assert open_once(act).login == UNKNOWN_LOGIN, "what a provider does not say is not taken for nothing"


def test_an_esc_error_becomes_an_answer_with_its_words() -> None:
    failed = open_once(raising(ProviderError("slow down", reason="Throttled", retry_after=7, throttled=True)))
    assert (failed.message, failed.reason, failed.retry_after) == ("slow down", "Throttled", 7)


def test_a_missing_identity_becomes_an_answer() -> None:
    async def act(context: OpenContext) -> Any:
        await context.identity.token("aud")

    failed = open_once(act)
    assert (failed.message, failed.reason) == ("no token for aud", "IdentityUnavailable")


def test_an_unknown_provider_becomes_an_answer() -> None:
    async def run() -> Any:
        return await opener().open("nope", {}, Caller(), Demand())

    assert asyncio.run(run()).reason == "UnknownProvider"


@pytest.mark.parametrize("error", [KeyError(SECRET), ValueError(SECRET), ExceptionGroup(SECRET, [KeyError(SECRET)])])
def test_a_crash_tells_its_type_and_nothing_else(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        failed = open_once(raising(error))
    assert failed.reason == "ProviderCrashed"
    assert type(error).__name__ in failed.message
    assert type(error).__name__ in caplog.text
    assert SECRET not in f"{failed!r} {failed} {caplog.text}"
    assert "Traceback" not in caplog.text


def test_an_answer_of_another_kind_is_a_crash() -> None:
    assert open_once(lambda _: {"k": SECRET}).reason == "ProviderCrashed"


@given(st.text(min_size=8), st.sampled_from([KeyError, OSError, RuntimeError, UnicodeError, ArithmeticError]))
def test_no_crash_ever_repeats_its_text(text: str, kind: type[Exception]) -> None:
    secret = f"<{text}>"
    assert secret not in repr(open_once(raising(kind(secret))))


def test_neither_opener_nor_context_shows_its_settings() -> None:
    seen: list[str] = []

    def act(context: OpenContext) -> Opened:
        seen.append(f"{context!r} {context}")
        return Opened(value=None, lease=None)

    open_once(act)
    assert SECRET not in seen[0]

    async def run() -> str:
        return repr(opener())

    assert SECRET not in asyncio.run(run())


def test_a_provider_that_never_answers_times_out() -> None:
    async def act(_: OpenContext) -> Opened:
        await asyncio.Event().wait()
        raise AssertionError

    failed = open_once(act, timeout=timedelta(milliseconds=10))
    assert failed.reason == "ProviderTimeout"
    assert 'the provider "p" did not finish within 0.01 s' in failed.message


def test_a_timeout_of_the_providers_own_is_distinguished() -> None:
    failed = open_once(raising(TimeoutError(SECRET)))
    assert failed.reason == "ProviderTimeout"
    assert 'the provider "p" did not finish in time' in failed.message


def test_a_provider_whose_threads_hang_does_not_stop_another() -> None:
    release = threading.Event()

    async def hang(context: OpenContext) -> Opened:
        await context.run_blocking(lambda: release.wait(10))
        raise AssertionError

    async def work(context: OpenContext) -> Opened:
        return Opened(value=await context.run_blocking(lambda: "well"), lease=None)

    async def run() -> None:
        # The time limit holds for those that work as well, and a busy machine needs a part of it to start a thread.
        both = opener(Plugin("hung", hang), Plugin("well", work), timeout=timedelta(seconds=1))
        hung = [both.open("hung", {"n": number}, Caller(), Demand()) for number in range(3)]
        well = [both.open("well", {"n": number}, Caller(), Demand()) for number in range(5)]
        answers: list[Any] = await asyncio.gather(*hung, *well)
        # Two run at a time. The third gets its turn in the moment in which its own time is over, or just does not.
        assert [answer.reason for answer in answers[:2]] == ["ProviderTimeout"] * 2
        assert answers[2].reason in {"ProviderTimeout", "NoTurn"}
        assert [answer.value for answer in answers[3:]] == ["well"] * 5

    asyncio.run(run())
    release.set()


def test_one_that_had_no_turn_in_time_is_told_so_and_what_to_do() -> None:
    async def run() -> None:
        called, release = asyncio.Event(), asyncio.Event()

        async def hang(_: OpenContext) -> Opened:
            called.set()
            await release.wait()
            return Opened(value=None)

        one = opener(Plugin("hung", hang), at_once=1, timeout=timedelta(minutes=1))
        first = asyncio.create_task(one.open("hung", {"n": 1}, Caller(), Demand()))
        await called.wait()
        one.timeout = timedelta(milliseconds=1)
        assert await one.open("hung", {"n": 2}, Caller(), Demand()) == Failed(
            'the provider "hung" was not called within 0.001 s: namespace apps has more calls waiting than it has'
            " turns; open fewer logins at once, or share them (calls with equal inputs are made once); this is"
            " tried again later",
            "NoTurn",
        )
        release.set()
        assert isinstance(await first, Opened)

    asyncio.run(run())


def test_no_more_opens_of_one_provider_are_under_way_than_allowed() -> None:
    running: list[int] = []
    most: list[int] = []

    async def act(_: OpenContext) -> Opened:
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(0)
        running.pop()
        return Opened(value=None, lease=None)

    async def run() -> None:
        one = opener(Plugin("p", act), at_once=3)
        await asyncio.gather(*(one.open("p", {"n": number}, Caller(), Demand()) for number in range(20)))

    asyncio.run(run())
    assert max(most) == 3


@pytest.mark.parametrize(
    ("asked", "of_the_provider", "rate"), [(None, 50.0, 50), (None, None, MODEST_RATE), (5.0, 50.0, 5), (5.0, None, 5)]
)
def test_a_provider_is_called_as_often_as_its_service_bears_unless_somebody_says_otherwise(
    asked: float | None, of_the_provider: float | None, rate: float
) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> None:
        plugin = Plugin("p", lambda _: Opened(value=None, lease=None))
        if of_the_provider is not None:
            plugin.rate = of_the_provider  # type: ignore[attr-defined] # a provider need not have one
        one = opener(plugin)
        one.rate, one.sleep = asked, note
        for number in range(int(3 * rate)):
            await one.open("p", {"n": number}, Caller(), Demand())

    asyncio.run(run())
    # Twice as many after a rest, and then one after the other; nothing but the waiting moves this clock.
    assert waits == pytest.approx([(number + 1) / rate for number in range(int(rate))], abs=1e-4)


def test_the_same_login_asked_for_at_once_is_opened_once() -> None:
    opened: list[int] = []

    async def act(_: OpenContext) -> Opened:
        opened.append(1)
        await asyncio.sleep(0)
        return Opened(value=None, lease=None)

    async def run() -> None:
        one = opener(Plugin("p", act))
        await asyncio.gather(*(one.open("p", {"n": 1}, Caller(), Demand()) for _ in range(20)))

    asyncio.run(run())
    assert len(opened) == 1


def test_warming_runs_on_the_pool_and_keeps_its_failures_to_itself() -> None:
    warmed: list[str] = []

    class Warm(Plugin):
        def warm(self, settings: Mapping[str, str]) -> None:
            warmed.append(threading.current_thread().name)
            raise EscError("no network")

    async def run() -> None:
        await opener(Warm("p", raising(KeyError())), Plugin("cold", raising(KeyError()))).warm(["p", "cold", "nope"])

    asyncio.run(run())
    assert warmed == ["provider-p"]


# What is told of it.


def told_of(act: Callable[[OpenContext], Any], *, calls: int = 1, timeout: timedelta = timedelta(seconds=5)) -> Notes:
    notes = Notes()
    seconds = itertools.count()

    async def run() -> None:
        one = opener(Plugin("p", act), timeout=timeout)
        one.telemetry = Telemetry(notes, clock=lambda: float(next(seconds)))
        for number in range(calls):
            await one.open("p", {"k": number}, Caller(), Demand())

    asyncio.run(run())
    return notes


def test_credentials_with_a_lease_are_a_mint() -> None:
    lease = Lease(NOW, NOW + timedelta(hours=1))
    notes = told_of(lambda _: Opened(value={}, lease=lease))
    assert notes.notes == [("called", ("p", 1.0, "")), ("minted", ("p",))]


def test_a_rotation_is_a_mint_and_reading_its_state_is_none() -> None:
    class Both(Plugin):
        async def open(self, inputs: Any, state: Any, context: Any) -> Opened:  # type: ignore[override]
            return Opened(value={}, lease=Lease(NOW, NOW + timedelta(hours=1)))

        async def rotate(self, inputs: Any, state: Any, context: Any) -> Rotated:
            return Rotated({"password": SECRET})

    notes = Notes()

    async def run() -> None:
        one = opener(Both("p", lambda _: None))
        one.telemetry = Telemetry(notes)
        await one.open_rotator("p", {}, None, Caller())
        assert notes.of("minted") == []
        await one.rotate("p", {}, None, Caller())
        assert notes.of("minted") == [("p",)]

    asyncio.run(run())


def test_a_value_without_a_lease_is_no_mint() -> None:
    assert told_of(lambda _: Opened(value={}, lease=None)).notes == [("called", ("p", 1.0, ""))]


def test_a_failure_is_reported_with_its_reason() -> None:
    notes = told_of(raising(ProviderError("no", reason="RoleTrustRefused")))
    assert notes.notes == [("called", ("p", 1.0, "RoleTrustRefused"))]


def test_calls_that_an_outage_holds_back_are_no_calls() -> None:
    notes = told_of(raising(ProviderError("no", reason="Throttled", retry_after=60, throttled=True)), calls=3)
    assert notes.notes == [("called", ("p", 1.0, "Throttled")), ("held_back", ("p",)), ("held_back", ("p",))]


def test_a_call_that_does_not_end_is_told_as_one_that_took_too_long() -> None:
    notes = told_of(lambda _: asyncio.sleep(60), timeout=timedelta(milliseconds=10))
    assert notes.notes == [("called", ("p", 1.0, "ProviderTimeout"))]


def test_a_name_that_no_provider_has_is_not_reported() -> None:
    notes = Notes()

    async def run() -> None:
        one = opener()
        one.telemetry = Telemetry(notes)
        await one.open("hunter2-as-a-provider", {}, Caller(), Demand())

    asyncio.run(run())
    assert notes.notes == []


def test_the_skew_of_a_providers_clock_is_reported() -> None:
    class Timed(Plugin):
        clock_skew = timedelta(seconds=-42)

    notes = Notes()

    async def run() -> None:
        one = opener(Timed("p", lambda _: Opened(value={}, lease=None)))
        one.telemetry = Telemetry(notes)
        await one.open("p", {}, Caller(), Demand())

    asyncio.run(run())
    assert notes.of("skewed") == [("p", -42.0)]


def test_a_process_that_opens_once_repeats_what_met_an_outage_and_waits_as_long_as_it_is_asked_to() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def outcome_of(*troubles: ProviderError) -> Any:
        waits.clear()
        left = list(troubles)

        def act(_: OpenContext) -> Any:
            if left:
                raise left.pop(0)
            return Opened(value="x", lease=None)

        async def run() -> Opened | Failed:
            prompt = opener(Plugin("p", act))
            prompt.sleep, prompt.repeats = sleep, PROMPT_REPEATS
            prompt.now = lambda: NOW + timedelta(seconds=sum(waits))
            return await prompt.open("p", {}, Caller(), Demand())

        return asyncio.run(run())

    down = ProviderError("down", reason="AWSUnavailable", outage=True)
    assert outcome_of(down, down).value == "x"
    assert waits == [0.5, 1.5]
    assert outcome_of(down, down, down).reason == "AWSUnavailable"
    assert outcome_of(ProviderError("slow down", reason="Throttled", retry_after=4, throttled=True)).value == "x"
    assert waits == [4]
    assert (
        outcome_of(ProviderError("slow down", reason="Throttled", retry_after=40, throttled=True)).reason == "Throttled"
    )
    assert outcome_of(ProviderError("a mistake", reason="InvalidRoleArn")).reason == "InvalidRoleArn"
    assert waits == []
