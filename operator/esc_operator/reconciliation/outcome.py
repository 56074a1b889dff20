"""What came of opening an environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.renewal.schedule import Window
    from esc_operator.resources.status import Login


@dataclass(frozen=True, slots=True)
class Opened:
    """All values, from one evaluation. `data` is the Secret's data in base64; it never shows in `repr`.

    `imports` names each imported environment and the generation that was used, `rereads` says that some input has no
    expiry and has to be read again each interval, `logins` are the providers that were opened, each once, in order.
    """

    data: Mapping[str, str] = field(repr=False)
    window: Window | None
    rereads: bool
    imports: Mapping[str, int]
    logins: tuple[Login, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No values: why, for people. `retryable` is False where only a change by the owner can help.

    `retry_after`, in seconds, is what the other side asked for.
    """

    reason: str
    message: str
    retryable: bool = True
    retry_after: float | None = None
    imports: Mapping[str, int] = field(default_factory=dict)
