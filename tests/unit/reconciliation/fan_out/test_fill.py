"""One turn of work on the Secrets of a ClusterEscEnvironment: who is asked, and who is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.formats.times import parse_time
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.workqueue.retry_after import LONGEST_ASKED
from esc_operator.resources import MANAGED_BY_LABEL
from unit.reconciliation.fan_out_world import TEAMS, Teams
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, play, static


def test_after_the_api_server_has_asked_to_wait_no_namespace_is_filled_until_then() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            busy = UnavailableError.default_reason
            world.cloud.refusals["wide"] = Refused(busy, "could not read an import: too many requests", retry_after=60)
            due = parse_time(world.wide["nextRefreshAt"])
            assert due is not None
            world.api.delete_secret("wide", "team-01")
            world.time = due + SECOND  # what lags behind and what is due are found at the same look
            await world.look()
            assert world.conditions() == ("True", "Synced", "False", busy)
            assert world.held("team-01") is None
            await world.skip(58 * SECOND, step=SECOND)
            assert world.held("team-01") is None
            world.cloud.refusals.clear()
            await world.skip(5 * SECOND, step=SECOND)
            assert world.conditions() == WELL
            assert len(world.everywhere()) == 1

    play(story, Teams(3))


def test_an_absurd_wait_that_is_asked_for_in_one_namespace_is_not_waited_for() -> None:
    async def story(world: Teams) -> None:
        apply, refuses = world.api.apply, True

        async def picky(resource: Any, body: Any, **how: Any) -> Any:
            if refuses and body["metadata"]["namespace"] == "team-01":
                raise UnavailableError("webhook", retry_after=90_000)
            return await apply(resource, body, **how)

        world.api.apply = picky  # type: ignore[method-assign]
        world.put_wide()
        async with world.operator():
            assert world.summary() == (3, 2, 1)
            refuses = False
            await world.skip(LONGEST_ASKED + SECOND, step=SECOND)
            assert world.conditions() == WELL

    play(story, Teams(3))


EXTRA = {"data": {"EXTRA": "eA=="}}
CHANGES: dict[str, dict[str, Any]] = {
    "a key is added": EXTRA,
    "a label of ours is taken off": {"metadata": {"labels": {"app": None}}},
    "the label that makes it ours is taken off": {"metadata": {"labels": {MANAGED_BY_LABEL: None}}},
    "its owner is taken off": {"metadata": {"ownerReferences": None}},
}
LABELLED: dict[str, Any] = {**TEAMS, "labels": {"app": "web"}}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("everywhere", [False, True])
def test_what_others_change_is_taken_back_and_nothing_is_opened(change: dict[str, Any], everywhere: bool) -> None:
    async def story(world: Teams) -> None:
        world.put_wide(**LABELLED)
        async with world.operator():
            before = {name: world.api.secret("wide", name) for name in world.names}
            for name in world.names if everywhere else world.names[:1]:
                world.api.patch_secret("wide", change, name)
            await world.settle()
            assert {name: _without_version(world.api.secret("wide", name)) for name in world.names} == {
                name: _without_version(body) for name, body in before.items()
            }
            assert world.conditions() == WELL
            assert world.cloud.opened["wide"] == 1
            assert [event["reason"] for event in world.api.events] == ["SecretRestored"]
            quiet = len(world.api.calls)
            await world.skip(MINUTE, step=SECOND)
            assert len(world.api.calls) == quiet

    play(story, Teams(3))


def _without_version(body: dict[str, Any] | None) -> dict[str, Any]:
    assert body is not None
    ours = {part: body["metadata"].get(part) for part in ("labels", "annotations", "ownerReferences")}
    return {"metadata": ours, "data": body["data"]}


def test_what_was_added_everywhere_while_no_operator_ran_is_taken_off_without_a_mint() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            pass
        for name in world.names:
            world.api.patch_secret("wide", EXTRA, name)
        async with world.operator():
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.conditions() == WELL
        assert (world.cloud.mints["wide"], world.cloud.opened["wide"]) == (1, 1)

    play(story, Teams(3))


def test_a_variable_that_is_removed_goes_though_another_field_manager_has_set_it_too() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1", OLD="secret"))
        async with world.operator():
            body = world.api.secret("wide", "team-01")
            assert body is not None
            world.api.put_secret("wide", {"OLD": body["data"]["OLD"]}, "team-01")
            await world.settle()
            world.put_wide(static(A="1"))
            await world.settle()
            assert world.everywhere() == {"{'A': '1'}"}
            assert world.conditions() == WELL

    play(story, Teams(3))


@pytest.mark.parametrize("change", [EXTRA, {"data": {"A": "dGhlaXJz"}}], ids=["a key", "a value"])
@pytest.mark.parametrize("many", [1, 3])
def test_a_fight_in_one_namespace_is_bounded_and_reported_and_ends_with_its_cause(
    change: dict[str, Any], many: int
) -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"))
        async with world.operator():
            writes = world.api.count("apply")
            for _ in range(300):
                world.api.patch_secret("wide", change, "team-00")
                await world.skip(3 * SECOND)
            assert world.api.count("apply") - writes < 35  # in a quarter of an hour
            assert world.cloud.opened["wide"] < 35
            assert world.conditions()[:2] == ("False", "NamespacesFailing")
            told = world.wide["namespaces"]["failures"][0]
            assert (told["namespace"], told["reason"]) == ("team-00", "SecretContested")
            assert 'field manager "kubectl-patch" keeps changing it' in told["message"]
            assert world.summary() == (many, many - 1, 1)
            assert [event["reason"] for event in world.api.events] == ["SecretRestored", "NamespacesFailing"]
            await world.skip(MINUTE + SECOND, step=SECOND)
            assert world.everywhere() == {"{'A': '1'}"}
            assert world.conditions() == WELL

    play(story, Teams(many))


def test_a_webhook_that_adds_a_key_at_each_write_is_reported_for_each_namespace() -> None:
    async def story(world: Teams) -> None:
        world.api.webhook = lambda body: {**body, "data": {**body["data"], "INJECTED": "eA=="}}
        world.put_wide(static(A="1"))
        async with world.operator():
            assert world.summary() == (3, 0, 3)
            writes = world.api.count("apply", "patch")
            await world.skip(HOUR, step=5 * SECOND)
            assert world.api.count("apply", "patch") - writes < 3 * 150
            assert world.cloud.opened["wide"] < 3
            assert 'key "INJECTED"' in world.wide["namespaces"]["failures"][0]["message"]
            world.api.webhook = lambda body: body
            await world.skip(MINUTE + SECOND, step=SECOND)
            assert world.everywhere() == {"{'A': '1'}"}
            assert world.conditions() == WELL

    play(story, Teams(3))


def test_a_secret_that_was_made_immutable_in_one_namespace_is_reported_and_the_others_go_on() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"))
        async with world.operator():
            world.api.patch_secret("wide", {"immutable": True}, "team-01")
            await world.settle()
            assert world.wide["namespaces"]["failures"][0]["reason"] == "SecretImmutable"
            world.put_wide(static(A="2"))
            await world.settle()
            assert [world.held(name) for name in world.names] == [{"A": "2"}, {"A": "1"}, {"A": "2"}]
            world.api.delete_secret("wide", "team-01")
            await world.skip(MINUTE, step=SECOND)
            assert world.everywhere() == {"{'A': '2'}"}
            assert world.conditions() == WELL

    play(story, Teams(3))


def test_labels_of_a_target_that_fight_with_ours_are_refused_and_what_is_held_stays() -> None:
    """The API server refuses them; here is an environment from before it did."""

    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"))
        async with world.operator():
            world.put_wide(static(A="2"), **{**TEAMS, "labels": {MANAGED_BY_LABEL: "Helm"}})
            await world.settle()
            assert world.conditions()[2:] == ("False", "InvalidSpec")
            refreshed = next(one for one in world.wide["conditions"] if one["type"] == "Refreshed")
            assert refreshed["message"] == (
                f"spec.target.labels: only the operator sets {MANAGED_BY_LABEL}, by which it finds its Secrets: leave "
                "that out"
            )
            assert world.everywhere() == {"{'A': '1'}"}
            world.put_wide(static(A="3"), **{**TEAMS, "labels": {"app": "web"}})
            await world.settle()
            assert world.everywhere() == {"{'A': '3'}"}
            assert world.conditions() == WELL

    play(story, Teams(3))


def test_secrets_that_were_made_immutable_everywhere_are_reported_and_filled_once_they_are_deleted() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"))
        async with world.operator():
            for name in world.names:
                world.api.patch_secret("wide", {"immutable": True}, name)
            await world.settle()
            world.put_wide(static(A="2"))
            await world.settle()
            assert world.conditions() == ("False", "SecretImmutable", "False", "SecretImmutable")
            assert world.everywhere() == {"{'A': '1'}"}
            for name in world.names:
                world.api.delete_secret("wide", name)
            await world.skip(MINUTE, step=SECOND)
            assert world.everywhere() == {"{'A': '2'}"}
            assert world.conditions() == WELL

    play(story, Teams(3))
