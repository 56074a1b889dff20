"""New data of a ClusterEscEnvironment reaches the pods of all namespaces, once: few at a time, through restarts and
lost requests, and where nothing differs nothing is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.formats.times import format_time
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.conditions import MAX_MESSAGE
from esc_operator.resources.status import MAX_FAILING
from unit.reconciliation.fan_out_world import TEAMS, RollingTeams, RotatingTeams
from unit.reconciliation.losses import Life
from unit.reconciliation.rollout_world import rolling, rolling_value, taking
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, login, play, static

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

FEW = 6
STEP = 2 * SECOND


def told(
    story: Callable[[RollingTeams], Coroutine[Any, Any, None]], many: int = FEW, at_once: int = 10
) -> RollingTeams:
    world = RollingTeams(many, at_once)
    play(story, world)
    return world


def all_well(many: int = FEW) -> tuple[str, str, int]:
    return "True", "RolledOut", many


async def begin(world: RollingTeams, **rollout: Any) -> None:
    """First data everywhere, which rolls nothing."""
    await world.fill("1", **rollout)
    assert world.rolled_told() == all_well(len(world.names))
    assert not world.api.patched
    await world.skip(MINUTE, step=STEP)


def events(world: RollingTeams) -> list[str]:
    return [event["reason"] for event in world.api.events]


def test_new_data_rolls_all_namespaces_a_few_at_a_time_and_is_told_as_one_rollout() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            done, most = set[str](), 0
            while len(done) < len(world.names):
                under_way = {key.namespace for key in world.api.patched} - done
                most = max(most, len(under_way))
                assert world.rolled["status"] == "False"
                for name in sorted(under_way)[:2]:
                    world.api.arrive("web", namespace=name)
                    done.add(name)
                await world.skip(STEP)
            await world.skip(STEP)
            assert most == 3
            assert world.rolled_told() == all_well(20)
            assert world.rolled["message"] == "all workloads in 20 namespaces run with the current values"
            assert Counter(world.api.patched).most_common(1)[0][1] == 1
            assert world.revisions() == {world.wide["rolledOutRevision"]}
            assert world.conditions() == WELL
            assert 10 <= world.wide["rolloutSeconds"] <= 30
            assert events(world) == ["RollingOut", "RolledOut"]
            assert len(world.meter.of("rolled_out")) == 1

    told(story, many=20, at_once=3)


def test_where_nothing_differs_nothing_is_listed_whatever_wakes_it_and_after_a_restart() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == all_well()
            world.api.listed.clear()
            world.api.put_secret("wide", {"A": "c3RvbGVu"}, "team-03")
            world.api.put_namespace("other", {"x": "y"})
            await world.fill("2", minInterval="5m")
            await world.skip(3 * HOUR, step=MINUTE)
            assert world.api.listed == []
        written = world.api.count("patch_status")
        async with world.operator():
            await world.skip(HOUR, step=MINUTE)
        assert (world.api.listed, world.api.count("patch_status")) == ([], written)
        assert world.rolled_told() == all_well()

    told(story)


def test_one_that_is_blocked_is_named_looked_at_alone_and_spoils_neither_the_others_nor_their_time() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            world.api.edit("web", namespace="team-02", paused=True)
            await world.fill("2")
            await world.skip(10 * SECOND, step=STEP)
            for name in world.names:
                if name != "team-02":
                    world.api.arrive("web", namespace=name)
            await world.skip(5 * MINUTE, step=STEP)
            assert world.rolled_told() == ("False", "RolloutBlocked", FEW - 1)
            assert world.behind() == {"team-02": "RolloutBlocked"}
            assert "5 of 6 namespaces" in world.rolled["message"]
            assert "team-02: Deployment web: it is paused" in world.rolled["message"]
            assert "rolloutStartedAt" not in world.wide
            assert world.wide["rolloutSeconds"] <= 14
            assert events(world) == ["RollingOut", "RolloutBlocked"]
            world.api.listed.clear()
            await world.skip(5 * MINUTE, step=STEP)
            assert set(world.api.listed) == {"team-02"}
            assert len(world.api.listed) <= 11
        world.api.listed.clear()
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
            assert set(world.api.listed) == {"team-02"}
            world.api.edit("web", namespace="team-02", paused=False)
            await world.skip(40 * SECOND, step=STEP)
            world.api.arrive("web", namespace="team-02")
            await world.skip(STEP * 2, step=STEP)
            assert world.rolled_told() == all_well()
            assert len(world.api.patched) == FEW

    told(story)


def test_pods_that_never_come_make_no_renewal_come_earlier() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            await world.skip(10 * SECOND, step=STEP)
            for name in world.names:
                if name != "team-02":
                    world.api.arrive("web", namespace=name)
            await world.skip(12 * MINUTE, step=STEP)
            assert world.behind() == {"team-02": "RolloutStuck"}
            assert "rolloutStartedAt" not in world.wide
            assert 10 <= world.wide["rolloutSeconds"] <= 20

    told(story)


def test_what_is_reported_stays_bounded_however_many_are_behind() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            for name in world.names:
                world.api.put_workload("w" * 200, taking("wide"), namespace=name)
                world.api.edit("web", namespace=name, paused=True)
                world.api.edit("w" * 200, namespace=name, paused=True)
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            assert len(world.wide["namespaces"]["behind"]) == MAX_FAILING
            assert all(len(one["message"]) <= 256 for one in world.wide["namespaces"]["behind"])
            assert len(world.rolled["message"]) <= MAX_MESSAGE
            assert len(str(world.wide)) < 16_000
            assert events(world) == ["RolloutBlocked"]

    told(story, many=100)


@pytest.mark.parametrize("restarts", [1, 3])
def test_a_restart_goes_on_where_it_was_and_never_rolls_more_at_a_time(restarts: int) -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            await world.skip(4 * SECOND, step=STEP)
            assert len(world.api.patched) == 4
            # Those that are under way are not the first that the next one looks at.
            for key in sorted(world.api.patched)[:2]:
                world.api.arrive("web", namespace=key.namespace)
            await world.skip(STEP)
        for _ in range(restarts):
            world.time += 5 * SECOND
            async with world.operator():
                await world.skip(10 * SECOND, step=STEP)
                assert len(world.api.patched) == 6
                assert world.rolled["status"] == "False"
        async with world.operator():
            for _ in range(30):
                world.arrive_everywhere()
                await world.skip(STEP)
            assert world.rolled_told() == all_well(30)
            assert Counter(world.api.patched).most_common(1)[0][1] == 1

    told(story, many=30, at_once=4)


def test_a_namespace_that_appears_is_looked_at_alone_and_one_that_goes_gives_its_turn_back() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            world.api.pods_come = True
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            world.api.listed.clear()
            world.api.put_namespace("late", {"team": "yes"})
            await world.settle()
            world.put_web("late", age=-HOUR)
            await world.skip(MINUTE, step=STEP)
            assert set(world.api.listed) == {"late"}
            assert world.rolled_told() == all_well(FEW + 1)
            world.api.pods_come = False
            await world.fill("3")
            await world.skip(STEP)
            (first,) = {key.namespace for key in world.api.patched[FEW:]}
            world.api.delete_namespace(first)
            await world.settle()
            await world.skip(5 * SECOND, step=SECOND)
            assert len({key.namespace for key in world.api.patched[FEW:]}) == 2

    told(story, at_once=1)


def test_a_workload_that_joins_with_its_namespace_and_is_younger_than_the_data_is_not_rolled() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            world.put_web("other", age=-HOUR)
            world.api.put_namespace("other", {"team": "yes"})
            await world.skip(MINUTE, step=STEP)
            assert {key.namespace for key in world.api.patched} == set(world.names)
            assert world.rolled_told() == all_well(FEW + 1)

    told(story)


def test_a_namespace_whose_secret_is_somebody_elses_is_none_that_is_behind() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.put_secret("wide", {"mine": "eA=="}, "team-02")
        world.api.pods_come = True
        async with world.operator():
            await world.fill("1")
            await world.skip(MINUTE, step=STEP)
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            assert world.conditions()[:2] == ("False", "NamespacesFailing")
            assert world.rolled_told() == all_well(FEW - 1)
            assert "team-02" not in {key.namespace for key in world.api.patched}
            assert "team-02" not in world.api.listed

    told(story)


def test_where_a_secret_cannot_be_written_pods_are_brought_to_what_it_holds() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            apply = world.api.apply

            async def picky(resource: Any, body: Any, **how: Any) -> Any:
                if body["metadata"]["namespace"] == "team-02":
                    raise ForbiddenError("quota")
                return await apply(resource, body, **how)

            world.api.apply = picky  # type: ignore[method-assign]
            await world.fill("3")
            world.api.pods_come = True
            world.arrive_everywhere()
            await world.skip(MINUTE, step=STEP)
            world.arrive_everywhere()
            await world.skip(MINUTE, step=STEP)
            assert world.held("team-02") == {"A": "2"}
            assert world.rolled_told() == all_well()
            assert len(world.revisions()) == 2
            world.api.apply = apply  # type: ignore[method-assign]
            await world.skip(10 * MINUTE, step=STEP)
            assert world.revisions() == {world.wide["rolledOutRevision"]}
            assert world.rolled_told() == all_well()

    told(story)


def test_a_rotation_without_rollouts_leaves_the_pods_until_the_next_new_values() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            world.put_wide(rolling(login()))
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            body = world.api.environment("wide", "")
            asked = {"id": "run", "requestedAt": format_time(world.time), "rollout": False}
            body["status"]["rotation"] = asked
            await world.api.patch_status(
                CLUSTER_ENVIRONMENTS, None, "wide", {"rotation": asked}, body["metadata"]["uid"]
            )
            await world.skip(MINUTE, step=STEP)
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-2'}"}
            assert world.rolled_told() == ("False", "PodsLeft", 0)
            assert not world.api.patched
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == ("False", "PodsLeft", 0)
            assert not world.api.patched
            world.api.annotate_environment("wide", "", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == all_well()
            assert len(world.api.patched) == FEW

    told(story)


def test_a_rotation_waits_for_all_pods_that_come_before_it_tells_of_those_that_do_not() -> None:
    async def story(world: RotatingTeams) -> None:
        async with world.operator():
            world.put_wide(rolling(login()))
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            world.api.edit("web", namespace="team-02", paused=True)
            world.rotate()
            await world.skip(MINUTE, step=STEP)
            assert world.behind()["team-02"] == "RolloutBlocked"
            assert world.tally() == ("Running", 1, 0, 1, 0, 0, 0)
            world.arrive_everywhere()
            await world.skip(MINUTE, step=STEP)
            assert world.tally() == ("Failed", 1, 0, 0, 0, 1, 0)
            (failure,) = world.rotation()["failures"]
            assert (failure["name"], failure["reason"]) == ("ClusterEscEnvironment/wide", "RolloutBlocked")
            assert "team-02" in failure["message"]
            world.api.edit("web", namespace="team-02", paused=False)
            world.api.pods_come = True
            world.rotate("again")
            await world.skip(2 * MINUTE, step=STEP)
            assert world.tally("again") == ("Succeeded", 1, 0, 0, 1, 0, 0)

    play(story, RotatingTeams(FEW))


def test_renewals_leave_time_for_the_rollouts_of_all_namespaces() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            world.put_wide(rolling(login(20 * MINUTE)))
            await world.settle()
            while world.cloud.mints["wide"] < 2:
                await world.skip(10 * SECOND)
            before = world.wide["nextRefreshAt"]
            for _ in world.names:
                await world.skip(55 * SECOND, step=SECOND)
                world.arrive_everywhere()
            await world.skip(10 * SECOND, step=STEP)
            assert world.rolled_told() == all_well()
            assert 330 <= world.wide["rolloutSeconds"] <= 400
            assert world.wide["nextRefreshAt"] < before
            (warning,) = [one for one in world.wide["conditions"] if one["type"] == "LifetimeTooShort"]
            assert "a rollout took" in warning["message"]

    told(story, at_once=1)


def test_turns_are_shared_with_all_other_rollouts() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.put_workload("app", taking("app"))
        async with world.operator():
            world.api.put_environment("app", rolling_value("1"))
            await begin(world)
            world.api.put_environment("app", rolling_value("2"))
            await world.settle()
            await world.fill("2")
            await world.skip(50 * SECOND, step=STEP)
            assert [key.name for key in world.api.patched] == ["app"]
            world.api.arrive("app")
            await world.skip(30 * SECOND, step=STEP)
            assert [key.name for key in world.api.patched] == ["app", "web"]

    told(story, at_once=1)


def test_those_that_wait_for_their_turn_cost_no_list() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            await world.skip(STEP * 2, step=STEP)
            (busy,) = {key.namespace for key in world.api.patched}
            world.api.listed.clear()
            await world.skip(50 * SECOND, step=STEP)
            assert set(world.api.listed) == {busy}
            assert len(world.api.patched) == 1

    told(story, many=30, at_once=1)


def test_trouble_in_one_namespace_is_reported_and_keeps_no_other_waiting() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            list_page = world.api.list_page

            async def picky(resource: Any, namespace: str | None, each: Any, **query: Any) -> Any:
                if namespace == "team-04" and resource.plural == "deployments":
                    raise ForbiddenError("not here")
                return await list_page(resource, namespace, each, **query)

            world.api.list_page = picky  # type: ignore[method-assign]
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            assert world.behind() == {"team-04": ForbiddenError.default_reason}
            assert world.rolled["status"] == "False"
            assert len(world.api.patched) == FEW - 1
            world.api.list_page = list_page  # type: ignore[method-assign]
            await world.skip(6 * MINUTE, step=STEP)
            assert world.rolled_told() == all_well()

    told(story)


def test_an_api_server_that_is_silent_is_not_asked_about_each_namespace() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            world.api.refusals["list_page", "deployments"] = UnavailableError("no answer")
            world.api.listed.clear()
            await world.fill("2")
            assert 16 <= len(world.api.listed) <= 32
            world.api.refusals["list_page", "deployments"] = UnavailableError("busy", retry_after=60)
            await world.skip(10 * SECOND, step=STEP)
            world.api.listed.clear()
            await world.skip(45 * SECOND, step=STEP)
            assert world.api.listed == []
            del world.api.refusals["list_page", "deployments"]
            await world.skip(6 * MINUTE, step=STEP)
            assert world.rolled_told() == all_well(100)

    told(story, many=100)


@pytest.mark.parametrize("change", [{"rollout": {"policy": "Never"}}, {"suspend": True}], ids=["never", "suspended"])
def test_switched_off_nothing_is_rolled_or_reported_and_switched_on_it_goes_on(change: dict[str, Any]) -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            assert len(world.api.patched) == 2
            world.put_wide({**rolling(static(A="2")), **change}, **TEAMS)
            await world.skip(MINUTE, step=STEP)
            assert world.rolled == {}
            assert not {"rolledOutRevision", "rolloutDigest", "rolloutStartedAt"} & set(world.wide)
            assert not any(world.wide["namespaces"].get(field) for field in ("rolledOut", "behind"))
            assert len(world.api.patched) == 2
            world.api.pods_come = True
            world.arrive_everywhere()
            await world.fill("2")
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == all_well()
            assert len(world.api.patched) == FEW

    told(story, at_once=2)


def test_what_is_gone_is_forgotten() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            world.api.delete_environment("wide", "")
            await world.settle()
            await world.skip(2 * MINUTE, step=STEP)
            assert not world.rollouts.roller._memories

    told(story)


def test_secrets_that_all_went_while_no_operator_ran_are_new_data_for_pods_that_hold_the_old() -> None:
    async def story(world: RollingTeams) -> None:
        world.api.pods_come = True
        async with world.operator():
            world.put_wide(rolling(login()))
            await world.settle()
            assert world.rolled_told() == all_well()
        for name in world.names:
            world.api.delete_secret("wide", name)
        await asyncio.sleep(0)
        world.time += MINUTE
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-2'}"}
            assert len(world.api.patched) == FEW
            assert world.rolled_told() == all_well()

    told(story)


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            world.time -= HOUR
            world.arrive_everywhere()
            world.api.put_namespace("other", {"x": "y"})  # anything that wakes it
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == all_well()

    told(story)


def test_data_that_is_taken_back_in_the_middle_of_its_rollout_is_taken_back_from_pods_too() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await begin(world)
            await world.fill("2")
            assert len(world.api.patched) == 2
            world.api.pods_come = True
            await world.fill("1")
            world.arrive_everywhere()
            await world.skip(2 * MINUTE, step=STEP)
            assert world.rolled_told() == all_well()
            (revision,) = world.revisions() - {""}
            assert revision == world.wide["rolledOutRevision"]
            assert world.rollouts.roller._memories == {}

    told(story, at_once=2)


def test_no_workload_that_takes_it_is_reported() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            world.put_wide(rolling(static(A="1")), **TEAMS, name="unused")
            await world.settle()
            assert world.rolled_told() == ("True", "NoWorkloads", FEW)
            assert world.rolled["message"] == 'no workload takes Secret "unused" in 6 namespaces'
        async with world.operator():
            world.api.put_namespace("late", {"team": "yes"})
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_told() == ("True", "NoWorkloads", FEW + 1)

    told(story)


# A request may fail anywhere.


def make() -> RollingTeams:
    world = RollingTeams(4, 2)
    world.api.pods_come = True
    return world


def begin_life(world: RollingTeams) -> None:
    world.put_wide(rolling(static(A="1")))


def change(world: RollingTeams) -> None:
    world.put_wide(rolling(static(A="2")))
    world.api.put_namespace("late", {"team": "yes"})


LIFE = Life(make, (begin_life, change))


def check(world: RollingTeams) -> None:
    assert world.conditions() == WELL
    assert world.rolled_told() == all_well(5)
    assert world.everywhere() == {"{'A': '2'}"}
    assert world.revisions() == {world.wide["rolledOutRevision"]}
    assert Counter(key.namespace for key in world.api.patched) == dict.fromkeys(world.names, 1)


def test_without_a_fault_all_ends_well() -> None:
    check(LIFE.undisturbed)


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_all_pods_are_rolled_once(kind: str) -> None:
    LIFE.lose_each(kind, check)


def test_an_operator_that_dies_at_any_request_is_made_up_for_by_the_next() -> None:
    LIFE.die_at_each(check)
