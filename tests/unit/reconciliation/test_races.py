"""What happens while a sync is under way, and what happens at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.formats.times import parse_time
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ROTATE_REQUESTED_AT as ROTATE
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, key, login, play, static

if TYPE_CHECKING:
    from esc_operator.resources.environment import EscEnvironment
    from unit.reconciliation.fake_api import Call

DOWN = UnavailableError("the API server did not answer")
REFUSED = Refused("ProviderUnavailable", "the cloud does not answer")


def test_a_spec_that_changes_during_a_sync_is_synced_afterwards() -> None:
    async def story(world: World) -> None:
        async with world.operator():
            world.cloud.gate = asyncio.Event()
            world.api.put_environment("plain", static(A="1"))
            await world.settle()
            world.api.put_environment("plain", static(A="2"))
            world.api.put_environment("plain", static(A="3"))
            await world.settle()
            assert world.cloud.opened == {"plain": 1}  # never twice at a time
            world.cloud.gate.set()
            await world.settle()

        assert world.cloud.opened == {"plain": 2}
        assert world.values("plain") == {"A": "3"}
        assert world.status("plain")["observedGeneration"] == 3
        assert world.told("plain") == WELL

    play(story)


def test_an_environment_that_is_deleted_during_its_sync_leaves_nothing_behind() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            world.cloud.gate = asyncio.Event()
            world.api.put_environment("aws", login())
            await world.settle()
            world.api.delete_environment("aws")
            world.cloud.gate.set()
            await world.settle()
            world.api.collect_garbage()
            await world.settle()
            assert reconciler.cache.is_empty
            assert len(reconciler.scheduler) == 0

        assert world.api.objects == {}

    play(story)


def test_an_environment_that_is_made_again_during_its_sync_gets_its_own_secret() -> None:
    async def story(world: World) -> None:
        async with world.operator():
            world.cloud.gate = asyncio.Event()
            world.api.put_environment("plain", static(A="1"))
            await world.settle()
            world.api.delete_environment("plain")
            world.api.put_environment("plain", static(A="2"))
            world.cloud.gate.set()
            await world.settle()
            world.api.collect_garbage()
            await world.settle()

        assert world.values("plain") == {"A": "2"}
        assert world.told("plain") == WELL

    play(story)


def test_a_secret_that_is_edited_during_a_sync_is_put_right_with_one_mint() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():

            def edit(_: EscEnvironment) -> None:
                world.cloud.during = lambda _: None
                world.api.put_secret("aws", {"TOKEN": "c3RvbGVu"})

            world.cloud.during = edit
            await world.skip(46 * MINUTE)

        assert world.values("aws") == {"TOKEN": "minted-aws-2"}
        assert world.cloud.mints == {"aws": 2}
        assert world.told("aws") == WELL

    play(story)


def test_a_secret_that_is_deleted_right_before_it_is_written_is_made_again() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():

            def delete(call: Call) -> None:
                if call.verb == "apply":
                    world.api.before_call = lambda _: None
                    world.api.delete_secret("aws")

            world.api.before_call = delete
            await world.skip(46 * MINUTE)

        assert world.values("aws") == {"TOKEN": "minted-aws-2"}
        assert world.cloud.mints == {"aws": 2}
        assert world.told("aws") == WELL

    play(story)


def test_a_watch_of_secrets_that_stands_still_costs_no_second_mint() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.refusals["watch_lines", "secrets"] = DOWN
            world.api.close_watches()
            for _ in range(10):
                await asyncio.sleep(0)
            world.api.put_secret("aws", {}, labels={"seen-by": "backup"})  # nobody is told
            del world.api.refusals["watch_lines", "secrets"]
            world.api.forget_history()
            await world.settle()
            await world.skip(50 * MINUTE, step=MINUTE)

        assert world.cloud.mints == {"aws": 2}
        assert world.told("aws") == WELL

    play(story)


def test_a_secret_whose_creation_was_neither_answered_nor_watched_is_found_and_not_minted_again() -> None:
    async def story(world: World) -> None:
        def lose(call: Call) -> None:
            if call.verb == "apply":
                world.api.lost_after.add(len(world.api.calls) - 1)

        world.api.before_call = lose
        async with world.operator():
            world.api.watches_are_late = True
            world.api.put_environment("aws", login())
            await world.settle()
            await world.skip(10 * SECOND, step=SECOND)
            assert world.told("aws") == WELL
            world.api.catch_up()
            await world.settle()

        assert world.cloud.opened == {"aws": 1}
        assert world.api.count("apply") == 1
        assert world.status("aws")["variables"] == ["TOKEN"]

    play(story)


def test_a_secret_that_is_deleted_right_before_it_is_read_is_made_again() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():

            def delete(call: Call) -> None:
                if (call.verb, call.plural) == ("read", "secrets"):
                    world.api.before_call = lambda _: None
                    world.api.delete_secret("aws")

            world.api.before_call = delete
            world.api.put_secret("aws", {"TOKEN": "c3RvbGVu"})
            await world.settle()

        assert world.values("aws") == {"TOKEN": "minted-aws-1"}
        assert world.cloud.mints == {"aws": 1}
        assert world.told("aws") == WELL

    play(story)


def test_expiry_during_an_outage_of_the_api_server_is_told_soon_after_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = REFUSED
            world.api.refusals.update({(verb, "escenvironments"): DOWN for verb in ("read", "patch_status")})
            await world.skip(2 * HOUR, step=MINUTE)
            assert world.condition("aws")["status"] == "True"  # nobody could tell
            world.api.refusals.clear()
            await world.skip(5 * MINUTE + SECOND, step=SECOND)
            assert world.told("aws")[:2] == ("False", "Expired")
            world.cloud.refusals.clear()
            await world.skip(5 * MINUTE + SECOND, step=SECOND)

        assert world.told("aws") == WELL

    play(story)


def test_while_the_api_server_is_away_attempts_fit_into_the_life_that_is_left() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(15 * MINUTE))
        async with world.operator():
            expires_at = parse_time(world.status("aws")["expiresAt"])
            assert expires_at is not None
            world.api.refusals["apply", "secrets"] = DOWN
            while world.time < expires_at - 90 * SECOND:
                await world.skip(SECOND)
            world.api.refusals.clear()
            while world.time < expires_at:
                await world.skip(SECOND)
            assert world.told("aws") == WELL
            assert world.values("aws") == {"TOKEN": "minted-aws-2"}

        assert world.cloud.mints == {"aws": 2}

    play(story)


@pytest.mark.parametrize(
    ("verb", "plural"), [("apply", "secrets"), ("patch_status", "escenvironments"), ("read", "secrets")]
)
def test_who_was_asked_to_wait_waits_whatever_wakes_it(verb: str, plural: str) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        world.api.put_environment("other", login())
        async with world.operator():
            world.api.refusals[verb, plural] = UnavailableError("too many requests", retry_after=30)
            world.api.put_environment("aws", login(2 * HOUR))
            if verb == "read":
                world.api.put_secret("aws", {"TOKEN": "bWluZQ=="})
            await world.settle()
            asked = world.api.count(verb)
            for _ in range(29):
                world.api.annotate_environment("aws", annotations={ROTATE: world.now().isoformat()})
                world.api.put_secret("aws", {"TOKEN": f"{world.now()}"})
                await world.skip(SECOND)
            assert world.api.count(verb) == asked
            world.api.refusals.clear()
            world.api.annotate_environment("other", annotations={ROTATE: "now"})
            await world.settle()
            assert world.told("other") == WELL
            assert world.cloud.mints["other"] == 2
            await world.skip(2 * SECOND)
            assert world.told("aws") == WELL
            assert world.values("aws") == {"TOKEN": f"minted-aws-{world.cloud.mints['aws']}"}

    play(story)


def test_an_absurd_wait_and_a_clock_that_is_set_back_hold_nobody_for_long() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", static(A="1"))
        async with world.operator():
            for minutes in (5, 0):
                world.api.refusals["patch_status", "escenvironments"] = UnavailableError("no", retry_after=90_000)
                world.api.put_environment("aws", static(A=f"{minutes}"))
                await world.settle()
                world.api.refusals.clear()
                await world.skip(minutes * MINUTE + SECOND)
                if not minutes:
                    world.time -= 2 * HOUR
                    await world.look()
                assert world.told("aws") == WELL
                assert (
                    world.status("aws")["observedGeneration"] == world.api.environment("aws")["metadata"]["generation"]
                )
            world.api.delete_environment("aws")

    play(story)


def test_a_storm_of_environments_each_gets_its_own() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            for number in range(100):
                world.api.put_environment(f"aws-{number}", login())
            await world.settle()
            assert len(reconciler.cache) == 100
            assert reconciler.cache.find(key("aws-7")) is not None

        assert all(world.told(f"aws-{number}") == WELL for number in range(100))
        assert set(world.cloud.mints.values()) == {1}
        assert world.api.count("apply", "patch_status") == 200

    play(story)
