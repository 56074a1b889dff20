"""One evaluation, the same Secret in many namespaces, whatever becomes of namespaces, their Secrets or the process."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ROTATE_REQUESTED_AT, SYNC_RECORD, reasons
from esc_operator.resources.allowances import ALLOWED_ROLES
from unit.reconciliation.fan_out_world import MANY, TEAMS, Teams
from unit.reconciliation.losses import Life
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, login, play, static

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def told(story: Callable[[Teams], Coroutine[Any, Any, None]], many: int = MANY) -> None:
    play(story, Teams(many))


def test_all_namespaces_that_fit_get_the_same_from_one_evaluation() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.held("other") is None
            assert (world.cloud.mints["wide"], world.cloud.opened["wide"]) == (1, 1)
            assert world.summary() == (MANY, MANY, 0)
            assert world.api.count("apply") == MANY
            owner = world.api.secret("wide", "team-07")["metadata"]["ownerReferences"][0]  # type: ignore[index]
            assert (owner["kind"], owner["name"]) == ("ClusterEscEnvironment", "wide")
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-2'}"}
            assert (world.cloud.mints["wide"], world.api.count("apply")) == (2, 2 * MANY)

    told(story)


def test_a_restart_mints_writes_and_even_reads_nothing() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            pass
        before = len(world.api.calls)
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
        verbs = {call.verb for call in world.api.calls[before:]}
        assert verbs == {"list_page", "watch_lines"}
        assert world.cloud.mints["wide"] == 1

    told(story)


def test_a_namespace_that_appears_gets_what_the_others_have_also_after_a_restart() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_namespace("late", {"team": "yes"})
            await world.settle()
            assert world.held("late") == {"TOKEN": "minted-wide-1"}
        world.api.put_namespace("later", {"team": "yes"})
        async with world.operator():
            assert world.held("later") == {"TOKEN": "minted-wide-1"}
            world.api.put_namespace("other", {"team": "yes"})
            await world.settle()
            assert world.held("other") == {"TOKEN": "minted-wide-1"}
        assert (world.cloud.mints["wide"], world.cloud.opened["wide"]) == (1, 1)
        assert world.summary() == (MANY + 3, MANY + 3, 0)

    told(story)


def test_a_role_that_the_namespace_of_its_account_allows_no_more_is_reported_at_once_and_what_is_held_stays() -> None:
    async def story(world: Teams) -> None:
        world.api.put_namespace("infra")
        world.put_wide({**login(), "serviceAccount": {"namespace": "infra", "name": "default"}})
        async with world.operator():
            world.api.put_namespace("team-00", {"team": "yes"}, annotations={ALLOWED_ROLES: "another"})
            await world.settle()
            await world.look()
            assert (world.conditions(), world.cloud.opened["wide"]) == (WELL, 1), "nobody logs in as that namespace"
            world.cloud.refusals["wide"] = Refused(reasons.ROLE_NOT_ALLOWED, "not allowed", retryable=False)
            world.api.put_namespace("infra", annotations={ALLOWED_ROLES: "another"})
            await world.settle()
            await world.look()
            assert world.conditions() == ("True", "Synced", "False", reasons.ROLE_NOT_ALLOWED)
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            world.cloud.refusals.clear()
            world.api.put_namespace("infra", annotations={ALLOWED_ROLES: "role-of-*"})
            await world.settle()
            await world.look()
            assert world.conditions() == WELL
        assert world.cloud.mints["wide"] == 1

    told(story, 3)


@pytest.mark.parametrize("while_away", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_a_role_that_is_a_secret_is_asked_for_again_when_other_roles_are_allowed(
    *, while_away: bool, wide: bool
) -> None:
    name, namespace = ("wide", "") if wide else ("own", "team-00")
    refused = Refused(reasons.ROLE_NOT_ALLOWED, "not allowed", retryable=False)

    async def story(world: Teams) -> None:
        world.cloud.hiding.add(name)
        account = {"serviceAccount": {"namespace": "team-00", "name": "default"}} if wide else {}

        def allow(roles: str) -> None:
            world.api.put_namespace("team-00", {"team": "yes"}, annotations={ALLOWED_ROLES: roles})

        def refreshed() -> str:
            conditions: list[dict[str, str]] = world.api.environment(name, namespace)["status"]["conditions"]
            return next(one["reason"] for one in conditions if one["type"] == "Refreshed")

        async def look() -> None:
            await world.settle()
            await world.look()
            await world.skip(SECOND)

        allow("role-of-*")
        async with world.operator():
            if wide:
                world.put_wide({**login(), **account})
            else:
                world.api.put_environment(name, login(), namespace)
            await look()
            assert world.cloud.opened[name] == 1
            allow("role-of-*, another")
            await look()
            # What is allowed still is asked for once, and no more than that.
            assert (world.cloud.opened[name], refreshed(), world.cloud.mints[name]) == (2, "Refreshed", 1)
            await look()
            assert world.cloud.opened[name] == 2
            world.cloud.refusals[name] = refused
            if not while_away:
                allow("another")
                await look()
        if while_away:
            allow("another")
        async with world.operator():
            await look()
            assert refreshed() == reasons.ROLE_NOT_ALLOWED
            assert world.cloud.opened[name] == 3
        async with world.operator():
            await look()
            assert world.cloud.opened[name] == 3

    told(story, 3)


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_namespace_that_does_not_fit_any_more_loses_it_as_the_policy_says(policy: str) -> None:
    async def story(world: Teams) -> None:
        world.put_wide(**TEAMS, deletionPolicy="Delete")
        async with world.operator():
            if policy == "Retain":
                world.put_wide(namespaces=["team-01"], deletionPolicy=policy)
            else:
                world.api.put_namespace("team-00")
            await world.settle()
            await world.skip(10 * SECOND, step=SECOND)
            body = world.api.secret("wide", "team-00")
            if policy == "Retain":
                assert body is not None
                assert not body["metadata"].get("ownerReferences")
                assert world.summary() == (1, 1, 0)
                world.api.delete_environment("wide", "")
                await world.settle()
                assert world.held("team-00") == {"TOKEN": "minted-wide-1"}
            else:
                assert body is None
                assert world.summary() == (MANY - 1, MANY - 1, 0)
        assert world.cloud.mints["wide"] == 1

    told(story)


def test_a_terminating_namespace_is_left_alone_and_the_environments_end_takes_all_secrets() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_namespace("team-00", {"team": "yes"}, terminating=True)
            world.api.delete_secret("wide", "team-00")
            await world.settle()
            assert world.held("team-00") is None
            assert world.summary() == (MANY - 1, MANY - 1, 0)
            world.api.put_namespace("team-01", terminating=True)
            await world.settle()
            assert world.held("team-01") is not None  # it goes with its namespace
            world.api.delete_namespace("team-00")
            await world.settle()
            world.api.delete_environment("wide", "")
            await world.settle()
            assert not [key for plural, key in world.api.objects if plural == "secrets"]

    told(story)


def test_edited_and_deleted_secrets_are_put_back_without_an_evaluation() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_secret("wide", {"TOKEN": "c3RvbGVu"}, "team-03")
            world.api.delete_secret("wide", "team-04")
            await world.settle()
            await world.skip(10 * SECOND, step=SECOND)
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.cloud.opened["wide"] == 1
        world.api.put_secret("wide", {"TOKEN": "c3RvbGVu"}, "team-05")
        async with world.operator():
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.cloud.opened["wide"] == 1

    told(story)


def test_a_forged_record_reaches_no_other_namespace() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            forge(world, "team-06")
            await world.settle()
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
        forge(world, "team-00")
        async with world.operator():
            world.api.put_namespace("late", {"team": "yes"})
            await world.settle()
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.held("late") == {"TOKEN": "minted-wide-1"}

    told(story)


def forge(world: Teams, namespace: str) -> None:
    """Data and record together, as somebody may who writes Secrets in one namespace."""
    from esc_operator.resources.sync_record import digest_data

    data = {"TOKEN": base64.b64encode(b"forged").decode()}
    body = world.api.secret("wide", namespace)
    assert body is not None
    record = json.loads(body["metadata"]["annotations"][SYNC_RECORD])
    record |= {"digest": digest_data(data), "refreshedAt": "2026-05-01T12:30:00Z", "expiresAt": "2036-05-01T12:30:00Z"}
    world.api.put_secret("wide", data, namespace, annotations={SYNC_RECORD: json.dumps(record, separators=(",", ":"))})


def test_somebody_elses_secret_is_refused_told_by_namespace_and_taken_once_it_is_free() -> None:
    async def story(world: Teams) -> None:
        world.api.put_secret("wide", {"mine": "eA=="}, "team-02")
        world.put_wide()
        async with world.operator():
            assert world.held("team-02") == {"mine": "x"}
            assert world.conditions() == ("False", "NamespacesFailing", "True", "Refreshed")
            assert world.summary() == (MANY, MANY - 1, 1)
            (failure,) = world.wide["namespaces"]["failures"]
            assert (failure["namespace"], failure["reason"]) == ("team-02", "SecretNotOwned")
            writes = world.api.count("apply")
            await world.skip(5 * MINUTE, step=5 * SECOND)
            assert world.api.count("apply") == writes
            world.api.delete_secret("wide", "team-02")
            await world.skip(6 * MINUTE, step=5 * SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.cloud.opened["wide"] == 1
            assert [event["reason"] for event in world.api.events] == ["NamespacesFailing"]

    told(story)


@pytest.mark.parametrize("error", [ForbiddenError("quota"), UnavailableError("webhook")])
def test_writes_that_are_refused_in_some_keep_the_others_right_and_are_tried_again_without_an_evaluation(
    error: Exception,
) -> None:
    async def story(world: Teams) -> None:
        refused = {"team-10", "team-20", "team-30"}
        apply = world.api.apply

        async def picky(resource: Any, body: Any, **how: Any) -> Any:
            if body["metadata"]["namespace"] in refused:
                raise error
            return await apply(resource, body, **how)

        world.api.apply = picky  # type: ignore[method-assign]
        world.put_wide()
        async with world.operator():
            assert world.summary() == (MANY, MANY - 3, 3)
            assert [one["namespace"] for one in world.wide["namespaces"]["failures"]] == sorted(refused)
            await world.skip(2 * MINUTE, step=5 * SECOND)
            refused.clear()
            await world.skip(6 * MINUTE, step=5 * SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert (world.cloud.mints["wide"], world.cloud.opened["wide"]) == (1, 1)

    told(story)


def test_a_status_never_grows_past_its_limits() -> None:
    async def story(world: Teams) -> None:
        for name in world.names:
            world.api.put_secret("wide", {"mine": "eA=="}, name)
        world.put_wide()
        async with world.operator():
            assert world.wide["namespaces"]["matched"] == world.wide["namespaces"]["failing"] == MANY
            assert len(world.wide["namespaces"]["failures"]) == 20
            assert world.cloud.opened["wide"] == 0

    told(story)


def test_an_outage_keeps_the_last_good_values_and_gives_them_to_new_namespaces() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.cloud.refusals["wide"] = Refused("Down", "it is down")
            await world.skip(45 * MINUTE, step=30 * SECOND)
            assert world.conditions() == ("True", "Synced", "False", "Down")
            world.api.put_namespace("late", {"team": "yes"})
            await world.settle()
            assert world.held("late") == {"TOKEN": "minted-wide-1"}
            await world.skip(20 * MINUTE, step=30 * SECOND)
            assert world.conditions()[:2] == ("False", "Expired")
            world.api.put_namespace("later", {"team": "yes"})
            await world.settle()
            assert world.held("later") is None
            del world.cloud.refusals["wide"]
            await world.skip(6 * MINUTE, step=5 * SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-2'}"} == {str(world.held("later"))}

    told(story)


def test_a_rotation_a_new_spec_and_a_changed_import_reach_all() -> None:
    async def story(world: Teams) -> None:
        world.api.put_environment("base", static(COLOUR="blue"), "")
        world.put_wide(static("base", SHAPE="round"))
        async with world.operator():
            assert world.everywhere() == {"{'COLOUR': 'blue', 'SHAPE': 'round'}"}
            world.api.put_environment("base", static(COLOUR="green"), "")
            await world.settle()
            assert world.everywhere() == {"{'COLOUR': 'green', 'SHAPE': 'round'}"}
            world.put_wide(login())
            await world.settle()
            await world.skip(SECOND)
            world.api.annotate_environment("wide", "", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-2'}"}

    told(story, 5)


def test_without_a_target_nothing_is_opened_and_taking_the_target_away_takes_the_secrets() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_environment("wide", login(), "")
            await world.settle()
            assert world.conditions()[:2] == ("True", "NoTarget")
            assert not [key for plural, key in world.api.objects if plural == "secrets"]
            world.put_wide(namespaces=["nowhere"])
            await world.settle()
            assert world.conditions()[:2] == ("True", "NoNamespaces")
            assert world.cloud.opened["wide"] == 1

    told(story, 5)


def test_under_a_new_name_the_new_one_comes_before_the_old_one_goes() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_secret("new", {"mine": "eA=="}, "team-02")
            world.put_wide(**TEAMS, name="new")
            await world.settle()
            left = sorted(str(key) for plural, key in world.api.objects if plural == "secrets" and key.name == "wide")
            assert left == ["team-02/wide"]
            assert world.cloud.mints["wide"] == 1

    told(story, 5)


def test_suspended_nothing_is_touched() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.put_environment("wide", {**login(), "target": {"namespaces": ["team-00"]}, "suspend": True}, "")
            await world.settle()
            writes = world.api.count("apply", "delete", "patch")
            world.api.put_namespace("late", {"team": "yes"})
            await world.skip(2 * HOUR, step=MINUTE)
            assert world.api.count("apply", "delete", "patch") == writes
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}

    told(story, 5)


# A request may fail anywhere.


def change(world: Teams) -> None:
    world.api.put_namespace("late", {"team": "yes"})
    world.api.put_secret("wide", {"TOKEN": "c3RvbGVu"}, "team-01")


def rotate(world: Teams) -> None:
    world.api.annotate_environment("wide", "", annotations={ROTATE_REQUESTED_AT: "1"})


LIFE = Life(lambda: Teams(5), (lambda world: world.put_wide(), change, rotate))


def check(world: Teams) -> None:
    assert world.conditions() == WELL
    token = f"minted-wide-{world.cloud.mints['wide']}"
    assert world.everywhere() | {str(world.held("late"))} == {str({"TOKEN": token})}
    assert world.summary() == (6, 6, 0)
    assert world.wide["observedRotateRequest"] == "1"


def test_without_a_fault_all_ends_well() -> None:
    check(LIFE.undisturbed)
    assert LIFE.undisturbed.cloud.mints == {"wide": 2}


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_the_end_is_the_same_and_nothing_is_minted_twice(kind: str) -> None:
    def check_mints(world: Teams) -> None:
        check(world)
        assert world.cloud.mints["wide"] == 2

    LIFE.lose_each(kind, check_mints)


def test_an_operator_that_dies_at_any_request_is_made_up_for_by_the_next() -> None:
    def check_mints(world: Teams) -> None:
        check(world)
        # What it had minted and not yet written anywhere died with it.
        assert world.cloud.mints["wide"] <= 3

    LIFE.die_at_each(check_mints)
