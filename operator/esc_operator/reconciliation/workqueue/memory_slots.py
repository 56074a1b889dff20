"""Slots in memory for large environments: how many bytes of them are worked on at a time, and whose turn it is.

An environment that is read, parsed and evaluated takes many times the memory of its text, for as long as its logins
take. So the large ones enter one after the other, by turns among namespaces; small ones, of which even one for each
worker takes little memory, never wait for them. An environment that waits holds no worker: it is called when there is
room. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.resources.extent import LARGEST_KEPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.resources.environment import Key

SMALL = LARGEST_KEPT
"""Bytes of text: an environment up to this size needs no room."""
CAPACITY = 2 * 1024 * 1024
"""Bytes of text of all large environments that are worked on at a time."""
SHARE = CAPACITY // 2
"""The part of one namespace: logins that hang delay only its own environments."""


class MemorySlots:
    """`call` is called with each waiting environment that may try again."""

    def __init__(self, call: Callable[[Key], None], capacity: int = CAPACITY, share: int = SHARE) -> None:
        self._call = call
        self._capacity = capacity
        self._share = share
        self._inside: dict[Key, int] = {}
        self._waiting: dict[str, dict[Key, int]] = {}
        self._called: set[Key] = set()

    def enter(self, key: Key, size: int) -> bool:
        """Whether an environment of that size, in bytes, may be worked on. If so, `leave` follows; if not, it is called
        later."""
        was_called = key in self._called
        self._forget(key)
        if size <= SMALL:
            return True
        if self._has_room(key.namespace, size) and (was_called or not self._is_somebodys_turn()):
            self._inside[key] = size
            return True
        self._waiting.setdefault(key.namespace, {})[key] = size
        return False

    def leave(self, key: Key) -> None:
        """The work on it has ended."""
        self._inside.pop(key, None)
        self._call_next()

    def _forget(self, key: Key) -> None:
        self._called.discard(key)
        if waiting := self._waiting.get(key.namespace):
            waiting.pop(key, None)
            if not waiting:
                del self._waiting[key.namespace]

    def _has_room(self, namespace: str, size: int) -> bool:
        """What is larger than all of the room enters when nothing else is in it."""
        used = sum(self._inside.values())
        return not used or (used + size <= self._capacity and self._has_share(namespace, size))

    def _has_share(self, namespace: str, size: int) -> bool:
        used = sum(size for key, size in self._inside.items() if key.namespace == namespace)
        return not used or used + size <= self._share

    def _is_somebodys_turn(self) -> bool:
        """Whether a waiting one could enter: then one that comes only now has to wait."""
        firsts = ((namespace, next(iter(waiting.values()))) for namespace, waiting in self._waiting.items())
        return any(self._has_room(namespace, size) for namespace, size in firsts)

    def _call_next(self) -> None:
        """Call those that fit, one of each namespace in turn. One that does not fit yet is not overtaken, unless only
        its own namespace is in its way."""
        used = sum(self._inside.values())
        for namespace in list(self._waiting):
            key, size = next(iter(self._waiting[namespace].items()))
            if not self._has_share(namespace, size):
                continue
            if used and used + size > self._capacity:
                return
            used += size
            waiting = self._waiting.pop(namespace)
            del waiting[key]
            if waiting:
                self._waiting[namespace] = waiting  # at the end
            self._called.add(key)
            self._call(key)
