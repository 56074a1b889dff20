"""One turn of work on the Secrets of a ClusterEscEnvironment: who is asked, and who is left alone."""

from __future__ import annotations

from typing import Any

from esc_operator.errors import UnavailableError
from esc_operator.formats.times import parse_time
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.workqueue.retry_after import LONGEST_ASKED
from unit.reconciliation.fan_out_world import Teams
from unit.reconciliation.world import SECOND, WELL, play


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
