"""Rotations that a user requests: of one environment by its annotation, of several by an EscRotation.

All requests use the user's own rights; only the operator makes new values.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from esc_operator.errors import EscError, ForbiddenError, KubeError, NotFoundError
from esc_operator.formats.times import format_time
from esc_operator.resources import API_VERSION, MADE_BY, ROTATE_COMMAND, ROTATE_REQUESTED_AT
from esc_operator.resources.conditions import REFRESHED, ROLLED_OUT, find_condition
from esc_operator.resources.environment import parse_environment
from esc_operator.resources.reasons import NOTHING_SELECTED, SECRET_NOT_OWNED, SECRET_REFUSED
from esc_operator.resources.rotation import COMPLETE, Phase, RotationStatus, parse_rotation_status, parse_selector
from esc_operator.resources.rotation_selection import (
    FITS_WIDELY,
    Candidate,
    Places,
    by_turns,
    describe_nothing,
    in_order,
    places_of,
    select,
)
from esc_operator.resources.status import parse_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.resources.environment import Key
    from esc_operator.resources.status import NamespaceSummary

LOOK_SECONDS = 0.5
PATIENCE = 3
"""A failure that may be temporary is reported only after this many attempts."""
QUIET_SECONDS = 15.0
"""After this long without a sign of the operator, say so."""


HIDDEN = "its role is hidden, and may be this one"
WIDE = f"its role {FITS_WIDELY}"


class NotRotatedError(EscError):
    """Some environment has no new values; the message or earlier output says why."""

    default_reason = "NotRotated"


class Waiting(NamedTuple):
    """How to wait: `timeout` in seconds, None: without limit."""

    timeout: float | None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, is_over: Callable[[], bool], what: str) -> None:
        """Poll until it is over. Raises NotRotatedError after the timeout."""
        end = None if self.timeout is None else self.clock() + self.timeout
        while not is_over():
            if end is not None and self.clock() >= end:
                raise NotRotatedError(
                    f"{what} has not finished after {self.timeout:g} s; it continues without this command"
                )
            self.sleep(LOOK_SECONDS)


# One environment.


def rotate_one(session: ClusterSession, key: Key, waiting: Waiting | None) -> None:
    """Request new credentials for one environment, and wait for them if `waiting` is given. Raises EscError."""
    environment = parse_environment(session.read_environment(*key))
    name = key.full_name
    if environment.suspend:
        raise NotRotatedError(f"{name} is suspended, so nothing was rotated: set spec.suspend to false first")
    if environment.cluster_scoped and environment.spread is None:
        raise NotRotatedError(f"{name} fills no Secret, so there is nothing to rotate: set spec.target first")
    request = datetime.now(UTC).isoformat(timespec="milliseconds")
    session.annotate_environment(*key, {ROTATE_REQUESTED_AT: request})
    if waiting is None:
        click.echo(f"{name}: requested new credentials")
        return
    rolls = environment.rollout.policy == "OnChange"
    delays: set[datetime] = set()
    waiting.until(lambda: _has_honoured(session, key, request, delays, rolls=rolls), name)
    click.echo(f"{name} has new credentials{', and its pods run with them' if rolls else ''}")


def _has_honoured(session: ClusterSession, key: Key, request: str, delays: set[datetime], *, rolls: bool) -> bool:
    """Whether the request is done. `delays`: the waiting times that were already reported."""
    status = parse_status(session.read_environment(*key).get("status"))
    if status.observed_rotate_request != request:
        if (due := status.rotation_due_at) and not delays:
            why = "it was rotated several times, and is now rotated at most once a minute"
            click.echo(f"{key.full_name} waits until {format_time(due)}: {why}", err=True)
            delays.add(due)
        return False
    refreshed = find_condition(status.conditions, REFRESHED)
    if refreshed and refreshed.status == "False":
        if status.next_refresh_at and status.failures < PATIENCE:
            return False  # it may be temporary
        raise NotRotatedError(f"{key.full_name} has no new credentials: {refreshed.reason}: {refreshed.message}")
    if status.namespaces and status.namespaces.synced < status.namespaces.matched:
        return _wait_for_namespaces(key, status.namespaces)
    rolled_out = find_condition(status.conditions, ROLLED_OUT)
    return not rolls or (rolled_out is not None and rolled_out.status == "True")


def _wait_for_namespaces(key: Key, summary: NamespaceSummary) -> bool:
    """Not done yet. Raises NotRotatedError if a user has to correct something first."""
    stuck = [one for one in summary.failures if one.reason in {SECRET_NOT_OWNED, SECRET_REFUSED}]
    for one in stuck[:1]:
        raise NotRotatedError(
            f"{key.full_name} has new credentials in {summary.synced} of {summary.matched} namespaces; "
            f"{one.namespace}: {one.reason}: {one.message}"
        )
    return False


# Many.


def show_plan(session: ClusterSession, selector: Mapping[str, Any], *, allow_none: bool = False) -> None:
    """Print the environments that a rotation would include, in order. Raises KubeError, NotRotatedError for none."""
    chosen = parse_selector(selector)
    labels: dict[str, Mapping[str, str]] = {}
    places: Iterable[str | None] = dict.fromkeys(chosen.namespaces) or (None, "")
    if chosen.namespace_labels is not None:
        listed = [body["metadata"] for body in session.list_namespaces()]
        labels = {metadata["name"]: metadata.get("labels") or {} for metadata in listed}
        places = dict.fromkeys(chosen.namespaces) or (None,)  # a ClusterEscEnvironment is in no namespace
    bodies = [body for namespace in places for body in session.list_environments(namespace)]
    found = in_order(one for body in bodies if (one := select(chosen, body, labels.get)))
    meant = list(by_turns([one for one in found if not one.suspended]))
    for line in _lines(meant):
        click.echo(line)
    suspended = len(found) - len(meant)
    if not meant and not allow_none:
        raise NotRotatedError(describe_nothing(chosen, suspended, _all_places(session, bodies)))
    left_out = f"; {suspended} suspended left out" if suspended else ""
    click.echo(f"{_environments(len(meant))} would be rotated, in this order{left_out}", err=True)


def _all_places(session: ClusterSession, listed: Sequence[Mapping[str, Any]]) -> Places:
    """Those of all environments that the user may list; else those of the listed ones."""
    try:
        return places_of(session.list_environments(None))
    except KubeError:
        return places_of(listed)


def _lines(candidates: Sequence[Candidate]) -> Iterable[str]:
    width = max((len(one.key.full_name) for one in candidates), default=0)
    for one in candidates:
        expires = format_time(one.expires_at) if one.expires_at else "no expiry"
        notes = [
            expires,
            *(["replaces its pods"] if one.rolls else []),
            *([HIDDEN] if one.unsure else []),
            *([WIDE] if one.wide else []),
        ]
        yield f"{one.key.full_name:<{width}}  {'  '.join(notes)}"


def start_rotation(session: ClusterSession, spec: Mapping[str, Any]) -> str:
    """Create an EscRotation and return its name. Raises EscError."""
    body = {
        "apiVersion": API_VERSION,
        "kind": "EscRotation",
        "metadata": {"generateName": "esc-rotate-", "labels": {MADE_BY: ROTATE_COMMAND}},
        "spec": dict(spec),
    }
    try:
        name: str = session.create_rotation(body)["metadata"]["name"]
    except NotFoundError as error:
        raise NotRotatedError(
            "the cluster does not serve EscRotations: install their CustomResourceDefinition (kubectl apply -f crds/)"
        ) from error
    except ForbiddenError as error:
        raise NotRotatedError(
            f"{error.message}\nTo rotate several environments you need the right to create "
            "escrotations.esc-operator.dev; to rotate one (esc rotate NAMESPACE/NAME), the right to patch it"
        ) from error
    return name


def follow_rotation(session: ClusterSession, name: str, waiting: Waiting, *, is_terminal: bool) -> None:
    """Show the progress of an EscRotation until it is over. Raises NotRotatedError if anything failed."""
    shown: _Bar | _Lines = _Bar() if is_terminal else _Lines(waiting.clock())
    status = RotationStatus()

    def is_over() -> bool:
        nonlocal status
        try:
            status = parse_rotation_status(session.read_rotation(name).get("status"))
        except NotFoundError as error:
            raise NotRotatedError(f"EscRotation {name} was deleted before it finished") from error
        shown.show(status, waiting.clock())
        return status.completed_at is not None

    try:
        with shown if isinstance(shown, _Bar) else nullcontext():
            waiting.until(is_over, f"EscRotation {name}")
    except KeyboardInterrupt:
        click.echo(f"\nEscRotation {name} continues; kubectl delete escrotation {name} stops it", err=True)
        raise
    _report_end(name, status)


def _report_end(name: str, status: RotationStatus) -> None:
    counts = status.counts
    for failure in status.failures:
        click.echo(f"{failure.key.full_name}: {failure.reason}: {failure.message}", err=True)
    if counts.failed > len(status.failures):
        click.echo(f"and {counts.failed - len(status.failures)} more", err=True)
    complete = find_condition(status.conditions, COMPLETE)
    if complete and complete.reason == NOTHING_SELECTED:
        raise NotRotatedError(complete.message)
    left_out = f", {counts.skipped} suspended left out" if counts.skipped else ""
    result = f"{counts.succeeded} of {_environments(counts.selected - counts.skipped)} have new values{left_out}"
    if status.phase is Phase.STOPPED:
        raise NotRotatedError(f"{result}; EscRotation {name} stopped after {counts.failed} failed")
    if status.phase is not Phase.SUCCEEDED:
        raise NotRotatedError(f"{result}; {counts.failed} failed")
    click.echo(result)


class _Bar:
    """A progress bar on stderr, so that stdout has only the result."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._done = 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def show(self, status: RotationStatus, _: float) -> None:
        counts = status.counts
        if not status.run or not counts.selected:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=max(1, counts.selected - counts.skipped),
                label="rotating",
                show_pos=True,
                item_show_func=lambda text: text,
                file=sys.stderr,
            )
        # Environments that were counted before may be suspended or gone.
        self._bar.length = max(1, counts.selected - counts.skipped)
        done = counts.succeeded + counts.failed
        text = f"{counts.running} running" + (f", {counts.failed} failed" if counts.failed else "")
        self._bar.update(done - self._done, text)
        self._bar.render_progress()
        self._done = done


class _Lines:
    """A line for each change."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._shown = ""
        self._has_warned = False

    def show(self, status: RotationStatus, now: float) -> None:
        counts = status.counts
        line = (
            f"{counts.progress} have new values, {counts.running} running, {counts.waiting} waiting, "
            f"{counts.failed} failed"
        )
        if status.run and line != self._shown:
            self._shown = line
            click.echo(line, err=True)
        if not status.conditions and not self._has_warned and now - self._started > QUIET_SECONDS:
            self._has_warned = True
            click.echo("no operator has started it yet: is one running, and for the whole cluster?", err=True)


def _environments(count: int) -> str:
    return f"{count} environment{'' if count == 1 else 's'}"
