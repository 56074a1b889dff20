"""What was opened and can be ended before it expires: enough to ask its provider for that later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.providers.port import Renews

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.driver.shelf import LoginKey
    from esc_operator.evaluation import Opened
    from esc_operator.providers.port import Identity, Provider


@dataclass(frozen=True, slots=True)
class Grant:
    """The values of one opening, however often their lease was renewed. Never shows them.

    `made_at` is when they were made; environments that share the answer have equal grants.
    """

    key: LoginKey
    made_at: datetime | None
    inputs: Mapping[str, Any] = field(compare=False, repr=False)
    identity: Identity = field(compare=False, repr=False)
    opened: Opened = field(compare=False, repr=False)

    @property
    def ends_at(self) -> datetime | None:
        """When the values end by themselves; None: not known."""
        return self.opened.lease.expires_at if self.opened.lease else None


def granted(opened: Opened, provider: Provider, key: LoginKey, inputs: Mapping[str, Any], identity: Identity) -> Opened:
    """The answer with its grant, if it can be revoked."""
    if not isinstance(provider, Renews) or opened.renewal is None:
        return opened
    lease = opened.lease
    made_at = (lease.made_at or lease.issued_at) if lease else None
    plain = opened._replace(grant=None)  # else each renewal would keep all those before it
    return opened._replace(grant=Grant(key, made_at, inputs, identity, plain))
