"""Which Secret an environment may fill, and what becomes of the one it filled before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.reconciliation.world import MINUTE, SECOND, WELL, World, login, play, static

if TYPE_CHECKING:
    from esc_operator.resources.environment import EscEnvironment
    from unit.reconciliation.fake_api import Call

CREDS = {"name": "creds"}


def test_a_secret_of_somebody_else_is_refused_and_untouched_and_nothing_is_minted() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("aws", {"mine": "eA=="})
        before = world.api.secret("aws")
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(10 * MINUTE, step=SECOND)

        assert world.api.secret("aws") == before
        assert world.cloud.opened == {}
        assert world.told("aws") == ("False", "SecretNotOwned", "False", "SecretNotOwned")
        message = world.condition("aws")["message"]
        assert message == (
            "spec.target.name: Secret apps/aws exists and is not managed by esc-operator, which does not touch it: "
            "choose another target name, or delete the Secret"
        )

    play(story)


def test_many_new_environments_are_told_of_foreign_secrets_by_few_requests() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("env-33", {"mine": "eA=="})
        before = world.api.secret("env-33")
        for number in range(100):
            world.api.put_environment(f"env-{number}", login())
        async with world.operator():
            pass

        looks = [call for call in world.api.calls if call.plural == "secrets" and call.verb != "apply"]
        assert len(looks) < 10
        assert sum(world.cloud.mints.values()) == 99
        assert world.api.secret("env-33") == before
        assert world.told("env-33") == ("False", "SecretNotOwned", "False", "SecretNotOwned")

    play(story)


def test_a_foreign_secret_that_is_deleted_makes_way() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("aws", {"mine": "eA=="})
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.delete_secret("aws")
            await world.skip(5 * MINUTE, step=SECOND)

        assert world.told("aws") == WELL

    play(story)


def test_a_foreign_secret_that_is_created_while_values_are_obtained_is_left_as_it_was() -> None:
    async def story(world: World) -> None:
        def create(_: EscEnvironment) -> None:
            world.api.put_secret("aws", {"mine": "eA=="})

        world.cloud.during = create
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        secret = world.api.secret("aws")

        assert world.told("aws") == ("False", "SecretNotOwned", "False", "SecretNotOwned")
        assert secret is not None
        assert secret["data"] == {"mine": "eA=="}
        assert {"labels", "annotations", "ownerReferences"}.isdisjoint(secret["metadata"])

    play(story)


def test_a_foreign_secret_with_the_same_key_wins_the_race_too() -> None:
    async def story(world: World) -> None:
        world.cloud.during = lambda _: world.api.put_secret("aws", {"TOKEN": "eA=="})
        world.api.put_environment("aws", login())
        async with world.operator():
            pass

        assert world.told("aws") == ("False", "SecretNotOwned", "False", "SecretNotOwned")
        assert world.values("aws") == {"TOKEN": "x"}

    play(story)


def test_of_two_environments_with_one_target_exactly_one_wins_and_the_other_takes_over_after_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("one", login(target=CREDS))
        world.api.put_environment("two", login(target=CREDS))
        async with world.operator():
            winner, loser = ("one", "two") if world.told("one") == WELL else ("two", "one")
            assert world.told(winner) == WELL
            assert world.told(loser) == ("False", "TargetConflict", "False", "TargetConflict")
            assert f'filled by EscEnvironment "{winner}"' in world.condition(loser)["message"]
            await world.skip(10 * MINUTE, step=SECOND)
            assert world.values("creds") == {"TOKEN": f"minted-{winner}-1"}
            world.api.delete_environment(winner)
            await world.settle()
            assert world.told(loser) == WELL
            values = world.values("creds")
            assert values is not None
            assert values["TOKEN"].startswith(f"minted-{loser}-")

    play(story)


def test_the_loser_takes_over_when_the_winner_chooses_another_target() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("one", login(target=CREDS))
        async with world.operator():
            world.api.put_environment("two", login(target=CREDS))
            await world.settle()
            assert world.told("two")[1] == "TargetConflict"
            world.api.put_environment("one", login(target={"name": "other"}))
            await world.settle()

        assert world.told("one") == WELL
        assert world.told("two") == WELL

    play(story)


def test_a_conflict_is_still_one_after_a_restart() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("one", login(target=CREDS))
        async with world.operator():
            world.api.put_environment("two", login(target=CREDS))
            await world.settle()
        mints = dict(world.cloud.mints)
        async with world.operator():
            await world.skip(6 * MINUTE, step=SECOND)

        assert world.told("one") == WELL
        assert world.told("two")[1] == "TargetConflict"
        assert world.cloud.mints == mints

    play(story)


def test_another_target_name_deletes_the_former_secret_once_the_new_one_is_filled() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(target=CREDS))
            await world.settle()

        assert world.api.secret("aws") is None
        assert world.values("creds") == {"TOKEN": "minted-aws-1"}
        assert world.status("aws")["secretName"] == "creds"

    play(story)


def test_the_former_secret_is_deleted_though_the_first_request_for_it_is_lost() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():

            def lose(call: Call) -> None:
                if call.verb == "delete":
                    world.api.lost_before.add(len(world.api.calls) - 1)

            world.api.before_call = lose
            world.api.put_environment("aws", login(target=CREDS))
            await world.settle()
            world.api.before_call = lambda _: None
            await world.skip(MINUTE, step=SECOND)

        assert world.api.secret("aws") is None
        assert world.told("aws") == WELL
        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_the_former_secret_stays_until_a_free_name_is_chosen_and_goes_then() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("taken", {"mine": "eA=="})
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(target={"name": "taken"}))
            await world.settle()
            assert world.told("aws")[1] == "SecretNotOwned"
            assert world.values("aws") == {"TOKEN": "minted-aws-1"}
            world.api.put_environment("aws", login(target=CREDS))
            await world.settle()

        assert world.api.secret("aws") is None
        assert world.values("creds") == {"TOKEN": "minted-aws-1"}
        assert world.values("taken") == {"mine": "x"}

    play(story)


def test_a_target_name_that_is_taken_back_finds_its_secret_again() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("taken", {"mine": "eA=="})
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(target={"name": "taken"}))
            await world.settle()
            world.api.put_environment("aws", login())
            await world.settle()

        assert world.told("aws") == WELL
        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_a_target_that_is_retained_stays_when_its_environment_or_its_name_goes() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("plain", static(A="1") | {"target": {"name": "first", "deletionPolicy": "Retain"}})
        async with world.operator():
            world.api.put_environment(
                "plain", static(A="2") | {"target": {"name": "second", "deletionPolicy": "Retain"}}
            )
            await world.settle()
            world.api.delete_environment("plain")
            await world.settle()

        assert world.values("first") == {"A": "1"}
        assert world.values("second") == {"A": "2"}

    play(story)


def test_a_policy_that_changes_to_retain_takes_the_owner_reference_away() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("plain", static(A="1"))
        async with world.operator():
            world.api.put_environment("plain", static(A="1") | {"target": {"deletionPolicy": "Retain"}})
            await world.settle()
            world.api.delete_environment("plain")
            await world.settle()

        assert world.values("plain") == {"A": "1"}

    play(story)


def test_two_environments_that_swap_their_targets_end_up_with_each_others() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("one", static(A="1") | {"target": {"name": "left"}})
        world.api.put_environment("two", static(A="2") | {"target": {"name": "right"}})
        async with world.operator():
            world.api.put_environment("one", static(A="1") | {"target": {"name": "middle"}})
            await world.settle()
            world.api.put_environment("two", static(A="2") | {"target": {"name": "left"}})
            await world.settle()
            world.api.put_environment("one", static(A="1") | {"target": {"name": "right"}})
            await world.settle()

        assert (world.values("left"), world.values("right")) == ({"A": "2"}, {"A": "1"})
        assert world.values("middle") is None
        assert world.told("one") == world.told("two") == WELL

    play(story)
