"""How many different calls of providers and rotators one evaluation makes.

Counted before any is made: nothing is minted for a result that cannot be used.
"""

from __future__ import annotations

from typing import Final

from esc_operator.evaluation.effects import Effect, OpenProvider, OpenRotator, RotateState
from esc_operator.evaluation.rendering import to_json
from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Diagnostic, Severity

_COMPARED: Final = 1 << 20
"""Bytes of inputs that are compared in all: beyond that, each call counts separately."""


class Opens:
    """Counts effects. A provider's inputs are stored here as a digest only."""

    __slots__ = ("_beyond", "_left", "_most", "_root", "_seen")

    def __init__(self, most: int, root: str) -> None:
        self._most: Final = most
        self._root: Final = root
        self._seen: set[tuple[str, ...]] = set()
        self._left = _COMPARED
        self._beyond: OpenProvider | OpenRotator | RotateState | None = None

    def add(self, effect: Effect) -> None:
        if not isinstance(effect, OpenProvider | OpenRotator | RotateState):
            return
        self._seen.add(self._key(effect))
        if len(self._seen) > self._most and self._beyond is None:
            self._beyond = effect

    @property
    def too_many(self) -> Diagnostic | None:
        """The error, at the first call beyond the limit."""
        if self._beyond is None:
            return None
        return Diagnostic(
            Severity.ERROR,
            f"the evaluation opens {len(self._seen)} providers and rotators with different inputs, and {self._most} are"
            " allowed in one: split the environment, or give calls the same inputs, which count once",
            self._beyond.path,
            None,
            reasons.LIMIT_EXCEEDED,
            environment="" if self._beyond.environment == self._root else self._beyond.environment,
        )

    def _key(self, effect: OpenProvider | OpenRotator | RotateState) -> tuple[str, ...]:
        """Equal inputs of a provider have one result; a rotator has a state for each call."""
        if isinstance(effect, OpenProvider) and effect.value.size <= self._left:
            import hashlib  # loads OpenSSL, which a static environment does without

            self._left -= effect.value.size
            digest = hashlib.blake2b(to_json(effect.value, redact=False).encode(errors="surrogatepass")).hexdigest()
            return effect.provider, digest
        return effect.provider, effect.environment, effect.path
