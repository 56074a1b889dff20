"""Why an environment has to be synced now, or when to check again.

An ordered list of small checks over one frozen observation; the first that answers wins, and every sync has its
reason. A timer, an event or a restart only triggers the checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from esc_operator.renewal.schedule import Window, renew_at, reread_at, retry_at, shortest_gap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


Request = tuple[str, ...]
"""Every request for new credentials, each at its position; "" for none."""

Import = tuple[int, str, str]
"""Generation, UID and mark of the text of an imported environment; 0 if it does not exist, "" if not known."""


class Cause(StrEnum):
    """Why a sync happens; shown in logs and events."""

    FIRST = "FirstSync"
    SPEC = "SpecChanged"
    ROTATION = "RotationRequested"
    SECRET_CHANGED = "SecretChanged"  # noqa: S105
    IMPORT = "ImportChanged"
    EXPIRY = "ExpiryAhead"
    INTERVAL = "IntervalElapsed"
    NOT_ALLOWED = "LoginNotAllowed"
    RETRY = "Retry"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The environment's desired state."""

    uid: str
    generation: int
    rotate_request: Request
    before: timedelta | None
    interval: timedelta
    imports: Mapping[str, Import]
    """The current imported environments, as far as they are known."""
    rollout: timedelta = timedelta(0)
    """The expected duration of the rollout that a renewal causes."""
    forbidden: bool = False
    """Whether its namespace no longer allows what it holds: a sync finds that out and reports it, before any expiry."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the target Secret was made from. `intact` is False after someone has edited its data.

    `synced_at` is when its credentials were last requested, `read_at` when its inputs were last read: when it was made,
    or later with the same result.
    """

    uid: str
    generation: int
    rotate_request: Request
    imports: Mapping[str, Import]
    synced_at: datetime
    read_at: datetime
    window: Window | None
    rereads: bool
    intact: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt, if it failed: its generation, request and imports. `mended`: the cause outside of the
    environments was observed to be gone. `outage`: a provider was out of order; None: not known. `due`: when to try
    again, where the backoff does not decide that."""

    failures: int
    failed_at: datetime
    generation: int
    rotate_request: Request
    imports: Mapping[str, Import]
    retryable: bool = True
    retry_after: datetime | None = None
    mended: bool = False
    outage: bool | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    wanted: Wanted
    held: Held | None
    failed: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """Sync now. `fresh`: only with credentials issued after the request (a rotation). `outlive`: only with those that
    are valid for longer than that."""

    cause: Cause
    fresh: bool = False
    outlive: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; None: until something changes."""

    until: datetime | None


def why_sync(seen: Observation, now: datetime) -> Sync | Wait:
    """Decide for one environment."""
    if seen.failed and is_same_attempt(seen.wanted, seen.failed):
        return _after_failure(seen, seen.failed, now)
    if seen.failed:
        # Something has changed since then. Even if the result is the same, only a sync can find that out.
        return _first_due(seen, now) or Sync(Cause.RETRY)
    return _first_due(seen, now) or Wait(next_refresh(seen.wanted, seen.held, now) if seen.held else None)


def _first_due(seen: Observation, now: datetime) -> Sync | None:
    return next((sync for check in CHECKS if (sync := check(seen, now))), None)


def is_same_attempt(wanted: Wanted, failed: Attempt) -> bool:
    """Whether a retry would only repeat the attempt: none of the possible causes has changed."""
    return (
        not failed.mended
        and failed.generation == wanted.generation
        and failed.rotate_request == wanted.rotate_request
        and not are_outdated(failed.imports, wanted.imports)
    )


def asks_for_more(wanted: Request, honoured: Request) -> bool:
    """Whether any request was not honoured yet. Removing a request is not a request."""
    return any(mark and mark != known for mark, known in zip(wanted, honoured, strict=True))


def is_current(seen: Observation, now: datetime) -> bool:
    """Whether the Secret holds what the environment evaluates to, as far as is known, and can still be used."""
    held = seen.held
    if held is None or any(check(seen, now) for check in CHANGES):
        return False
    return held.window is None or now < held.window.usable_until


def next_refresh(wanted: Wanted, held: Held, now: datetime) -> datetime | None:
    """When the Secret is due: before its expiry, or at the interval if inputs have to be read again."""
    times = []
    if held.window:
        times.append(_renewal_due(wanted, held, held.window, now))
    if held.rereads:
        times.append(_reread_due(wanted, held, now))
    return min(times, default=None)


