"""A request may fail anywhere. Each is lost once, before or after it took effect: the end is the same."""

from __future__ import annotations

import pytest

from esc_operator.resources import ROTATE_REQUESTED_AT
from unit.reconciliation.losses import Life
from unit.reconciliation.world import WELL, World, login, static

FIXED = {"name": "fixed"}


def begin(world: World) -> None:
    world.api.put_environment("base", static(COLOUR="blue"))
    world.api.put_environment("app", static("base"))
    world.api.put_environment("aws", login())
    world.api.put_environment("gone", login())
    world.api.put_secret("theirs", {"mine": "eA=="})


def change(world: World) -> None:
    world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
    world.api.put_environment("base", static(COLOUR="green"))
    world.api.delete_environment("gone")


def rename(world: World) -> None:
    world.api.put_environment("aws", login(target={"name": "theirs"}))


def rename_again(world: World) -> None:
    world.api.put_environment("aws", login(target=FIXED))


def disturb(world: World) -> None:
    if world.api.secret("fixed"):
        world.api.put_secret("fixed", {"TOKEN": "c3RvbGVu"})
    if world.api.secret("app"):
        world.api.delete_secret("app")


LIFE = Life(World, (begin, change, rename, rename_again, disturb))


def check(world: World) -> None:
    assert world.told("aws") == world.told("app") == world.told("base") == WELL
    assert world.values("fixed") == {"TOKEN": f"minted-aws-{world.cloud.mints['aws']}"}
    assert world.values("app") == world.values("base") == {"COLOUR": "green"}
    assert world.values("theirs") == {"mine": "x"}
    assert sorted(key.name for plural, key in world.api.objects if plural == "secrets") == [
        "app",
        "base",
        "fixed",
        "theirs",
    ]
    status = world.status("aws")
    assert {"failures", "lastFailureAt"}.isdisjoint(status)
    assert (status["secretName"], status["observedRotateRequest"], status["variables"]) == ("fixed", "1", ["TOKEN"])
    secret = world.api.secret("fixed")
    assert secret is not None
    assert status["secretResourceVersion"] == secret["metadata"]["resourceVersion"]


def test_without_a_fault_all_ends_well() -> None:
    world = LIFE.undisturbed
    check(world)
    assert world.cloud.mints == {"aws": 2, "gone": 1}
    assert len(world.api.calls) < 60


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_the_end_is_the_same_and_nothing_is_minted_twice(kind: str) -> None:
    def check_mints(world: World) -> None:
        check(world)
        assert world.cloud.mints["aws"] == 2

    LIFE.lose_each(kind, check_mints)


def test_an_operator_that_dies_at_any_request_is_made_up_for_by_the_next() -> None:
    def check_mints(world: World) -> None:
        check(world)
        # What it had minted and not yet written died with it.
        assert world.cloud.mints["aws"] <= 3

    LIFE.die_at_each(check_mints)
