"""A write that is refused or fails is told at once, tried again within seconds, and costs nobody anything else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    UnavailableError,
)
from esc_operator.resources import reasons
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, login, play, static

if TYPE_CHECKING:
    from collections.abc import Mapping

WEBHOOK = UnavailableError(
    'could not write secrets apps/app: the admission webhook "w.io" cannot be reached (connection refused)',
    reason=reasons.WEBHOOK_UNAVAILABLE,
    cause='the admission webhook "w.io" cannot be reached (connection refused)',
)

FAILURES: dict[str, tuple[KubeError, str]] = {
    "a webhook that cannot be reached": (WEBHOOK, "AdmissionWebhookUnavailable"),
    "404": (NotFoundError('there is no namespace "apps"'), "NotFound"),
    "409": (ConflictError("other field managers own 1 of its fields"), "Conflict"),
    "422": (InvalidError("the API server refuses it as invalid (type: FieldValueInvalid)"), "SecretRefused"),
    "413": (InvalidError("it is too large for the API server", reason="SecretTooLarge"), "SecretTooLarge"),
    "429": (UnavailableError("the API server answered 429"), "KubernetesUnavailable"),
    "429 with Retry-After": (UnavailableError("the API server answered 429", retry_after=2), "KubernetesUnavailable"),
    "500": (UnavailableError("the API server answered 500"), "KubernetesUnavailable"),
    "a timeout": (UnavailableError("the API server did not answer (TimeoutError)"), "KubernetesUnavailable"),
    "a policy": (ForbiddenError('the ValidatingAdmissionPolicy "owners" denies it'), "SecretRefused"),
    "a quota": (ForbiddenError('the ResourceQuota "ten" is used up (secrets: 10 of 10)'), "SecretRefused"),
    "400": (KubeError("the API server answered 400"), "SecretRefused"),
}


def refuse_secrets(world: World, error: KubeError) -> None:
    world.api.refusals["apply", "secrets"] = error


def serve_secrets(world: World) -> None:
    del world.api.refusals["apply", "secrets"]


def told_events(world: World) -> list[tuple[str, str]]:
    return [(event["type"], event["reason"]) for event in world.api.events]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_write_that_fails_is_told_at_once_and_the_old_secret_stays_ready(failure: str) -> None:
    error, reason = FAILURES[failure]

    async def story(world: World) -> None:
        world.api.put_environment("app", login(target={"labels": {"a": "1"}}))
        async with world.operator():
            assert world.told("app") == WELL
            refuse_secrets(world, error)
            await world.skip(50 * MINUTE, step=MINUTE)  # its refresh is due
            assert world.told("app") == ("True", "Synced", "False", reason)
            assert world.condition("app", "Refreshed")["message"] == error.message
            assert told_events(world) == [("Warning", reason)]
            assert ("secrets", reason) in world.meter.of("write_failed")
            assert world.values("app") == {"TOKEN": "minted-app-1"}

    play(story)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_change_that_cannot_be_written_is_told_of_its_own_generation(failure: str) -> None:
    error, reason = FAILURES[failure]

    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            refuse_secrets(world, error)
            world.api.put_environment("app", static(A="2"))
            await world.settle()
            assert world.told("app") == ("False", reason, "False", reason)
            assert world.status("app")["observedGeneration"] == 2
            assert world.condition("app", "Refreshed")["observedGeneration"] == 2
            assert world.values("app") == {"A": "1"}

    play(story)


@pytest.mark.parametrize("failure", FAILURES)
def test_the_end_of_the_cause_is_noticed_within_seconds_and_nothing_is_opened_or_minted_for_it(failure: str) -> None:
    error, _ = FAILURES[failure]
    is_of_the_object = isinstance(error, InvalidError)

    async def story(world: World) -> None:
        world.api.put_environment("app", login())
        refuse_secrets(world, error)
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
            serve_secrets(world)
            # What is wrong with the object itself is mended by its owner, whose change is noticed at once.
            await world.skip(MINUTE if is_of_the_object else 4 * SECOND, step=SECOND)
            assert world.told("app") == WELL
            assert world.cloud.mints["app"] == 1
            assert world.cloud.opened["app"] == 1 or is_of_the_object
            assert told_events(world)[-1] == ("Normal", "Refreshed")

    play(story)


@pytest.mark.parametrize("failure", [name for name, (error, _) in FAILURES.items() if type(error) is not InvalidError])
def test_while_nothing_changes_no_status_is_written_and_no_event_is_posted(failure: str) -> None:
    error, _ = FAILURES[failure]

    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        refuse_secrets(world, error)
        async with world.operator():
            await world.skip(5 * SECOND, step=SECOND)
            before, tried = world.api.count("patch_status", "create_event"), world.api.count("apply")
            await world.skip(30 * MINUTE, step=SECOND)
            assert world.api.count("patch_status", "create_event") == before
            assert len(world.api.events) == 1
            # At the end four a minute.
            assert 30 < world.api.count("apply") - tried < 30 * 10

    play(story)


def test_a_cause_that_changes_is_told_anew() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        refuse_secrets(world, WEBHOOK)
        async with world.operator():
            await world.skip(5 * SECOND, step=SECOND)
            refuse_secrets(world, ForbiddenError("the policy denies it"))
            await world.skip(5 * SECOND, step=SECOND)
            assert world.condition("app")["message"] == "the policy denies it"
        assert [reason for _, reason in told_events(world)] == ["AdmissionWebhookUnavailable", "SecretRefused"]

    play(story)


def test_a_writer_that_is_faster_once_is_not_told() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        refused: list[KubeError] = [ConflictError("it has just been changed")]

        def once(call: Any) -> None:
            world.api.refusals.pop(("apply", "secrets"), None)
            if refused and (call.verb, call.plural) == ("apply", "secrets"):
                world.api.refusals["apply", "secrets"] = refused.pop()

        world.api.before_call = once
        async with world.operator():
            assert world.told("app") == WELL
        assert world.api.events == []

    play(story)


def test_many_that_fail_by_one_cause_share_a_rate_and_follow_as_soon_as_one_succeeds() -> None:
    many = 300

    async def story(world: World) -> None:
        for number in range(many):
            world.api.put_environment(f"app-{number:03}", static(A="1"), namespace=f"team-{number % 7}")
        refuse_secrets(world, WEBHOOK)
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
            assert len(world.api.events) == many
            before, status_writes = world.api.count("apply"), world.api.count("patch_status")
            await world.skip(MINUTE, step=SECOND)
            assert 100 < world.api.count("apply") - before <= 60 * 15
            assert world.api.count("patch_status") == status_writes
            serve_secrets(world)
            await world.skip(10 * SECOND, step=SECOND)
            held = [body for (plural, _), body in world.api.objects.items() if plural == "secrets"]
            assert len(held) == many

    play(story)


def test_one_namespaces_failures_do_not_delay_anothers_retry() -> None:
    async def story(world: World) -> None:
        for number in range(200):
            world.api.put_environment(f"app-{number:03}", static(A="1"), namespace="crowd")
        world.api.put_environment("app", static(A="1"))
        refuse_secrets(world, ForbiddenError("the quota is used up"))
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
            serve_secrets(world)
            await world.skip(5 * SECOND, step=SECOND)
            assert world.told("app") == WELL

    play(story)


def test_writes_that_hang_hold_no_worker() -> None:
    async def story(world: World) -> None:
        never = asyncio.Event()
        apply = world.api.apply

        async def hang(resource: Any, body: Mapping[str, Any], **how: bool) -> Any:
            if body["metadata"]["name"].startswith("slow"):
                await never.wait()
            return await apply(resource, body, **how)

        world.api.apply = hang  # type: ignore[method-assign]
        for number in range(12):  # twice as many as there are workers
            world.api.put_environment(f"slow-{number}", static(A="1"), namespace=f"slow-{number}")
        world.workers_hang = True
        async with world.operator():
            world.api.put_environment("app", static(A="1"))
            for _ in range(400):  # a worker waits for half a second on the wall
                await asyncio.sleep(0.05)
                if world.told("app") == WELL:
                    break
            assert world.told("app") == WELL
            never.set()
            await asyncio.sleep(0.1)
            await world.settle()
            assert {
                body["metadata"]["name"] for (plural, _), body in world.api.objects.items() if plural == "secrets"
            } == {
                "app",
                *(f"slow-{number}" for number in range(12)),
            }

    play(story)


@pytest.mark.parametrize("error", [UnavailableError("the API server answered 503"), ForbiddenError("no right to get")])
def test_a_read_before_a_write_that_fails_is_told_and_mints_nothing(error: KubeError) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", login())
        async with world.operator():
            world.api.refusals["read", "secrets"] = error
            world.api.put_secret("app", {"TOKEN": "c3RvbGVu"})  # somebody edits it, so it has to be read
            await world.settle()
            reason = "SecretRefused" if isinstance(error, ForbiddenError) else "KubernetesUnavailable"
            assert world.told("app") == ("True", "Synced", "False", reason)
            del world.api.refusals["read", "secrets"]
            await world.skip(4 * SECOND, step=SECOND)
            assert world.told("app") == WELL
            assert world.values("app") == {"TOKEN": "minted-app-1"}
            assert world.cloud.mints["app"] == 1

    play(story)


def test_a_status_that_is_refused_is_told_by_one_event_and_by_the_status_in_the_end() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        world.api.refusals["patch_status", "escenvironments"] = ForbiddenError(
            "could not write the status of escenvironments apps/app: the policy denies it"
        )
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
            assert told_events(world) == [("Warning", "StatusNotWritten")]
            assert world.api.events[0]["message"].startswith("could not write the status of escenvironments apps/app: ")
            assert world.meter.of("write_failed")[0] == ("status", "Forbidden")
            assert world.values("app") == {"A": "1"}
            assert world.cloud.opened["app"] == 1
            del world.api.refusals["patch_status", "escenvironments"]
            await world.skip(5 * SECOND, step=SECOND)
            assert world.told("app") == WELL

    play(story)


def test_the_secret_of_a_former_name_that_cannot_be_deleted_is_told() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        async with world.operator():
            world.api.refusals["delete", "secrets"] = ForbiddenError("could not delete secrets apps/app: denied")
            world.api.put_environment("app", {**static(A="1"), "target": {"name": "other"}})
            await world.settle()
            assert world.told("app") == WELL
            assert told_events(world) == [("Warning", "SecretLeftOver")]
            assert world.api.events[0]["message"] == (
                "Secret apps/app is left over, under the former spec.target.name: could not delete secrets apps/app: "
                "denied. Delete it"
            )

    play(story)


def test_values_that_changed_meanwhile_are_opened_and_not_those_that_were_kept() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(A="1"))
        world.api.put_environment("app", static("base"))
        refuse_secrets(world, WEBHOOK)
        async with world.operator():
            await world.skip(5 * SECOND, step=SECOND)
            world.api.put_environment("base", static(A="2"))
            await world.skip(2 * SECOND, step=SECOND)
            serve_secrets(world)
            await world.skip(5 * SECOND, step=SECOND)
            assert world.values("app") == {"A": "2"}

    play(story)


def test_a_rotation_during_the_failure_gets_new_credentials_once() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", login())
        refuse_secrets(world, WEBHOOK)
        async with world.operator():
            await world.skip(10 * SECOND, step=SECOND)
            world.api.annotate_environment("app", annotations={"esc-operator.dev/rotate-requested-at": "now"})
            await world.skip(20 * SECOND, step=SECOND)
            assert world.status("app")["observedRotateRequest"] == "now"
            assert world.told("app")[2:] == ("False", "AdmissionWebhookUnavailable")
            serve_secrets(world)
            await world.skip(5 * SECOND, step=SECOND)
            assert world.values("app") == {"TOKEN": "minted-app-2"}
            assert world.cloud.mints["app"] == 2

    play(story)


def test_what_was_kept_for_an_environment_goes_with_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(A="1"))
        refuse_secrets(world, WEBHOOK)
        async with world.operator() as reconciler:
            await world.skip(5 * SECOND, step=SECOND)
            assert len(reconciler.shared.retry_pace) == 1
            world.api.delete_environment("app")
            await world.settle()
            assert len(reconciler.shared.retry_pace) == 0
            assert reconciler.shared.unwritten.size == 0

    play(story)