# A past event with a time in the future comes from a wrong clock: that time is not used, or nothing would be due until
# the clock reaches it again.


def _renewal_due(wanted: Wanted, held: Held, window: Window, now: datetime) -> datetime:
    due = renew_at(window, wanted.before, wanted.uid, wanted.rollout)
    if held.synced_at > now:
        return due
    # If clocks disagree, or a provider returns an earlier lease again, even a lease that was just granted may look due:
    # it must not be renewed in a loop.
    return max(due, held.synced_at + shortest_gap(window.expires_at - held.synced_at))


def _reread_due(wanted: Wanted, held: Held, now: datetime) -> datetime:
    return now if held.read_at > now else reread_at(held.read_at, wanted.interval, wanted.uid)


def _after_failure(seen: Observation, failed: Attempt, now: datetime) -> Sync | Wait:
    if not failed.retryable:
        return Wait(None)
    window = seen.held.window if seen.held else None
    lifetime, expires_at = (window.lifetime, window.usable_until) if window else (None, None)
    due = failed.due or retry_at(failed.failed_at, failed.failures, expires_at, seen.wanted.uid, lifetime)
    if failed.retry_after:
        due = max(due, failed.retry_after)
    return _retry(seen, now) if now >= due or now < failed.failed_at else Wait(due)


def _retry(seen: Observation, now: datetime) -> Sync:
    """The sync that failed is still due, with the same requirements for credentials."""
    return Sync(Cause.RETRY) if (sync := _first_due(seen, now)) is None else replace(sync, cause=Cause.RETRY)


def _first(seen: Observation, _: datetime) -> Sync | None:
    if seen.held is None or seen.held.uid != seen.wanted.uid:
        # Without the Secret it is not known which request was honoured: older credentials must not be used.
        return Sync(Cause.FIRST, fresh=any(seen.wanted.rotate_request))
    return None


def _rotation(seen: Observation, _: datetime) -> Sync | None:
    if seen.held and asks_for_more(seen.wanted.rotate_request, seen.held.rotate_request):
        return Sync(Cause.ROTATION, fresh=True)
    return None


def _spec(seen: Observation, _: datetime) -> Sync | None:
    return Sync(Cause.SPEC) if seen.held and seen.held.generation != seen.wanted.generation else None


def _secret(seen: Observation, _: datetime) -> Sync | None:
    return Sync(Cause.SECRET_CHANGED) if seen.held and not seen.held.intact else None


def _imports(seen: Observation, _: datetime) -> Sync | None:
    if seen.held and are_outdated(seen.held.imports, seen.wanted.imports):
        return Sync(Cause.IMPORT)
    return None


def _forbidden(seen: Observation, _: datetime) -> Sync | None:
    return Sync(Cause.NOT_ALLOWED) if seen.held and seen.wanted.forbidden else None


def _expiry(seen: Observation, now: datetime) -> Sync | None:
    held = seen.held
    if held and held.window and now >= _renewal_due(seen.wanted, held, held.window, now):
        return Sync(Cause.EXPIRY, outlive=held.window.expires_at)
    return None


def _interval(seen: Observation, now: datetime) -> Sync | None:
    held = seen.held
    if held and held.rereads and now >= _reread_due(seen.wanted, held, now):
        return Sync(Cause.INTERVAL)
    return None


# The order decides only which reason is reported and, for a rotation, that no older credential may be used.
CHANGES: tuple[Callable[[Observation, datetime], Sync | None], ...] = (
    _first,
    _rotation,
    _spec,
    _secret,
    _imports,
    _forbidden,
)
CHECKS = (*CHANGES, _expiry, _interval)


def are_outdated(used: Mapping[str, Import], known: Mapping[str, Import]) -> bool:
    """Whether any import differs from the one that was used. An unknown import counts as unchanged."""
    return any(is_another(then, known.get(name, then)) for name, then in used.items())


def is_another(used: Import, known: Import) -> bool:
    """Whether an import is known to have changed. The generation alone does not distinguish one that was deleted and
    created again."""
    if used[0] != known[0]:
        return True
    return any(then and now and then != now for then, now in zip(used[1:], known[1:], strict=True))
