"""The informer of ConfigMaps and Secrets with definitions: which watches there are, and what it tells of versions."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import ForbiddenError
from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.source_informer import MOST_NAMESPACES, SourceInformer, WatchedObject
from esc_operator.resources.environment import Key
from unit.reconciliation.fake_api import FakeApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Coroutine

APP = Key("apps", "app")
DEFS = WatchedObject(CONFIG_MAPS.plural, Key("apps", "defs"))


class Story:
    def __init__(self, *, confined: bool = False) -> None:
        self.api = FakeApi()
        self.pulses = Pulses()
        self.told: list[tuple[set[Key], str]] = []
        self.informer = SourceInformer(
            self.api, confined=confined, pulses=self.pulses, pause=lambda _: asyncio.sleep(0)
        )
        self.informer.listen(self._hear)

    def _hear(self, keys: Collection[Key], one: WatchedObject, version: str) -> None:
        assert version == (self.informer.version(one) or "")
        self.told.append((set(keys), version))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.informer.run())
        await settle()
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def watches(self) -> list[tuple[str, str]]:
        return sorted(self.pulses._pulses)

    def version(self, name: str = "defs", namespace: str = "apps") -> str:
        found = self.api.objects[CONFIG_MAPS.plural, Key(namespace, name)]
        return str(found["metadata"]["resourceVersion"])


async def settle() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


def play(story: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_nothing_is_watched_as_long_as_nothing_is_named() -> None:
    async def story() -> None:
        one = Story()
        async with one.running():
            assert one.watches() == []
            assert one.api.calls == []

    play(story())


def test_what_is_named_is_told_of_and_nothing_else() -> None:
    async def story() -> None:
        one = Story()
        one.api.put_config_map("defs", {"a": "1"})
        one.api.put_config_map("other", {"a": "1"})
        async with one.running():
            one.informer.want(APP, DEFS)
            await settle()
            assert one.told == [({APP}, one.version())]
            one.api.put_config_map("other", {"a": "2"})
            one.api.put_config_map("defs", {"a": "1"}, "elsewhere")
            await settle()
            assert len(one.told) == 1
            one.api.put_config_map("defs", {"a": "2"})
            await settle()
            assert one.told[1:] == [({APP}, one.version())]
            assert one.informer.version(DEFS) == one.version()
            one.api.delete_config_map("defs")
            await settle()
            assert one.told[2:] == [({APP}, "")]
            assert one.informer.version(DEFS) == ""

    play(story())


def test_each_of_several_objects_of_an_environment_is_told_of_until_it_is_of_none() -> None:
    async def story() -> None:
        one, other = Story(), WatchedObject(CONFIG_MAPS.plural, Key("apps", "other"))
        for name in ("defs", "other"):
            one.api.put_config_map(name, {"a": "1"})
        async with one.running():
            one.informer.want(APP, DEFS, other)
            await settle()
            assert sorted(version for _, version in one.told) == sorted([one.version(), one.version("other")])
            one.informer.want(APP, other)
            one.told.clear()
            one.api.put_config_map("defs", {"a": "2"})
            one.api.put_config_map("other", {"a": "2"})
            await settle()
            assert one.told == [({APP}, one.version("other"))]
            one.informer.want(APP)
            await settle()
            assert one.watches() == []

    play(story())


def test_what_does_not_exist_is_told_and_told_again_when_it_comes() -> None:
    async def story() -> None:
        one = Story()
        async with one.running():
            one.informer.want(APP, DEFS)
            await settle()
            assert one.told == [({APP}, "")]
            one.api.put_config_map("defs", {"a": "1"})
            await settle()
            assert one.told[1:] == [({APP}, one.version())]

    play(story())


def test_the_number_of_watches_does_not_grow_with_references_or_namespaces() -> None:
    async def story() -> None:
        one = Story()
        async with one.running():
            for number in range(1000):
                one.informer.want(Key("apps", f"app-{number}"), WatchedObject("configmaps", Key("apps", f"d{number}")))
            await settle()
            assert one.watches() == [("configmaps with definitions", "apps")]
            for number in range(2, MOST_NAMESPACES + 1):
                one.informer.want(Key(f"n{number}", "app"), WatchedObject("configmaps", Key(f"n{number}", "defs")))
            await settle()
            assert len(one.watches()) == MOST_NAMESPACES
            one.informer.want(Key("more", "app"), WatchedObject("configmaps", Key("more", "defs")))
            await settle()
            assert one.watches() == [("configmaps with definitions", "")]
            one.informer.want(Key("more", "app"))
            await settle()
            assert one.watches() == [("configmaps with definitions", "")]  # no list again for one that comes and goes
            one.informer.want(Key("more", "other"), WatchedObject(SECRETS.plural, Key("more", "defs")))
            await settle()
            assert len(one.watches()) == 2

    play(story())


def test_one_that_may_watch_single_namespaces_only_never_watches_the_cluster() -> None:
    async def story() -> None:
        one = Story(confined=True)
        async with one.running():
            for number in range(MOST_NAMESPACES + 2):
                one.informer.want(Key(f"n{number}", "app"), WatchedObject("configmaps", Key(f"n{number}", "defs")))
            await settle()
            assert [where for _, where in one.watches()] == [f"n{number}" for number in range(MOST_NAMESPACES + 2)]

    play(story())


def test_several_environments_may_name_one_object_and_the_last_takes_it_along() -> None:
    async def story() -> None:
        one = Story()
        one.api.put_config_map("defs", {"a": "1"})
        other = Key("apps", "other")
        async with one.running():
            one.informer.want(APP, DEFS)
            one.informer.want(other, DEFS)
            await settle()
            one.api.put_config_map("defs", {"a": "2"})
            await settle()
            assert one.told[-1][0] == {APP, other}
            one.informer.want(APP)
            one.informer.want(other)
            await settle()
            assert one.watches() == []
            informer = one.informer
            held = (informer._wanted, informer._environments, informer._versions, *informer._namespaces.values())
            assert [one for one in held if one] == []

    play(story())


@pytest.mark.parametrize("event", ["close_watches", "forget_history"])
def test_a_watch_that_ends_or_falls_behind_misses_nothing(event: str) -> None:
    async def story() -> None:
        one = Story()
        one.api.put_config_map("defs", {"a": "1"})
        async with one.running():
            one.informer.want(APP, DEFS)
            await settle()
            one.api.watches_are_late = True
            one.api.put_config_map("defs", {"a": "2"})
            getattr(one.api, event)()
            one.api.catch_up()
            await settle()
            assert one.informer.version(DEFS) == one.version()
            one.api.watches_are_late = True
            one.api.delete_config_map("defs")
            getattr(one.api, event)()
            one.api.catch_up()
            await settle()
            assert one.informer.version(DEFS) == ""

    play(story())


def test_a_watch_that_is_refused_is_tried_again() -> None:
    async def story() -> None:
        one = Story()
        one.api.put_config_map("defs", {"a": "1"})
        one.api.refusals["list_page", "configmaps"] = ForbiddenError("could not list configmaps: forbidden")
        async with one.running():
            one.informer.want(APP, DEFS)
            await settle()
            assert one.informer.version(DEFS) is None
            one.api.refusals.clear()
            await settle()
            assert one.informer.version(DEFS) == one.version()

    play(story())
