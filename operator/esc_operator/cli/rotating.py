"""Rotations of several environments, which a user requests by an EscRotation.

All requests use the user's own rights; only the operator makes new values.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from esc_operator.cli.waiting import ABSENT_SECONDS, QUIET_SECONDS, NotRotatedError, SignOfLife
from esc_operator.errors import ForbiddenError, KubeError, NotFoundError
from esc_operator.formats.phrases import counted
from esc_operator.formats.times import format_time
from esc_operator.resources import API_VERSION, MADE_BY, ROTATE_COMMAND
from esc_operator.resources.conditions import find_condition
from esc_operator.resources.reasons import NOTHING_SELECTED
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.cli.waiting import Waiting

HIDDEN = "its login is hidden, and may match"
WIDE = f"its role {FITS_WIDELY}"


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
    click.echo(f"{counted(len(meant), 'environment')} would be rotated, in this order{left_out}", err=True)


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
    shown: _Bar | _Lines = _Bar() if is_terminal else _Lines()
    status, life = RotationStatus(), SignOfLife(waiting.clock)

    def look() -> str:
        nonlocal status
        try:
            status = parse_rotation_status(session.read_rotation(name).get("status"))
        except NotFoundError as error:
            raise NotRotatedError(f"EscRotation {name} was deleted before it finished") from error
        if not status.conditions:
            return _until_started(name, life.quiet_for(""))
        shown.show(status)
        return "" if status.completed_at else describe_progress(status)

    try:
        with shown if isinstance(shown, _Bar) else nullcontext():
            waiting.until(look, f"EscRotation {name}", shown.say)
    except KeyboardInterrupt:
        click.echo(f"\nEscRotation {name} continues; kubectl delete escrotation {name} stops it", err=True)
        raise
    _report_end(name, status)


def _until_started(name: str, quiet: float) -> str:
    if quiet >= ABSENT_SECONDS:
        raise NotRotatedError(
            f"no operator has started EscRotation {name} within {ABSENT_SECONDS:g} s: is one running, and for the "
            f"whole cluster? It starts when one does; kubectl delete escrotation {name} takes it back"
        )
    if quiet >= QUIET_SECONDS:
        return "no operator has started it yet: is one running, and for the whole cluster?"
    return "waits for the operator"


def describe_progress(status: RotationStatus) -> str:
    counts = status.counts
    return (
        f"{counts.progress} have new values, {counts.running} running, {counts.waiting} waiting, {counts.failed} failed"
    )


def _report_end(name: str, status: RotationStatus) -> None:
    counts = status.counts
    for failure in status.failures:
        click.echo(f"{failure.key.full_name}: {failure.reason}: {failure.message}", err=True)
    if counts.failed > len(status.failures):
        click.echo(f"and {counts.failed - len(status.failures)} more", err=True)
    complete = find_condition(status.conditions, COMPLETE)
    if complete and complete.reason == NOTHING_SELECTED:
        raise NotRotatedError(complete.message)
    # The counts do not say how many of those that succeeded opened no provider; the operator's message does.
    result = complete.message if complete else f"{counts.progress} done"
    if status.phase is not Phase.SUCCEEDED:
        raise NotRotatedError(f"EscRotation {name}: {result}")
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

    def say(self, awaited: str) -> None:
        """The bar shows it, once there is one."""
        if self._bar is None:
            click.echo(awaited, err=True)

    def show(self, status: RotationStatus) -> None:
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

    def say(self, awaited: str) -> None:
        click.echo(awaited, err=True)

    def show(self, status: RotationStatus) -> None:
        """Show what it waits for; at the end there is nothing to wait for."""
        if status.completed_at and status.run:
            self.say(describe_progress(status))
