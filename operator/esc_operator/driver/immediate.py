"""Performs effects that need no waiting: loads from a store that answers at once, look-ups of providers, decryption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.loading import Loader
from esc_operator.evaluation import Decrypt, Decrypted, Failed, FindProvider, FindRotator, LoadEnvironment
from esc_operator.lang.budget import Budget

if TYPE_CHECKING:
    from esc_operator.evaluation import Answer, Effect
    from esc_operator.stores.port import Store

NO_DECRYPTER = "DecryptionUnavailable"
"""The environment has secrets at rest, and this process has no key to them."""


class Decrypter(Protocol):
    """Reads secrets at rest."""

    def decrypt(self, environment: str, ciphertext: bytes) -> Decrypted | Failed:
        """The plaintext of a secret of the named environment."""


class Immediate:
    """Answers one evaluation, at once or not at all. Without a `store` that answers at once, loads have to wait."""

    # Not a dataclass: importing `dataclasses` would take a tenth of the time in which `esc run` starts its command.
    __slots__ = ("_loader", "budget", "catalogue", "decrypter", "store")

    def __init__(
        self,
        store: Store | None = None,
        catalogue: Catalogue | None = None,
        decrypter: Decrypter | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.store = store
        self.catalogue = catalogue or Catalogue()
        self.decrypter = decrypter
        self.budget = budget or Budget()
        self._loader = Loader(self.budget)

    def perform(self, effect: Effect) -> Answer | None:
        """The answer, or None if the effect has to wait; repeating the call is harmless."""
        match effect:
            case LoadEnvironment():
                return None if self.store is None else self._loader.load(self.store, effect.name, effect.importer)
            case FindProvider():
                return self.catalogue.describe_provider(effect.name)
            case FindRotator():
                return self.catalogue.describe_rotator(effect.name)
            case Decrypt():
                return self._decrypt(effect)
            case _:
                return None

    def _decrypt(self, effect: Decrypt) -> Decrypted | Failed:
        if self.decrypter is None:
            return Failed(
                "there is no key for the secrets at rest of this environment: write them in plain", NO_DECRYPTER
            )
        return self.decrypter.decrypt(effect.environment, effect.ciphertext)
