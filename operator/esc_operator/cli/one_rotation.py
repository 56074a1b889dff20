"""The rotation of one environment, which its annotation requests: what it waits for, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from esc_operator.cli.waiting import ABSENT_SECONDS, QUIET_SECONDS, NotRotatedError, SignOfLife
from esc_operator.errors import NotFoundError
from esc_operator.formats.times import format_time
from esc_operator.resources import ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT
from esc_operator.resources.conditions import READY, REFRESHED, ROLLED_OUT, find_condition
from esc_operator.resources.environment import parse_environment
from esc_operator.resources.reasons import (
    CONFLICT,
    KUBERNETES_UNAVAILABLE,
    NO_NAMESPACES,
    NO_VARIABLES,
    NOT_FOUND,
    PODS_LEFT,
    ROLLOUT_BLOCKED,
    ROLLOUT_REFUSED,
    ROLLOUT_STUCK,
    SECRET_NOT_OWNED,
    SECRET_REFUSED,
    WEBHOOK_UNAVAILABLE,
)
from esc_operator.resources.rotation_selection import unrotated_of
from esc_operator.resources.status import parse_status
from esc_operator.stores.cluster import read_existing

if TYPE_CHECKING:
    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.cli.waiting import Waiting
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import NamespaceSummary, Status

PATIENCE = 3
"""A failure that may be temporary is reported only after this many attempts."""

_PASSING = frozenset({WEBHOOK_UNAVAILABLE, KUBERNETES_UNAVAILABLE, CONFLICT, NOT_FOUND})
"""Failures of a write that may pass by themselves. The status changes only once they have."""

_STUCK = frozenset({ROLLOUT_STUCK, ROLLOUT_BLOCKED, ROLLOUT_REFUSED, PODS_LEFT})
"""Rollouts that do not continue by themselves."""


def rotate_one(session: ClusterSession, key: Key, waiting: Waiting | None, *, pulumi_rotators: bool = False) -> None:
    """Request new credentials for one environment, and wait for them if `waiting` is given. `pulumi_rotators`: its
    rotators in Pulumi Cloud rotate first. Raises EscError."""
    body = read_existing(session, key)
    environment = parse_environment(body)
    name = key.full_name
    if environment.suspend:
        raise NotRotatedError(f"{name} is suspended, so nothing was rotated: set spec.suspend to false first")
    if environment.cluster_scoped and environment.spread is None:
        raise NotRotatedError(f"{name} fills no Secret, so there is nothing to rotate: set spec.target first")
    if pulumi_rotators and not ((body.get("spec") or {}).get("environmentFrom") or {}).get("pulumi"):
        raise NotRotatedError(
            f"{name} does not come from Pulumi Cloud (spec.environmentFrom.pulumi), so nothing was rotated: leave "
            "--pulumi-rotators out"
        )
    request = datetime.now(UTC).isoformat(timespec="milliseconds")
    also = {ROTATE_PULUMI_ROTATORS: request} if pulumi_rotators else {}
    session.annotate_environment(*key, {ROTATE_REQUESTED_AT: request, **also})
    if waiting is None:
        click.echo(f"{name}: requested new credentials")
        return
    rotation = _Rotation(session, key, request, parse_status(body.get("status")), SignOfLife(waiting.clock))
    waiting.until(rotation.look, name, lambda awaited: click.echo(f"{name} {awaited}", err=True))
    if pulumi_rotators and rotation.unrotated:
        raise NotRotatedError(f"{name} has new credentials, but {rotation.unrotated}")
    if rotation.renewed_nothing:
        click.echo(f"{name} opens no provider and has no rotator: it was evaluated again, and nothing was renewed")
        return
    pods = ", and its pods run with them" if environment.rollout.policy == "OnChange" else ""
    click.echo(f"{name} has new credentials{pods}")


class _Rotation:
    """One request, from the annotation to the pods. `before` is the status at the request; `renewed_nothing`: there was
    nothing to renew. `unrotated`: which rotators in Pulumi Cloud have not rotated."""

    def __init__(self, session: ClusterSession, key: Key, request: str, before: Status, life: SignOfLife) -> None:
        self._session = session
        self._key = key
        self._request = request
        self._before = before
        self._life = life
        self.renewed_nothing = False
        self.unrotated = ""

    def look(self) -> str:
        """What it waits for; "" once it is over. Raises NotRotatedError if a person has to do something first."""
        try:
            body = self._session.read_environment(*self._key)
        except NotFoundError as error:
            raise NotRotatedError(f"{self._key.full_name} was deleted before it had new credentials") from error
        environment, status = parse_environment(body), parse_status(body.get("status"))
        if environment.suspend:
            raise NotRotatedError(
                f"{self._key.full_name} was suspended before it had new credentials: set spec.suspend to false"
            )
        quiet = self._life.quiet_for(body.get("status"))
        if self._has_failed(status):
            return self._after_failure(status, quiet)
        if status.observed_rotate_request != self._request:
            return self._until_taken_up(status, quiet)
        self.renewed_nothing = not (status.logins or status.more_logins or status.rotator_states)
        self.unrotated = unrotated_of(status.warnings)
        if status.namespaces and status.namespaces.synced < status.namespaces.matched:
            return self._until_everywhere(status.namespaces)
        return self._until_rolled_out(environment, status)

    def _has_failed(self, status: Status) -> bool:
        """Whether the last attempt failed, and was made for this request or after it."""
        refreshed = find_condition(status.conditions, REFRESHED)
        if refreshed is None or refreshed.status != "False":
            return False
        is_newer = status.last_failure_at is not None and status.last_failure_at != self._before.last_failure_at
        return status.observed_rotate_request == self._request or is_newer

    def _after_failure(self, status: Status, quiet: float) -> str:
        refreshed = find_condition(status.conditions, REFRESHED)
        why = f"{refreshed.reason}: {refreshed.message}" if refreshed else ""
        if refreshed and refreshed.reason in _PASSING and status.next_refresh_at is None and quiet < QUIET_SECONDS:
            return f"has no new credentials yet, and the operator tries again every few seconds: {why}"
        if status.next_refresh_at is None or status.failures >= PATIENCE:
            raise NotRotatedError(f"{self._key.full_name} has no new credentials: {why}")
        return (
            f"has no new credentials yet, and the operator tries again at {format_time(status.next_refresh_at)}: {why}"
        )

    def _until_taken_up(self, status: Status, quiet: float) -> str:
        if due := status.rotation_due_at:
            why = "it was rotated several times, and is now rotated at most once a minute"
            return f"waits until {format_time(due)}: {why}"
        if quiet >= ABSENT_SECONDS:
            raise NotRotatedError(
                f"{self._key.full_name} has no new credentials: no operator has taken up the request within "
                f"{ABSENT_SECONDS:g} s. Is one running, and does it work on {_place(self._key)}? The request stays, "
                "and is met when one does"
            )
        if quiet >= QUIET_SECONDS:
            return (
                f"waits for the operator, which has not taken up the request: is one running for {_place(self._key)}?"
            )
        return "waits for the operator"

    def _until_everywhere(self, summary: NamespaceSummary) -> str:
        where = f"has new credentials in {summary.synced} of {summary.matched} namespaces"
        for one in summary.failures:
            if one.reason in {SECRET_NOT_OWNED, SECRET_REFUSED}:
                raise NotRotatedError(f"{self._key.full_name} {where}; {one.namespace}: {one.reason}: {one.message}")
        failing = "".join(f"; {one.namespace}: {one.reason}: {one.message}" for one in summary.failures[:1])
        return f"{where}{failing}"

    def _until_rolled_out(self, environment: EscEnvironment, status: Status) -> str:
        ready = find_condition(status.conditions, READY)
        if environment.rollout.policy != "OnChange" or (ready and ready.reason in {NO_VARIABLES, NO_NAMESPACES}):
            return ""
        told = find_condition(status.conditions, ROLLED_OUT)
        if told is None:
            return "has new credentials, and waits for its pods"
        if told.status == "True":
            return ""
        if told.reason in _STUCK and status.rollout_started_at is None:
            raise NotRotatedError(
                f"{self._key.full_name} has new credentials, but not all pods run with them: {told.reason}: "
                f"{told.message}"
            )
        return f"has new credentials, and waits for its pods: {told.reason}: {told.message}"


def _place(key: Key) -> str:
    return f"namespace {key.namespace}" if key.namespace else "the whole cluster"
