"""The errors of the outside world. Mistakes in a definition are diagnostics, never exceptions.

    EscError                    has a CamelCase reason for conditions and metrics, and a message for people
    ├── ConfigurationError      this process was started or called wrongly
    ├── ProviderError           a provider refused or could not be reached
    ├── IdentityError           no identity token could be had to present to a provider
    ├── StoreError              an environment could not be read from where it lives
    └── KubeError               the API server refused or could not be reached
        ├── NotFoundError
        ├── ConflictError
        ├── ForbiddenError
        ├── InvalidError
        └── UnavailableError

Every message is shown to users as it stands: it says where and what to do, and holds no secret value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class FailedPart(NamedTuple):
    """What failed of a call that asks for several things: the keys that lead to the input that asks for it, and a
    message and a reason as those of an error."""

    path: tuple[str, ...]
    message: str
    reason: str


class EscError(Exception):
    """Something outside this program failed.

    `reason` is a CamelCase word that is stable across releases. `retry_after`, in seconds, is what the other side asked
    for (a `Retry-After` header), or None.
    """

    default_reason = "Failed"

    def __init__(self, message: str, *, reason: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.retry_after = retry_after


class ConfigurationError(EscError):
    default_reason = "InvalidConfiguration"


class ProviderError(EscError):
    """`outage`: the service does not serve, whatever was asked of it, and never because of a user's mistake. It is left
    alone for a while, and what failed is tried again as soon as one call is served. `throttled`: an outage for one
    account alone, whose calls the service limits; nobody else's fault. `login_refused`: the inputs hold the outputs of
    a login that the service no longer knows, so that the next attempt has to log in anew. `parts`: what failed of
    several things, each told at its own input instead of the message.
    """

    default_reason = "ProviderFailed"

    def __init__(  # noqa: PLR0913 - what a driver has to know of a failure
        self,
        message: str,
        *,
        reason: str | None = None,
        retry_after: float | None = None,
        outage: bool = False,
        throttled: bool = False,
        login_refused: bool = False,
        parts: Sequence[FailedPart] = (),
    ) -> None:
        super().__init__(message, reason=reason, retry_after=retry_after)
        self.parts = tuple(parts)
        self.login_refused = login_refused
        self.outage = outage or throttled
        self.throttled = throttled


class IdentityError(EscError):
    default_reason = "IdentityUnavailable"


class StoreError(EscError):
    default_reason = "EnvironmentUnavailable"


class KubeError(EscError):
    """`cause`: who or what refused or failed, without the object that it was about; "" where that is not known."""

    default_reason = "KubernetesError"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        retry_after: float | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(message, reason=reason, retry_after=retry_after)
        self.cause = cause


class NotFoundError(KubeError):
    default_reason = "NotFound"


class ConflictError(KubeError):
    default_reason = "Conflict"


class ForbiddenError(KubeError):
    default_reason = "Forbidden"


class InvalidError(KubeError):
    default_reason = "Invalid"


class UnavailableError(KubeError):
    default_reason = "KubernetesUnavailable"
