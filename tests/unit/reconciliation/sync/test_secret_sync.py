"""A Secret holds what one evaluation gave, exactly: what others add, change or share with the operator is taken back,
without opening anything where the values are all there, and not in an endless fight."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ENVIRONMENT, HOLDS, MANAGED_BY_LABEL, SYNC_RECORD
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, login, play, static

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTRA = {"data": {"EXTRA": "eA=="}}
TEAM = {"target": {"labels": {"team": "red"}, "annotations": {"note": "ours"}}}


def labelled(**found: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": found}}


def annotated(found: Mapping[str, str | None]) -> dict[str, Any]:
    return {"metadata": {"annotations": found}}


CHANGES: dict[str, dict[str, Any]] = {
    "a key is added": EXTRA,
    "a key that holds a NUL byte is added": {"data": {"NUL": "YQBi"}},
    "a label of ours is changed": labelled(team="blue"),
    "a label of ours is taken off": labelled(team=None),
    "the label that makes it ours is taken off": labelled(**{MANAGED_BY_LABEL: None}),
    "an annotation of ours is changed": annotated({"note": "theirs"}),
    "an annotation of ours is taken off": annotated({"note": None}),
    "its environment's name is taken off": annotated({ENVIRONMENT: None}),
    "its record is taken off": annotated({SYNC_RECORD: None}),
    "its record is damaged": annotated({SYNC_RECORD: "{"}),
    "it is said to hold states of rotators": annotated({HOLDS: "rotator-states"}),
    "a label of our domain is added": labelled(**{"esc-operator.dev/pause": "yes"}),
    "its owner is taken off": {"metadata": {"ownerReferences": None}},
    "a key, a label and an annotation are changed": {**EXTRA, **labelled(team=None)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_others_change_is_taken_back_at_once_and_nothing_is_opened(change: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", {**login(), **TEAM})
        async with world.operator():
            before = world.api.secret("aws")
            assert before is not None
            world.api.patch_secret("aws", change)
            await world.settle()
            after = world.api.secret("aws")
            assert after is not None
            for part in ("labels", "annotations", "ownerReferences"):
                assert after["metadata"][part] == before["metadata"][part]
            assert (after["data"], after["type"]) == (before["data"], before["type"])
            assert world.cloud.opened["aws"] == 1
            assert world.told("aws") == WELL
            quiet = len(world.api.calls)
            await world.skip(MINUTE, step=SECOND)
            assert len(world.api.calls) == quiet

    play(story)


BY_A_RESTART = {name: change for name, change in CHANGES.items() if "record" not in name}


@pytest.mark.parametrize("change", BY_A_RESTART.values(), ids=BY_A_RESTART)
def test_what_others_change_while_no_operator_runs_is_taken_back_without_a_mint(change: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", {**login(), **TEAM})
        async with world.operator():
            before = world.api.secret("aws")
        world.api.patch_secret("aws", change)
        async with world.operator():
            after = world.api.secret("aws")
        assert before is not None
        assert after is not None
        assert after["data"] == before["data"]
        assert after["metadata"]["labels"] == before["metadata"]["labels"]
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
        assert (world.cloud.mints["aws"], world.cloud.opened["aws"]) == (1, 1)

    play(story)


@pytest.mark.parametrize(
    "change", [{"data": {"A": "dGhlaXJz"}}, {"data": {"A": None}}, {"data": {"A": None, **EXTRA["data"]}}]
)
def test_a_value_that_is_changed_or_taken_away_is_evaluated_again(change: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1", B="2"))
        async with world.operator():
            world.api.patch_secret("app", change)
            await world.settle()
            assert world.values("app") == {"A": "1", "B": "2"}
            assert world.told("app") == WELL
            assert world.cloud.opened["app"] == 2

    play(story)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({**EXTRA, **labelled(team="blue")}, 'field manager "kubectl-patch" had changed key "EXTRA", label "team"'),
        (labelled(team=None), 'another writer had changed label "team"'),
        ({"data": {"A": "dGhlaXJz"}}, 'field manager "kubectl-patch" had changed key "A"'),
        ({"data": {"A": None}}, "another writer had changed its values"),
    ],
)
def test_an_event_says_who_had_changed_what_and_a_change_of_others_own_posts_none(
    change: dict[str, Any], told: str
) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", {**static(A="1", B="2"), **TEAM})
        async with world.operator():
            world.api.patch_secret("app", labelled(backup="yes"))
            await world.settle()
            assert world.api.events == []
            world.api.patch_secret("app", change)
            await world.settle()
            assert [(one["type"], one["reason"], one["message"]) for one in world.api.events] == [
                ("Normal", "SecretRestored", f"restored the Secret: {told}")
            ]
            world.api.patch_secret("app", change)
            await world.settle()
            assert len(world.api.events) == 1, "the first of a row stands for all"
            await world.skip(5 * MINUTE)
            world.api.patch_secret("app", change)
            await world.settle()
            assert len(world.api.events) == 2

    play(story)


def test_labels_and_annotations_of_others_stay() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            world.api.patch_secret("app", {**labelled(backup="yes"), **EXTRA})
            world.api.patch_secret("app", annotated({"reflector.example.com/allowed": "true"}))
            await world.settle()
            world.api.put_environment("app", static(A="2"))
            await world.settle()
            body = world.api.secret("app")
            assert body is not None
            assert body["metadata"]["labels"]["backup"] == "yes"
            assert body["metadata"]["annotations"]["reflector.example.com/allowed"] == "true"
            assert world.values("app") == {"A": "2"}

    play(story)


def test_a_variable_that_is_removed_goes_though_another_field_manager_has_set_it_too() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1", OLD="secret"))
        async with world.operator():
            shared = world.api.secret("app")
            assert shared is not None
            world.api.put_secret("app", {"OLD": shared["data"]["OLD"]})
            await world.settle()
            writes = world.api.count("apply", "patch")
            world.api.put_environment("app", static(A="1"))
            await world.settle()
            assert world.values("app") == {"A": "1"}
            assert world.api.count("apply", "patch") == writes + 2
            assert world.told("app") == WELL

    play(story)


def test_a_label_that_is_no_more_in_the_target_goes_though_another_field_manager_has_set_it_too() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", {**static(A="1"), **TEAM})
        async with world.operator():
            world.api.put_secret("app", {}, labels={"team": "red"}, annotations={"note": "ours"})
            await world.settle()
            world.api.put_environment("app", static(A="1"))
            await world.settle()
            body = world.api.secret("app")
            assert body is not None
            assert set(body["metadata"]["labels"]) == {MANAGED_BY_LABEL}
            assert set(body["metadata"]["annotations"]) == {ENVIRONMENT, SYNC_RECORD}

    play(story)


def test_an_owner_that_another_field_manager_has_set_too_goes_when_the_secret_is_to_be_retained() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            body = world.api.secret("app")
            assert body is not None
            world.api.put_secret("app", {}, ownerReferences=body["metadata"]["ownerReferences"])
            await world.settle()
            world.api.put_environment("app", {**static(A="1"), "target": {"deletionPolicy": "Retain"}})
            await world.settle()
            body = world.api.secret("app")
            assert body is not None
            assert not body["metadata"].get("ownerReferences")

    play(story)


def test_an_unchanged_secret_costs_one_write_a_refresh() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            before = world.api.count("apply", "patch"), world.api.count("patch_status")
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.cloud.mints["aws"] == 2
            assert (world.api.count("apply", "patch"), world.api.count("patch_status")) == (
                before[0] + 1,
                before[1] + 1,
            )

    play(story)


def test_two_controllers_that_fight_are_bounded_and_reported_and_the_end_of_it_is_noticed_at_once() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            writes = world.api.count("apply")
            for _ in range(600):
                world.api.patch_secret("app", EXTRA)
                await world.skip(3 * SECOND)
            assert world.api.count("apply") - writes < 45  # in half an hour
            assert world.told("app") == ("False", "SecretContested", "False", "SecretContested")
            assert world.condition("app", "Refreshed")["message"] == (
                'field manager "kubectl-patch" keeps changing it (key "EXTRA"), so it is restored at growing intervals '
                "of up to a minute: stop that writer, exclude Secrets with the label app.kubernetes.io/managed-by="
                "esc-operator from the webhook, or choose another spec.target.name"
            )
            assert world.condition("app")["message"].startswith(
                'Secret "app" was changed by another writer and could not be restored: field manager "kubectl-patch" '
            )
            told = [event for event in world.api.events if event["reason"] == "SecretContested"]
            assert len(told) == 1
            world.api.patch_secret("app", {"data": {"EXTRA": None}})
            await world.settle()
            assert world.told("app") == WELL
            assert world.cloud.opened["app"] == 1

    play(story)


def test_a_fight_about_a_value_is_bounded_as_well_and_does_not_delay_a_new_definition() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            for _ in range(100):
                world.api.patch_secret("app", {"data": {"A": "dGhlaXJz"}})
                await world.skip(3 * SECOND)
            assert world.cloud.opened["app"] < 20
            assert world.told("app") == ("False", "SecretContested", "False", "SecretContested")
            world.api.put_environment("app", static(A="2"))
            await world.settle()
            assert world.values("app") == {"A": "2"}
            assert world.told("app") == WELL

    play(story)


def test_what_is_left_of_a_fight_is_restored_within_a_minute() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            for _ in range(100):
                world.api.patch_secret("app", EXTRA)
                await world.skip(3 * SECOND)
            world.api.patch_secret("app", EXTRA)
            await world.skip(MINUTE, step=SECOND)
            assert world.values("app") == {"A": "1"}
            assert world.told("app") == WELL

    play(story)


def adding(key: str) -> Any:
    """A mutating webhook that adds a key to each Secret."""
    return lambda body: {**body, "data": {**body["data"], key: "eA=="}} if "data" in body else body


def test_a_webhook_that_adds_a_key_at_each_write_is_reported_and_makes_no_endless_fight() -> None:
    async def story(world: World) -> None:
        world.api.webhook = adding("INJECTED")
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            assert world.told("app") == ("False", "SecretContested", "False", "SecretContested")
            message = world.condition("app", "Refreshed")["message"]
            assert message.startswith('another writer, or a mutating webhook, keeps changing it (key "INJECTED"), so')
            writes = world.api.count("apply", "patch")
            await world.skip(HOUR, step=5 * SECOND)
            assert world.api.count("apply", "patch") - writes < 150
            assert world.cloud.opened["app"] == 1
            world.api.webhook = lambda body: body
            await world.skip(MINUTE, step=SECOND)
            assert world.values("app") == {"A": "1"}
            assert world.told("app") == WELL
        assert sum(event["reason"] == "SecretContested" for event in world.api.events) == 1

    play(story)


def test_a_webhook_that_changes_a_value_is_reported() -> None:
    async def story(world: World) -> None:
        world.api.webhook = adding("A")
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            assert world.told("app") == ("False", "SecretContested", "False", "SecretContested")
            assert 'key "A"' in world.condition("app")["message"]
            assert "eA==" not in json.dumps(world.status("app"))

    play(story)


def test_a_secret_that_somebody_made_immutable_is_reported_at_once_and_not_minted_for() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.patch_secret("aws", {"immutable": True})
            await world.settle()
            assert world.told("aws") == ("True", "Synced", "False", "SecretImmutable")
            assert world.condition("aws", "Refreshed")["message"] == (
                "somebody has made Secret apps/aws immutable, so no new values can be written to it: delete it, and "
                "the operator creates it again"
            )
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.cloud.mints["aws"] == 1
            await world.skip(10 * MINUTE, step=MINUTE)
            assert world.told("aws") == ("False", "Expired", "False", "SecretImmutable")
            world.api.delete_secret("aws")
            await world.settle()
            assert world.told("aws") == WELL
            assert world.cloud.mints["aws"] == 2

    play(story)


def test_a_refresh_that_fails_does_not_keep_an_added_key() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = Refused("Throttled", "not now")
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.told("aws") == ("True", "Synced", "False", "Throttled")
            world.api.patch_secret("aws", EXTRA)
            await world.settle()
            assert world.values("aws") == {"TOKEN": "minted-aws-1"}
            assert world.told("aws") == ("True", "Synced", "False", "Throttled")

    play(story)


def test_a_suspended_environment_leaves_its_secret_alone() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", {**static(A="1"), "suspend": True})
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            world.api.put_environment("app", {**static(A="1"), "suspend": True})
            await world.settle()
            world.api.patch_secret("app", EXTRA)
            await world.settle()
            assert world.values("app") == {"A": "1", "EXTRA": "x"}
            world.api.put_environment("app", static(A="1"))
            await world.settle()
            assert world.values("app") == {"A": "1"}

    play(story)


@pytest.mark.parametrize("name", ["app.kubernetes.io/managed-by", "esc-operator.dev/owner"])
def test_labels_of_a_target_that_fight_with_ours_are_refused_and_what_is_held_stays(name: str) -> None:
    """The API server refuses them; here is an environment from before it did."""

    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            world.api.put_environment("app", {**static(A="2"), "target": {"labels": {name: "Helm"}}})
            await world.settle()
            assert world.told("app")[2:] == ("False", "InvalidSpec")
            assert world.condition("app", "Refreshed")["message"] == (
                f"spec.target.labels: only the operator sets {name}, by which it finds its Secrets: leave that out"
            )
            assert world.values("app") == {"A": "1"}
            world.api.put_environment("app", {**static(A="3"), "target": {"labels": {"app": "web"}}})
            await world.settle()
            assert world.values("app") == {"A": "3"}
            assert world.told("app") == WELL

    play(story)
