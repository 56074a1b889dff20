"""What happens while values cannot be had: the Secret is kept, the status tells the truth, and retries are paced."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.formats.times import parse_time
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.workqueue.work_queue import Lane
from unit.reconciliation.world import HOUR, MINUTE, SECOND, START, WELL, World, key, login, play, static

KEPT = "; the values in the Secret expire at 2026-05-01T13:00:00Z"

if TYPE_CHECKING:
    from unit.reconciliation.fake_api import Call

DOWN = Refused("ProviderUnavailable", "the cloud does not answer")
MISTAKE = Refused("UnknownProvider", "values.aws: there is no such provider", retryable=False)


def test_inside_the_window_ready_stays_true_and_past_expiry_it_is_false_and_recovery_turns_it_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            expires_at = parse_time(world.status("aws")["expiresAt"])
            assert expires_at is not None
            while world.time < expires_at - MINUTE - 2 * SECOND:
                assert world.told("aws")[0] == "True"
                await world.skip(SECOND)
            assert world.told("aws") == ("True", "Synced", "False", "ProviderUnavailable")
            await world.skip(3 * SECOND)
            assert world.told("aws") == ("False", "Expired", "False", "ProviderUnavailable")
            message = world.condition("aws")["message"]
            assert message.startswith("the values expire at 2026-05-01T13:00:00Z, so soon")
            assert "the cloud does not answer" in message
            await world.skip(6 * MINUTE, step=SECOND)
            assert world.condition("aws")["message"].startswith("the values expired at 2026-05-01T13:00:00Z and could")
            assert world.values("aws") == {"TOKEN": "minted-aws-1"}
            del world.cloud.refusals["aws"]
            await world.skip(5 * MINUTE, step=SECOND)

        assert world.told("aws") == WELL
        assert world.values("aws") == {"TOKEN": "minted-aws-2"}
        assert "failures" not in world.status("aws")

    play(story)


def test_ready_turns_false_at_expiry_even_if_no_attempt_falls_on_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = MISTAKE
            await world.skip(58 * MINUTE, step=MINUTE)
            opened = world.cloud.opened["aws"]
            assert world.told("aws") == ("True", "Synced", "False", "UnknownProvider")
            await world.skip(MINUTE)
            assert world.told("aws") == ("False", "Expired", "False", "UnknownProvider")
            assert world.cloud.opened["aws"] == opened

    play(story)


def test_ready_turns_false_at_expiry_though_an_attempt_has_no_answer_yet() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.gate = asyncio.Event()
            await world.skip(58 * MINUTE + 55 * SECOND, step=5 * SECOND)
            assert world.cloud.opened["aws"] == 2
            assert world.told("aws") == WELL
            written = world.api.count("patch_status")
            await world.skip(10 * SECOND, step=SECOND)
            assert world.told("aws") == ("False", "Expired", "True", "Refreshed")
            assert "is running and has no answer yet" in world.condition("aws")["message"]
            assert world.status("aws")["variables"] == ["TOKEN"]
            await world.skip(5 * MINUTE, step=5 * SECOND)
            assert world.api.count("patch_status") == written + 1
            world.cloud.gate.set()
            await world.settle()
            assert world.told("aws") == WELL
            assert world.cloud.opened["aws"] == 2
            assert world.values("aws") == {"TOKEN": "minted-aws-2"}

    play(story)


def test_the_trouble_that_is_known_is_reported_with_an_expiry_that_falls_into_an_attempt() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            await world.skip(55 * MINUTE, step=5 * SECOND)
            world.cloud.gate = asyncio.Event()
            await world.skip(5 * MINUTE, step=SECOND)
            assert world.told("aws") == ("False", "Expired", "False", "ProviderUnavailable")
            assert "could not be renewed: the cloud does not answer" in world.condition("aws")["message"]
            failures = world.status("aws")["failures"]
            world.cloud.gate.set()
            await world.settle()
            assert world.status("aws")["failures"] == failures + 1

    play(story)


def test_an_expiry_that_cannot_be_reported_during_an_attempt_keeps_it_from_nothing() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.gate = asyncio.Event()
            await world.skip(58 * MINUTE, step=5 * SECOND)
            world.api.refusals["patch_status", "escenvironments"] = UnavailableError("it does not answer")
            await world.skip(2 * MINUTE, step=SECOND)
            world.api.refusals.clear()
            world.cloud.gate.set()
            await world.settle()
            assert world.told("aws") == WELL
            assert world.cloud.mints["aws"] == 2

    play(story)


def test_after_a_time_away_an_expiry_is_reported_only_where_it_is_not_made_good_in_a_moment() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.settle()
        world.time += 2 * HOUR
        written = world.api.count("patch_status")
        async with world.operator():
            assert world.told("aws") == WELL
            assert world.api.count("patch_status") == written + 1
        world.time += 2 * HOUR
        world.cloud.gate = asyncio.Event()
        async with world.operator():
            assert world.told("aws")[0] == "True"
            await world.skip(SECOND)
            assert world.told("aws")[:2] == ("False", "Expired")

    play(story)


def test_a_first_sync_that_fails_makes_no_secret_and_says_why() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = DOWN
        world.api.put_environment("aws", login())
        async with world.operator():
            status = world.status("aws")
            assert world.told("aws") == ("False", "ProviderUnavailable", "False", "ProviderUnavailable")
            assert status["failures"] == 1
            assert status["lastFailureAt"] == "2026-05-01T12:00:00Z"
            assert "secretName" not in status
            assert world.api.secret("aws") is None
            del world.cloud.refusals["aws"]
            await world.skip(10 * SECOND, step=SECOND)

        assert world.told("aws") == WELL

    play(story)


def test_failures_are_counted_and_attempts_grow_rarer() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = DOWN
        world.api.put_environment("aws", login())
        async with world.operator():
            times = [world.time]
            while world.time < START + 2 * HOUR:
                opened = world.cloud.opened["aws"]
                await world.skip(SECOND)
                if world.cloud.opened["aws"] > opened:
                    times.append(world.time)
                assert world.status("aws")["failures"] == len(times)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert 2 * SECOND <= gaps[0] <= 6 * SECOND
        assert all(gap <= 5 * MINUTE + SECOND for gap in gaps)
        assert all(gap >= 2.5 * MINUTE for gap in gaps[7:])

    play(story)


def test_retries_inside_the_window_leave_room_for_more_of_them() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(timedelta(minutes=2)))
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            await world.skip(2 * MINUTE, step=timedelta(milliseconds=500))

        assert world.cloud.opened["aws"] >= 8

    play(story)


def test_a_mistake_is_not_tried_again_until_its_owner_changes_something() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = MISTAKE
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(10 * HOUR, step=10 * MINUTE)
            assert world.cloud.opened == {"aws": 1}
            assert "nextRefreshAt" not in world.status("aws")
            del world.cloud.refusals["aws"]
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()

        assert world.told("aws") == WELL

    play(story)


def test_a_mistake_in_an_edit_leaves_the_secret_of_the_last_good_generation() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = MISTAKE
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()

        assert world.values("aws") == {"TOKEN": "minted-aws-1"}
        assert world.told("aws") == ("False", "UnknownProvider", "False", "UnknownProvider")
        assert world.status("aws")["secretName"] == "aws"
        assert world.status("aws")["expiresAt"] == "2026-05-01T13:00:00Z"

    play(story)


def test_what_the_provider_asks_for_is_waited_for_and_reported() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = Refused("Throttled", "slow down", retry_after=120)
        world.api.put_environment("aws", login())
        async with world.operator():
            assert world.status("aws")["nextRefreshAt"] == "2026-05-01T12:02:00Z"
            await world.skip(119 * SECOND, step=SECOND)
            assert world.cloud.opened == {"aws": 1}
            await world.skip(2 * SECOND, step=SECOND)
            assert world.cloud.opened == {"aws": 2}

    play(story)


def test_each_new_trouble_and_each_recovery_is_one_event() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = DOWN
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(10 * MINUTE, step=SECOND)
            world.cloud.refusals["aws"] = MISTAKE
            await world.skip(5 * MINUTE, step=SECOND)
            del world.cloud.refusals["aws"]
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()

        told = [(event["type"], event["reason"]) for event in world.api.events]
        assert told == [("Warning", "ProviderUnavailable"), ("Warning", "UnknownProvider"), ("Normal", "Refreshed")]
        assert world.api.events[0]["involvedObject"]["uid"] == world.api.environment("aws")["metadata"]["uid"]

    play(story)


def test_a_lost_event_changes_nothing() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = DOWN

        def lose(call: Call) -> None:
            if call.verb == "create_event":
                world.api.lost_before.add(len(world.api.calls) - 1)

        world.api.before_call = lose
        world.api.put_environment("aws", login())
        async with world.operator():
            assert world.told("aws")[0] == "False"
            del world.cloud.refusals["aws"]
            await world.skip(MINUTE, step=SECOND)
            assert world.told("aws") == WELL

    play(story)


@pytest.mark.parametrize("refusal", [DOWN, MISTAKE])
def test_a_failure_is_reported_in_the_end_though_its_status_could_not_be_written_at_once(refusal: Refused) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = refusal

            def lose(call: Call) -> None:
                world.api.unavailable = world.api.unavailable or call.verb == "patch_status"

            world.api.before_call = lose
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()
            world.api.before_call, world.api.unavailable = (lambda _: None), False
            assert world.told("aws") == WELL
            await world.skip(30 * SECOND, step=SECOND)
            assert world.told("aws") == ("False", refusal.reason, "False", refusal.reason)

    play(story)


def test_a_status_whose_write_may_or_may_not_have_happened_is_written_whole() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN

            def lose(call: Call) -> None:
                if call.verb == "patch_status":
                    world.api.lost_after.add(len(world.api.calls) - 1)

            world.api.before_call = lose
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()
            world.api.before_call = lambda _: None
            del world.cloud.refusals["aws"]
            world.api.put_environment("aws", login())
            await world.settle()
            assert world.told("aws") == WELL
            assert "failures" not in world.status("aws")
            assert "lastFailureAt" not in world.status("aws")

    play(story)


def test_a_success_after_a_failure_of_an_older_generation_is_reported_though_its_status_was_lost() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["aws"] = MISTAKE
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            del world.cloud.refusals["aws"]

            def lose(call: Call) -> None:
                world.api.unavailable = world.api.unavailable or call.verb == "patch_status"

            world.api.before_call = lose
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()
        world.api.before_call, world.api.unavailable = (lambda _: None), False
        async with world.operator():
            assert world.told("aws") == WELL

        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_a_secret_that_is_deleted_while_values_cannot_be_had_is_not_said_to_be_there() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = MISTAKE
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.told("aws")[0] == "True"
            world.api.delete_secret("aws")
            await world.settle()

        assert world.told("aws") == ("False", "UnknownProvider", "False", "UnknownProvider")
        assert "secretName" not in world.status("aws")
        assert "expiresAt" not in world.status("aws")

    play(story)


def test_a_secret_that_is_edited_while_values_cannot_be_had_is_not_said_to_be_right() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            world.api.put_secret("aws", {"TOKEN": "c3RvbGVu"})
            await world.settle()
            assert world.told("aws")[:2] == ("False", "ProviderUnavailable")
            assert "changed by another writer" in world.condition("aws")["message"]
            del world.cloud.refusals["aws"]
            await world.skip(MINUTE, step=SECOND)

        assert world.told("aws") == WELL
        assert world.values("aws") == {"TOKEN": "minted-aws-1"}

    play(story)


def test_a_reread_whose_result_did_not_reach_the_secret_is_not_forgotten() -> None:
    async def story(world: World) -> None:
        world.cloud.outside["COLOUR"] = "blue"
        world.api.put_environment("paint", {"environment": {"reads": ["COLOUR"]}, "refresh": {"interval": "10h"}})
        async with world.operator():
            world.cloud.outside["COLOUR"] = "green"
            world.time += 10 * HOUR

            def lose(call: Call) -> None:
                if call.verb == "apply":
                    world.api.lost_before.add(len(world.api.calls) - 1)

            world.api.before_call = lose
            await world.look()
            world.api.before_call = lambda _: None
            await world.skip(MINUTE, step=SECOND)

        assert world.values("paint") == {"COLOUR": "green"}

    play(story)


def test_a_retry_asks_no_more_of_credentials_than_what_failed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            world.api.put_environment("aws", login(target={"labels": {"a": "b"}}))
            await world.settle()
            del world.cloud.refusals["aws"]
            await world.skip(MINUTE, step=SECOND)

        assert world.told("aws") == WELL
        assert world.cloud.mints == {"aws": 1}

    play(story)


def test_trouble_of_one_environment_leaves_others_alone() -> None:
    async def story(world: World) -> None:
        world.cloud.refusals["bad"] = DOWN
        world.api.put_environment("bad", login())
        world.api.put_environment("good", login())
        async with world.operator():
            assert world.told("good") == WELL

    play(story)


def test_an_internal_error_is_logged_without_its_text_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        def fail(_: object) -> None:
            raise KeyError("hunter2")

        world.cloud.during = fail
        world.api.put_environment("aws", login())
        async with world.operator():
            assert world.told("aws") == ("", "", "", "")
            world.cloud.during = lambda _: None
            await world.skip(MINUTE, step=SECOND)
            assert world.told("aws") == WELL

    play(story)
    assert "KeyError" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_secret_that_the_api_server_refuses_is_told_as_such() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.api.put_environment("aws", login(target={"type": "kubernetes.io/basic-auth"}))
            await world.settle()

        assert world.told("aws") == ("False", "SecretRefused", "False", "SecretRefused")
        assert world.values("aws") == {"TOKEN": "minted-aws-1"}

    play(story)


def test_plain_values_that_fail_to_be_written_at_first_come_through() -> None:
    async def story(world: World) -> None:
        world.api.unavailable = False
        async with world.operator():
            world.api.unavailable = True
            world.api.put_environment("plain", static(A="1"))
            await world.skip(10 * MINUTE, step=SECOND)
            world.api.unavailable = False
            await world.skip(5 * MINUTE, step=SECOND)

        assert world.told("plain") == WELL

    play(story)


def test_in_an_outage_the_conditions_tell_the_time_left() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.told("aws") == ("True", "Synced", "False", "ProviderUnavailable")
            assert world.condition("aws")["message"].endswith(KEPT)
            world.api.put_environment("aws", login(serviceAccountName="other"))
            await world.settle()
            assert world.told("aws") == ("False", "ProviderUnavailable", "False", "ProviderUnavailable")
            assert world.condition("aws")["message"].endswith(KEPT)

    play(story)


def test_what_is_deleted_is_forgotten_even_where_the_right_to_look_went_with_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("plain", static(A="1"))
        async with world.operator() as reconciler:
            world.api.refusals["read", ENVIRONMENTS.plural] = ForbiddenError("not allowed")
            reconciler.queue.add(key("plain"), Lane.CHANGE)
            await world.settle()
            assert reconciler.cache.find(key("plain")), "being refused is no reason to forget it"
            world.api.delete_environment("plain")
            await world.settle()
            assert reconciler.cache.is_empty

    play(story)
