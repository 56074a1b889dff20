"""Writes and reads that fail in some or all namespaces: told for each, mended within seconds, and no other waits."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from unit.reconciliation.fan_out_world import Teams
from unit.reconciliation.world import MINUTE, SECOND, WELL, play

DOWN = UnavailableError(
    'could not write secrets: the admission webhook "w.io" cannot be reached (connection refused)',
    reason="AdmissionWebhookUnavailable",
    cause='the admission webhook "w.io" cannot be reached (connection refused)',
)


def refuse_in(world: Teams, refused: set[str], error: Exception = DOWN) -> None:
    """Writes in these namespaces fail, as long as they are in the set."""
    apply = world.api.apply

    async def picky(resource: Any, body: Any, **how: bool) -> Any:
        if body["metadata"]["namespace"] in refused:
            raise error
        return await apply(resource, body, **how)

    world.api.apply = picky  # type: ignore[method-assign]


@pytest.mark.parametrize("many", [1, 3, 40])
def test_a_webhook_that_is_down_for_some_or_all_namespaces_is_told_and_mended_within_seconds(many: int) -> None:
    async def story(world: Teams) -> None:
        refused = set(world.names[:many])
        refuse_in(world, refused)
        world.put_wide()
        async with world.operator():
            assert world.summary() == (40, 40 - many, many)
            reason = "AdmissionWebhookUnavailable" if many == 40 else "NamespacesFailing"
            assert world.conditions()[:2] == ("False", reason)
            assert {one["reason"] for one in world.wide["namespaces"]["failures"]} == {"AdmissionWebhookUnavailable"}
            assert [event["reason"] for event in world.api.events] == [reason]
            await world.skip(MINUTE, step=SECOND)
            assert len(world.api.events) == 1
            refused.clear()
            await world.skip(6 * SECOND, step=SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert (world.cloud.mints["wide"], world.cloud.opened["wide"]) == (1, 1)

    play(story, Teams(40))


def test_while_all_namespaces_fail_alike_no_status_is_written_again() -> None:
    async def story(world: Teams) -> None:
        refuse_in(world, set(world.names))
        world.put_wide()
        async with world.operator():
            await world.skip(20 * SECOND, step=SECOND)
            before = world.api.count("patch_status", "create_event")
            await world.skip(MINUTE, step=SECOND)
            assert world.api.count("patch_status", "create_event") == before

    play(story, Teams(5))


@pytest.mark.parametrize("many", [2, 20])
def test_an_api_server_that_answers_nobody_is_told_as_such(many: int) -> None:
    async def story(world: Teams) -> None:
        refused = set(world.names)
        refuse_in(world, refused, UnavailableError("the API server answered 503", cause="the API server answered 503"))
        world.put_wide()
        async with world.operator():
            assert world.conditions() == ("False", "KubernetesUnavailable", "False", "KubernetesUnavailable")
            await world.skip(MINUTE, step=SECOND)
            refused.clear()
            await world.skip(6 * SECOND, step=SECOND)
            assert world.conditions() == WELL
            assert world.cloud.mints["wide"] == 1

    play(story, Teams(many))


def test_a_namespace_whose_secret_cannot_be_read_keeps_no_other_waiting() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            read, refuses = world.api.read, True

            async def picky(resource: Any, namespace: Any, name: str) -> Any:
                if refuses and resource.plural == "secrets" and namespace == "team-01":
                    raise ForbiddenError("could not read secrets team-01/wide: no right")
                return await read(resource, namespace, name)

            world.api.read = picky  # type: ignore[method-assign]
            for name in ("team-01", "team-02"):
                world.api.put_secret("wide", {"TOKEN": "c3RvbGVu"}, name)
            await world.settle()
            assert world.held("team-02") == {"TOKEN": "minted-wide-1"}
            assert world.conditions()[:2] == ("False", "NamespacesFailing")
            told = "could not read secrets team-01/wide: no right"
            assert world.wide["namespaces"]["failures"] == [
                {"namespace": "team-01", "reason": "SecretRefused", "message": told}
            ]
            refuses = False
            await world.skip(10 * SECOND, step=SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.cloud.mints["wide"] == 1

    play(story, Teams(3))


def test_where_no_secret_can_be_read_that_is_told_and_nothing_is_minted() -> None:
    async def story(world: Teams) -> None:
        world.put_wide()
        async with world.operator():
            world.api.refusals["read", "secrets"] = UnavailableError("the API server answered 503")
            for name in world.names:
                world.api.put_secret("wide", {"TOKEN": "c3RvbGVu"}, name)
            await world.settle()
            assert world.conditions()[2:] == ("False", "KubernetesUnavailable")
            del world.api.refusals["read", "secrets"]
            await world.skip(5 * SECOND, step=SECOND)
            assert world.conditions() == WELL
            assert world.everywhere() == {"{'TOKEN': 'minted-wide-1'}"}
            assert world.cloud.mints["wide"] == 1

    play(story, Teams(2))
