"""A meter and a tracer that write down what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.telemetry import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence


class Note(NamedTuple):
    """`word`: the method of the port."""

    word: str
    told: tuple[object, ...]


class Notes(Meter):
    def __init__(self) -> None:
        self.notes: list[Note] = []

    def of(self, *words: str) -> Sequence[tuple[object, ...]]:
        """What was told by those words, in order."""
        return [note.told for note in self.notes if note.word in words]

    def requested(self, verb: str, resource: str, code: str, seconds: float) -> None:
        self.notes.append(Note("requested", (verb, resource, code)))

    def called(self, provider: str, seconds: float, reason: str = "") -> None:
        self.notes.append(Note("called", (provider, seconds, reason)))

    def held_back(self, provider: str) -> None:
        self.notes.append(Note("held_back", (provider,)))

    def minted(self, provider: str) -> None:
        self.notes.append(Note("minted", (provider,)))

    def skewed(self, provider: str, seconds: float) -> None:
        self.notes.append(Note("skewed", (provider, seconds)))

    def worked(self, seconds: float, result: str) -> None:
        self.notes.append(Note("worked", (result,)))

    def synced(self, cause: str, result: str, late: float | None) -> None:
        self.notes.append(Note("synced", (cause, result, late)))

    def write_failed(self, resource: str, reason: str) -> None:
        self.notes.append(Note("write_failed", (resource, reason)))

    def stamped(self) -> None:
        self.notes.append(Note("stamped", ()))

    def rolled_out(self, result: str, seconds: float | None = None) -> None:
        self.notes.append(Note("rolled_out", (result, seconds)))

    def rotated(self, result: str, seconds: float, succeeded: int, failed: int) -> None:
        self.notes.append(Note("rotated", (result, seconds, succeeded, failed)))
