"""What the reconciler tells of its work."""

from __future__ import annotations

from datetime import timedelta

from esc_operator.errors import UnavailableError
from esc_operator.reconciliation.sync.outcome import Refused
from unit.reconciliation.world import HOUR, MINUTE, World, login, play, static


def test_a_first_sync_is_reported_and_is_late_for_nothing() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            pass

        assert world.meter.of("synced") == [("FirstSync", "filled", None)]
        assert set(world.meter.of("worked")) == {("done",)}

    play(story)


def test_a_refresh_tells_how_late_it_was() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(HOUR))
        async with world.operator():
            due = world.reconciler.cache.entries()[0][1].status.next_refresh_at
            assert due is not None
            await world.skip(due + timedelta(seconds=7) - world.time)

        assert world.meter.of("synced")[-1] == ("ExpiryAhead", "filled", 7.0)

    play(story)


def test_a_refresh_that_fails_counts_from_when_it_was_due_once_it_succeeds() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(HOUR))
        async with world.operator():
            due = world.reconciler.cache.entries()[0][1].status.next_refresh_at
            assert due is not None
            world.cloud.refusals["aws"] = Refused("AWSUnavailable", "no")
            await world.skip(due - world.time)
            await world.skip(5 * MINUTE, step=timedelta(seconds=5))
            del world.cloud.refusals["aws"]
            await world.skip(5 * MINUTE, step=timedelta(seconds=5))

        refused = [told for told in world.meter.of("synced") if told[1] == "refused"]
        assert refused[0] == ("ExpiryAhead", "refused", None)
        assert all(late is None for _, _, late in refused)
        cause, result, late = world.meter.of("synced")[-1]
        assert (cause, result) == ("Retry", "filled")
        assert isinstance(late, float)
        assert 300 <= late <= 600

    play(story)


def test_what_comes_of_one_evaluation_for_many_namespaces_is_reported_once() -> None:
    async def story(world: World) -> None:
        world.is_of_the_cluster = True
        for name in ("one", "two"):
            world.api.put_namespace(name)
        world.api.put_environment("wide", login(HOUR, target={"namespaceSelector": {}}), "")
        async with world.operator():
            due = world.reconciler.cache.entries()[0][1].status.next_refresh_at
            assert due is not None
            world.cloud.refusals["wide"] = Refused("AWSUnavailable", "no")
            await world.skip(due - world.time)
            del world.cloud.refusals["wide"]
            await world.skip(5 * MINUTE, step=timedelta(seconds=5))

        first, refused, again = world.meter.of("synced")
        assert first == ("FirstSync", "filled", None)
        assert refused == ("ExpiryAhead", "refused", None)
        assert again[:2] == ("Retry", "filled")
        assert isinstance(again[2], float)
        assert 0 < again[2] <= 300

    play(story)


def test_a_write_that_fails_counts_by_its_reason_and_as_a_sync_that_was_refused() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("web", static(A="1"))
        world.api.refusals["apply", "secrets"] = UnavailableError("away")
        async with world.operator():
            pass

        assert world.meter.of("worked") == [("done",)]
        assert world.meter.of("synced") == [("FirstSync", "refused", None)]
        assert world.meter.of("write_failed") == [("secrets", "KubernetesUnavailable")]

    play(story)
