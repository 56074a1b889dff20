"""When the operator mints and writes, and when it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ENVIRONMENT, MANAGED_BY, MANAGED_BY_LABEL, ROTATE_REQUESTED_AT
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, key, login, play, static

if TYPE_CHECKING:
    from unit.reconciliation.fake_api import Call

WRITES = ("apply", "patch_status", "delete", "create_event")


def test_a_new_environment_gets_its_secret_with_one_mint_and_two_writes() -> None:
    async def story(world: World) -> None:
        async with world.operator():
            world.api.put_environment("aws", login())
            await world.settle()

        assert world.values("aws") == {"TOKEN": "minted-aws-1"}
        assert world.told("aws") == WELL
        assert world.cloud.mints == {"aws": 1}
        assert world.api.count(*WRITES) == 2

    play(story)


def test_the_secret_belongs_to_its_environment_and_goes_with_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(target={"name": "creds", "labels": {"team": "a"}}))
        async with world.operator():
            secret = world.api.secret("creds")
            assert secret is not None
            metadata = secret["metadata"]
            assert metadata["labels"] == {MANAGED_BY_LABEL: MANAGED_BY, "team": "a"}
            assert metadata["annotations"][ENVIRONMENT] == "aws"
            assert [owner["uid"] for owner in metadata["ownerReferences"]] == [
                world.api.environment("aws")["metadata"]["uid"]
            ]
            world.api.delete_environment("aws")
            await world.settle()

        assert world.api.secret("creds") is None

    play(story)


def test_the_status_tells_names_and_times_and_no_value() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", {"environment": {"login": 3600, "values": {"PASSWORD": "hunter2"}}})
        async with world.operator():
            status = world.status("aws")

        assert status["variables"] == ["PASSWORD", "TOKEN"]
        assert status["secretName"] == "aws"
        assert status["expiresAt"] == "2026-05-01T13:00:00Z"
        assert status["refreshedAt"] == "2026-05-01T12:00:00Z"
        assert "2026-05-01T12:40:00Z" < status["nextRefreshAt"] <= "2026-05-01T12:45:00Z"
        assert "hunter2" not in str(status)
        assert "minted" not in str(status)

    play(story)


def test_the_status_names_what_an_environment_logs_in_to_whatever_comes_later() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        world.api.put_environment("plain", static(COLOUR="blue"))
        async with world.operator():
            asked = [{"provider": "login", "role": "role-of-aws"}]
            assert world.status("aws")["logins"] == asked
            assert "logins" not in world.status("plain")
            world.cloud.refusals["aws"] = Refused("Throttled", "slow down")
            await world.skip(50 * MINUTE)
            assert world.told("aws")[2:] == ("False", "Throttled")
            assert world.status("aws")["logins"] == asked

    play(story)


def test_credentials_are_renewed_ahead_of_expiry_with_one_mint_each_time() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            for _ in range(6 * 60 * 2):
                await world.skip(30 * SECOND)
                assert world.status("aws")["expiresAt"] > world.time.isoformat()
                assert world.told("aws") == WELL

        assert 8 <= world.cloud.mints["aws"] <= 10

    play(story)


def test_a_restart_mints_nothing_writes_nothing_and_reads_no_secret() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        world.api.put_environment("plain", static(COLOUR="blue"))
        async with world.operator():
            await world.skip(10 * MINUTE, step=MINUTE)
        before = len(world.api.calls)
        async with world.operator():
            await world.skip(10 * MINUTE, step=MINUTE)

        assert {call.verb for call in world.api.calls[before:]} == {"list_page", "watch_lines"}
        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_a_restart_leaves_a_refused_environment_as_it_is_until_its_retry() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("aws", {"mine": "eA=="})
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        before = len(world.api.calls)
        async with world.operator():
            pass

        assert {call.verb for call in world.api.calls[before:]} == {"list_page", "watch_lines", "read_metadata"}

    play(story)


def test_what_came_due_while_the_operator_was_down_is_renewed_at_its_start() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        world.time += 50 * MINUTE
        async with world.operator():
            assert world.cloud.mints == {"aws": 2}
            assert world.told("aws") == WELL

    play(story)


def test_edits_of_labels_and_annotations_cost_no_request_at_all() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            before = len(world.api.calls)
            world.api.annotate_environment("aws", labels={"team": "b"})
            world.api.annotate_environment("aws", annotations={"note": "x"})
            await world.settle()
            assert world.api.calls[before:] == []

        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_a_new_value_of_the_rotate_annotation_mints_exactly_once() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert world.cloud.mints == {"aws": 2}
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1", "other": "x"})
            await world.settle()
        async with world.operator():
            pass

        assert world.cloud.mints == {"aws": 2}
        assert world.values("aws") == {"TOKEN": "minted-aws-2"}

    play(story)


def test_taking_the_rotate_annotation_away_mints_nothing() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(), annotations={ROTATE_REQUESTED_AT: "1"})
        async with world.operator():
            world.api.annotate_environment("aws", annotations={})
            await world.settle()

        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_a_rotation_that_is_asked_for_while_the_operator_is_down_happens_once() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
        for _ in range(2):
            async with world.operator():
                pass

        assert world.cloud.mints == {"aws": 2}

    play(story)


def test_a_rotation_mints_once_though_its_status_could_not_be_written() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            world.api.before_call = lambda call: (
                world.api.lost_before.add(len(world.api.calls) - 1) if call.verb == "patch_status" else None
            )
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            world.api.before_call = lambda _: None
            await world.skip(MINUTE, step=SECOND)

        assert world.cloud.mints == {"aws": 2}
        assert world.status("aws")["observedRotateRequest"] == "1"
        assert world.told("aws") == WELL

    play(story)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_process_that_dies_between_secret_and_status_has_minted_enough(*, rotated: bool) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        if rotated:
            async with world.operator():
                pass
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
        minted = world.cloud.mints["aws"]

        def lose_power(call: Call) -> None:
            world.api.unavailable = world.api.unavailable or call.verb == "patch_status"

        world.api.before_call = lose_power
        async with world.operator():
            pass
        world.api.before_call, world.api.unavailable = (lambda _: None), False
        async with world.operator():
            assert world.told("aws") == WELL
            assert world.status("aws")["variables"] == ["TOKEN"]
            assert world.status("aws").get("observedRotateRequest") == ("1" if rotated else None)

        assert world.cloud.mints["aws"] == minted + 1

    play(story)


def test_a_changed_spec_is_synced_again_and_shares_the_login_it_has() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(target={"labels": {"team": "a"}}))
            await world.settle()
            secret = world.api.secret("aws")
            assert secret is not None
            assert secret["metadata"]["labels"]["team"] == "a"
            world.api.put_environment("aws", login())
            await world.settle()
            secret = world.api.secret("aws")
            assert secret is not None
            assert "team" not in secret["metadata"]["labels"]

        assert world.cloud.mints == {"aws": 1}
        assert world.status("aws")["observedGeneration"] == 3

    play(story)


def test_a_variable_that_is_taken_out_leaves_the_secret() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("plain", static(A="1", B="2"))
        async with world.operator():
            world.api.put_environment("plain", static(B="2"))
            await world.settle()

        assert world.values("plain") == {"B": "2"}
        assert world.status("plain")["variables"] == ["B"]

    play(story)


def test_an_edited_secret_is_put_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_secret("aws", {"TOKEN": "c3RvbGVu"})
            await world.settle()

        assert world.values("aws") == {"TOKEN": "minted-aws-1"}
        assert world.cloud.mints == {"aws": 1}
        assert world.told("aws") == WELL

    play(story)


def test_a_deleted_secret_is_put_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.delete_secret("aws")
            await world.settle()

        assert world.values("aws") == {"TOKEN": "minted-aws-1"}
        assert world.cloud.mints == {"aws": 1}
        assert world.told("aws") == WELL

    play(story)


def test_a_secret_that_was_deleted_while_the_operator_was_down_is_put_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            pass
        world.api.delete_secret("aws")
        async with world.operator():
            assert world.values("aws") == {"TOKEN": "minted-aws-2"}

    play(story)


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_a_secret_without_its_label_or_its_record_gets_them_back(field: str) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.strip_secret("aws", field)
            await world.settle()
            secret = world.api.secret("aws")

        assert secret is not None
        assert secret["metadata"]["labels"][MANAGED_BY_LABEL] == MANAGED_BY
        assert secret["metadata"]["annotations"][ENVIRONMENT] == "aws"
        assert world.cloud.mints == {"aws": 1}
        assert world.told("aws") == WELL

    play(story)


def test_a_foreign_label_on_the_secret_stays_and_mints_nothing() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_secret("aws", {}, labels={"seen-by": "backup"})
            await world.settle()
            opened = world.cloud.opened["aws"]
            await world.skip(50 * MINUTE, step=MINUTE)
            secret = world.api.secret("aws")

        assert opened == 1
        assert secret is not None
        assert secret["metadata"]["labels"]["seen-by"] == "backup"
        assert world.told("aws") == WELL

    play(story)


def test_inputs_without_an_expiry_are_read_again_at_the_interval_and_written_only_if_they_changed() -> None:
    async def story(world: World) -> None:
        world.cloud.outside["COLOUR"] = "blue"
        world.api.put_environment("paint", {"environment": {"reads": ["COLOUR"]}, "refresh": {"interval": "10m"}})
        async with world.operator():
            writes = world.api.count(*WRITES)
            await world.skip(HOUR, step=MINUTE)
            assert world.cloud.opened["paint"] in {7, 8}
            assert world.api.count(*WRITES) == writes
            world.cloud.outside["COLOUR"] = "green"
            await world.skip(10 * MINUTE, step=MINUTE)

        assert world.values("paint") == {"COLOUR": "green"}

    play(story)


def test_reading_again_does_not_renew_a_login_that_is_not_due_and_writes_nothing() -> None:
    async def story(world: World) -> None:
        world.cloud.outside["COLOUR"] = "blue"
        definition = {"login": 12 * 3600, "reads": ["COLOUR"]}
        world.api.put_environment("both", {"environment": definition, "refresh": {"interval": "1h"}})
        async with world.operator():
            writes, status = world.api.count(*WRITES), world.status("both")
            await world.skip(8 * HOUR, step=MINUTE)

        assert world.cloud.opened["both"] >= 8
        assert world.cloud.mints == {"both": 1}
        assert world.api.count(*WRITES) == writes
        assert "2026-05-01T20:00:00Z" < status["nextRefreshAt"] < status["expiresAt"]

    play(story)


def test_plain_values_are_never_read_again() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("plain", static(COLOUR="blue"))
        async with world.operator():
            await world.skip(48 * HOUR, step=HOUR)

        assert world.cloud.opened == {"plain": 1}
        assert "nextRefreshAt" not in world.status("plain")

    play(story)


def test_a_login_that_keeps_granting_the_same_expiry_is_not_asked_in_a_loop() -> None:
    async def story(world: World) -> None:
        world.cloud.fixed_expiry = world.time + HOUR
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(59 * MINUTE, step=SECOND)

        assert world.cloud.opened["aws"] < 40  # from the renewal on at most twice a minute

    play(story)


def test_credentials_that_are_expired_when_granted_are_not_renewed_in_a_loop() -> None:
    async def story(world: World) -> None:
        world.cloud.fixed_expiry = world.time - HOUR
        world.api.put_environment("aws", login())
        async with world.operator():
            assert world.told("aws") == ("False", "Expired", "True", "Refreshed")
            await world.skip(10 * MINUTE, step=SECOND)

        assert world.cloud.mints["aws"] <= 22

    play(story)


def test_suspension_stops_renewal_and_is_reported() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(suspend=True))
            await world.settle()
            assert world.condition("aws")["status"] == "True"
            assert world.condition("aws")["reason"] == "Suspended"
            await world.skip(58 * MINUTE, step=MINUTE)
            assert world.condition("aws")["status"] == "True"
            await world.skip(2 * MINUTE, step=SECOND)
            assert world.condition("aws")["status"] == "False"
            assert world.cloud.mints == {"aws": 1}
            world.api.put_environment("aws", login())
            await world.settle()

        assert world.cloud.mints == {"aws": 2}
        assert world.told("aws") == WELL

    play(story)


def test_an_environment_that_is_suspended_from_the_start_has_no_secret_and_says_so() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(suspend=True))
        async with world.operator():
            await world.skip(2 * HOUR, step=MINUTE)

        assert world.cloud.opened == {}
        assert world.api.secret("aws") is None
        assert world.condition("aws")["status"] == "False"
        assert "kept" not in world.condition("aws")["message"]

    play(story)


def test_an_environment_is_forgotten_with_all_that_was_known_of_it() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            for number in range(20):
                world.api.put_environment(f"aws-{number}", {**login(), "target": {"name": f"creds-{number}"}})
            await world.settle()
            for number in range(20):
                world.api.put_environment(f"aws-{number}", {**login(), "target": {"name": f"other-{number}"}})
            await world.settle()
            for number in range(20):
                world.api.delete_environment(f"aws-{number}")
            await world.settle()
            assert len(reconciler.cache) == 0
            assert len(reconciler.scheduler) == 0
            assert len(reconciler.queue) == 0
            assert reconciler.cache.is_empty

        assert not [where for where in world.api.objects if where[0] == "secrets"]

    play(story)


def test_an_environment_made_again_under_its_old_name_starts_anew() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.delete_environment("aws")
            world.api.put_environment("aws", login())
            await world.settle()
            secret = world.api.secret("aws")

        assert secret is not None
        uid = world.api.environment("aws")["metadata"]["uid"]
        assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [uid]
        assert world.told("aws") == WELL

    play(story)


def test_a_secret_kept_by_a_former_environment_is_taken_over_by_a_new_one_of_that_name() -> None:
    async def story(world: World) -> None:
        kept = {"deletionPolicy": "Retain"}
        world.api.put_environment("aws", login(target=kept))
        async with world.operator():
            world.api.delete_environment("aws")
            await world.settle()
            assert world.values("aws") == {"TOKEN": "minted-aws-1"}
            world.api.put_environment("aws", login(target=kept))
            await world.settle()

        assert world.told("aws") == WELL

    play(story)


def test_an_environment_that_is_being_deleted_is_left_alone() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            world.api.put_environment("aws", login(), deletionTimestamp="2026-05-01T12:00:00Z")
            await world.settle()
            assert reconciler.cache.find(key("aws")) is None

        assert world.cloud.opened == {}

    play(story)
