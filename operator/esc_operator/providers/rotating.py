"""What several rotators have in common. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping


def not_rotated(what: str) -> ProviderError:
    """The error of an `open` before the first rotation; `what` there is none of, such as "access key"."""
    return ProviderError(
        f"there is no {what} yet: rotate this environment (set its annotation esc-operator.dev/rotate-requested-at to"
        " a new value, or run `esc rotate`)",
        reason=reasons.NOT_ROTATED,
    )


def next_state(state: Mapping[str, Any] | None, current: Any) -> dict[str, Any]:
    """The state after a rotation to `current`: the secret that was in use is `previous`."""
    before = (state or {}).get("current")
    return {"current": current, **({"previous": before} if before is not None else {})}
