"""Bells of the running attempts: each is rung when the values that its environment holds expire."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.resources.environment import Key


class Bells:
    def __init__(self) -> None:
        self._hung: dict[Key, asyncio.Future[None]] = {}

    def ring(self, key: Key) -> bool:
        """Ring the bell of that key; returns whether there is one."""
        if (bell := self._hung.get(key)) is None:
            return False
        if not bell.done():
            bell.set_result(None)
        return True

    @contextmanager
    def hung(self, key: Key) -> Iterator[asyncio.Future[None]]:
        bell = self._hung[key] = asyncio.get_running_loop().create_future()
        try:
            yield bell
        finally:
            del self._hung[key]
