"""Standing still is one thing, and the other side's silence another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from esc_operator.errors import UnavailableError
from esc_operator.kube.api import KubeApi
from esc_operator.kube.pages import Page
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.secret_informer import SecretInformer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Api(KubeApi):
    """An API server that is away (`refuses`), or takes the watch and says nothing any more."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.asked = 0

    async def list_page(self, *_: Any, **__: Any) -> Page[Any]:
        self.asked += 1
        if self.refuses:
            raise UnavailableError("could not list secrets: the API server did not answer (TimeoutError)")
        return Page([], {"resourceVersion": "1"})

    async def watch_lines(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}'
        await asyncio.Event().wait()


def follow(api: Any, pulses: Pulses, clock: Clock) -> None:
    """Half an hour of a watch of Secrets, in steps of ten seconds."""

    async def run() -> None:
        watch = asyncio.create_task(SecretInformer(api, (), pause=lambda _: asyncio.sleep(0), pulses=pulses).run())
        for _ in range(180):
            for _ in range(5):
                await asyncio.sleep(0)
            clock.seconds += 10
        for _ in range(5):
            await asyncio.sleep(0)
        watch.cancel()

    asyncio.run(run())


def test_a_watch_that_is_tried_in_vain_is_alive() -> None:
    clock = Clock()
    pulses, api = Pulses(clock), Api(refuses=True)
    follow(api, pulses, clock)
    assert api.asked > 180
    assert pulses.most_idle() == ("secrets", 0.0)
    assert pulses.silences() == {"secrets": 1800.0}


def test_a_watch_that_hangs_is_found_out() -> None:
    clock = Clock()
    pulses = Pulses(clock)
    follow(Api(refuses=False), pulses, clock)
    assert pulses.most_idle() == ("secrets", 1800.0)
    assert pulses.silences() == {"secrets": 1800.0}


def test_the_watch_that_stands_still_is_named_whatever_others_do() -> None:
    clock = Clock()
    pulses = Pulses(clock)
    pulses.of("escenvironments", "team-a")
    other, secrets = pulses.of("escenvironments", "team-b"), pulses.of("secrets")
    clock.seconds += 60
    other.heard()
    secrets.tried()
    assert pulses.most_idle() == ("escenvironments", 60.0)
    assert pulses.silences() == {"escenvironments": 60.0, "secrets": 60.0}


def test_where_nothing_is_watched_nothing_stands_still() -> None:
    assert Pulses().most_idle() == ("", 0.0)
    assert Pulses().silences() == {}
