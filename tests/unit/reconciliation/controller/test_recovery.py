"""What failed for something outside is taken up again as soon as that is mended, the earliest expiry first."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.driver.breaker import FAILURES
from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Failed, Lease
from esc_operator.evaluation import Opened as Login
from esc_operator.reconciliation.controller.recovery import Recovery
from esc_operator.reconciliation.sync.outcome import Imports, OpenedValues, Refused
from esc_operator.renewal.schedule import Window
from esc_operator.resources import reasons
from esc_operator.resources.environment import Key
from unit.reconciliation.world import HOUR, MINUTE, SECOND, START, WELL, Cloud, World, definition_of, login, play

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.worker import Worker
    from esc_operator.providers.port import OpenContext
    from esc_operator.reconciliation.controller.reconciler import Reconciler
    from esc_operator.resources.environment import EscEnvironment

RATE = 20
WORKERS = 6
DOWN = ProviderError("it does not answer", reason="AWSUnavailable", outage=True)


class Caller:
    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.tenant = "apps"

    async def token(self, audience: str) -> Any:
        raise AssertionError


class Guarded(Cloud):
    """A cloud behind the real opener. `trouble` is what logins fail with, `calls` who was let through and when."""

    name = "login"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def __init__(self, world: World) -> None:
        super().__init__(world.now, world.api)
        self.trouble: ProviderError | None = None
        self.troubled: dict[str, ProviderError] = {}
        self.calls: list[tuple[str, datetime]] = []
        self.world = world
        self.start()

    def forget(self) -> None:
        super().forget()
        self.start()

    def start(self) -> None:
        shelf: Any = self
        self.opener = Opener(
            pool=BlockingPool(),
            logins=self.logins,
            settings={},
            now=self.world.now,
            sleep=lambda _: asyncio.sleep(0),
            catalogue=Catalogue(shelf, shelf),
            rate=RATE,
        )

    def find(self, _: str) -> Any:
        return self

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Login:
        name = str(inputs["name"])
        self.calls.append((name, context.now()))
        await asyncio.sleep(0)
        if trouble := self.troubled.get(name, self.trouble):
            raise trouble
        self.mints[name] += 1
        life = timedelta(seconds=inputs["life"])
        return Login({"token": f"minted-{name}-{self.mints[name]}"}, Lease(context.now(), context.now() + life))

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        self.opened[environment.key.name] += 1
        self.demands.append(demand)
        if refused := self.refusals.get(environment.key.name):
            return refused
        inputs = {"name": environment.key.name, "life": definition_of(environment)["login"]}
        answer = await self.opener.open("login", inputs, Caller(environment.key.name), demand)
        if isinstance(answer, Failed):
            return Refused(answer.reason, answer.message, retry_after=answer.retry_after, outage=answer.outage)
        assert answer.lease
        return OpenedValues(
            {"TOKEN": "eA=="}, Window(answer.lease.issued_at, answer.lease.expires_at), False, Imports()
        )


def guarded() -> tuple[World, Guarded]:
    world = World()
    world.cloud = cloud = Guarded(world)
    return world, cloud


def listen(world: World, cloud: Guarded, reconciler: Reconciler) -> Recovery:
    recovery = Recovery(reconciler.shared)
    cloud.opener.listen(recovery.on_recovery)
    return recovery


def name(number: int) -> str:
    return f"aws-{number:03d}"


async def fill(world: World, many: int, gap: timedelta) -> None:
    """So many environments, whose credentials expire one after the other."""
    for number in range(many):
        world.api.put_environment(name(number), login(HOUR))
        await world.skip(gap)


async def pass_time(world: World, span: timedelta, done: Callable[[], bool] = lambda: False) -> None:
    end = world.time + span
    while world.time < end and not done():
        await world.skip(timedelta(milliseconds=500))


def test_after_an_outage_the_backlog_is_worked_off_earliest_expiry_first_and_no_faster_than_allowed() -> None:
    world, cloud = guarded()
    many = 100

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            await fill(world, many, SECOND)
            cloud.trouble = DOWN
            began = world.time
            await world.skip(HOUR + 20 * MINUTE, step=10 * SECOND)
            assert all(world.told(name(number))[1] == "Expired" for number in range(many))
            lasted = (world.time - began) / (30 * SECOND)
            assert len(cloud.calls) - many <= FAILURES + 8 + lasted
            assert {world.told(name(number))[3] for number in range(many)} == {"AWSUnavailable"}
            assert len(world.api.events) == many
            cloud.trouble, before = None, len(cloud.calls)

            def caught_up() -> bool:
                return len(cloud.mints) == many and min(cloud.mints.values()) == 2

            await pass_time(world, 10 * MINUTE, caught_up)
            assert caught_up()
            order = [who for who, _ in cloud.calls[before:]]
            served = [when for _, when in cloud.calls[before + 1 :]]
            # The first one found out; the others go by their expiry, but for those that were just being worked on.
            assert sum(who > after for who, after in itertools.pairwise(order[1:])) <= WORKERS
            assert len(order) == many
            assert served[-1] - served[0] <= timedelta(seconds=many / RATE + 1)
            for first in range(len(served) - 1):
                within = sum(served[first] <= when < served[first] + SECOND for when in served)
                assert within <= 2 * RATE
        assert all(world.told(name(number)) == WELL for number in range(many))

    play(story, world)


def test_the_end_of_an_outage_is_noticed_within_half_a_minute_where_many_wait() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            cloud.trouble = DOWN
            await fill(world, 40, 7 * SECOND)
            await world.skip(HOUR, step=5 * SECOND)
            cloud.trouble, over = None, world.time
            await pass_time(world, 10 * MINUTE, lambda: len(cloud.mints) == 40)
            assert len(cloud.mints) == 40
            assert world.time - over <= MINUTE

    play(story, world)


def test_whoever_is_to_be_left_alone_for_a_while_is_left_alone_by_all() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            cloud.troubled = {
                "aws-000": ProviderError("slow down", reason="Throttled", throttled=True, retry_after=120)
            }
            world.api.put_environment("aws-000", login())
            await world.settle()
            cloud.troubled = {}
            await fill(world, 20, SECOND)
            await world.skip(98 * SECOND, step=SECOND)
            assert len(cloud.calls) == 1
            assert "is paused until 2026-05-01T12:02:01Z" in world.condition("aws-007")["message"]
            await world.skip(10 * SECOND, step=SECOND)
            assert len(cloud.mints) == 20

    play(story, world)


def test_an_environment_with_a_mistake_is_neither_woken_nor_in_the_way() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            cloud.trouble = DOWN
            cloud.troubled = {"aws-000": ProviderError("trust", reason="RoleTrustRefused")}
            await fill(world, 30, 5 * SECOND)
            await world.skip(20 * MINUTE, step=5 * SECOND)
            cloud.trouble = None
            await world.skip(6 * MINUTE, step=SECOND)
            assert len(cloud.mints) == 29
            gaps = [when for who, when in cloud.calls if who == "aws-000"]
            assert all(after - before >= 2 * SECOND for before, after in itertools.pairwise(gaps))
            assert world.told("aws-000")[3] == "RoleTrustRefused"

    play(story, world)


def test_an_operator_that_comes_up_in_an_outage_wakes_those_that_its_predecessor_left() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        cloud.trouble = DOWN
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            await fill(world, 30, SECOND)
            await world.skip(20 * MINUTE, step=5 * SECOND)
        async with world.operator() as reconciler:
            listen(world, cloud, reconciler)
            await world.skip(10 * MINUTE, step=5 * SECOND)
            cloud.trouble, over = None, world.time
            await pass_time(world, 10 * MINUTE, lambda: len(cloud.mints) == 30)
            assert world.time - over <= 2 * MINUTE

    play(story, world)


def test_a_recovery_in_one_namespace_wakes_nothing_of_another() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            recovery = listen(world, cloud, reconciler)
            cloud.refusals["aws"] = Refused("AWSUnavailable", "down", outage=True)
            world.api.put_environment("aws", login())
            await world.settle()
            looked = cloud.opened["aws"]
            recovery.on_recovery(RATE, "elsewhere")
            await world.look()
            assert cloud.opened["aws"] == looked
            recovery.on_recovery(RATE, "apps")
            await world.look()
            assert cloud.opened["aws"] == looked + 1

    play(story, world)


def test_what_is_taken_up_again_asks_the_same_of_credentials() -> None:
    world, cloud = guarded()

    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            recovery = listen(world, cloud, reconciler)
            world.api.put_environment("aws", login())
            await world.settle()
            cloud.refusals["aws"] = Refused("AWSUnavailable", "down", outage=True)
            await world.skip(50 * MINUTE, step=10 * SECOND)
            cloud.refusals.clear()
            recovery.on_recovery(RATE, None)
            await world.look()
            assert cloud.demands[-1].valid_until == (START + HOUR).replace(microsecond=0)
            assert cloud.mints == {"aws": 2}
            recovery.on_recovery(RATE, None)
            await world.look()
            assert cloud.mints == {"aws": 2}

    play(story, world)


MISSING = Refused(reasons.SERVICE_ACCOUNT_MISSING, "create it")


def test_a_service_account_that_appears_wakes_those_that_wait_for_it_and_no_others() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            recovery = Recovery(reconciler.shared)
            for each, account in {"one": "web", "two": "web", "three": "db"}.items():
                world.cloud.refusals[each] = MISSING
                world.api.put_environment(each, login(serviceAccountName=account))
            world.api.put_environment("four", login(serviceAccountName="web"))
            await world.skip(HOUR, step=10 * SECOND)
            assert recovery.missing_accounts() == {Key("apps", "web"), Key("apps", "db")}
            del world.cloud.refusals["one"]
            del world.cloud.refusals["two"]
            opened = Counter(world.cloud.opened)
            recovery.on_account(Key("apps", "web"))
            await world.look()
            assert world.cloud.opened - opened == {"one": 1, "two": 1}
            assert world.told("one") == world.told("two") == WELL
            assert recovery.missing_accounts() == {Key("apps", "db")}
            world.api.delete_environment("three")
            await world.settle()
            assert recovery.missing_accounts() == set()

    play(story)


def test_a_service_account_that_is_still_missing_when_it_was_said_to_be_there_is_waited_for_again() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            recovery = Recovery(reconciler.shared)
            world.cloud.refusals["aws"] = MISSING
            world.api.put_environment("aws", login(serviceAccountName="web"))
            await world.settle()
            recovery.on_account(Key("apps", "web"))
            await world.look()
            assert world.status("aws")["failures"] == 2
            assert recovery.missing_accounts() == {Key("apps", "web")}

    play(story)


def test_which_accounts_are_missing_is_known_after_a_restart() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = MISSING
        world.api.put_environment("aws", login(serviceAccountName="web"))
        async with world.operator():
            await world.skip(HOUR, step=MINUTE)
        async with world.operator() as reconciler:
            recovery = Recovery(reconciler.shared)
            assert recovery.missing_accounts() == {Key("apps", "web")}
            world.cloud.refusals.clear()
            recovery.on_account(Key("apps", "web"))
            await world.look()
            assert world.told("aws") == WELL

    play(story)


def test_what_was_refused_is_taken_up_when_the_list_of_its_own_or_of_a_trusted_namespace_changes() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["app"] = Refused(reasons.ROLE_NOT_ALLOWED, "not in namespace red", retryable=False)
        world.api.put_environment("app", {**login(), "trustedNamespaces": ["red"]})
        async with world.operator() as reconciler:
            recovery = Recovery(reconciler.shared)
            for namespace, opened in (("green", 1), ("red", 2), ("apps", 3)):
                recovery.on_namespace(namespace)
                await world.skip(2 * SECOND, step=SECOND)
                assert world.cloud.opened["app"] == opened, namespace

    play(story)
