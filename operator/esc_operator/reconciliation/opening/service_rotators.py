"""Rotates an environment's rotators in the service that evaluates it, for requests that ask for it, once for each.

Owns the order: the intention is stored before the act, the outcome before anything is opened. After an answer that was
lost, or an operator that died, the next attempt looks for what the service has rotated since, and rotates nothing
twice. Invariant: a rotation that fails does not keep the environment from being refreshed; it is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from esc_operator.evaluation import Failed
from esc_operator.formats.phrases import first_of
from esc_operator.reconciliation.opening.rotator_secrets import RotatorState
from esc_operator.renewal.why import asks_for_more
from esc_operator.resources import reasons
from esc_operator.resources.warnings import make_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.providers.port import RotatedInService
    from esc_operator.reconciliation.opening.rotator_secrets import EnvironmentStates
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.rotate_request import RotateRequest
    from esc_operator.resources.warnings import StatusWarning

STATE_PATH: Final = "spec.environmentFrom"
"""Where the states of rotators hold what this module knows. No definition has such a path.

    {"before": ID | null, "tries": COUNT}      the service is asked to rotate, and its last rotation before was that one
    {"failed": {PATH: WORDS, ...}}             it has, but for these; the path "" stands for all
"""

_PATIENCE: Final = 3
"""How often a service that is out of order is asked to rotate."""

_MOST_NAMED: Final = 5
_LONGEST: Final = 250
"""Characters of the service's words in a warning."""


class RotatingService(Protocol):
    """The service, for one environment. Failures of the outside world are answers."""

    async def rotations(self) -> Sequence[RotatedInService] | Failed:
        """The environment's rotations so far, the newest first."""

    async def rotate(self) -> RotatedInService | Failed:
        """Rotate all rotators of the environment."""


async def rotate_in_service(
    states: EnvironmentStates, environment: EscEnvironment, service: RotatingService
) -> Failed | None:
    """Rotate, if a request asks for it that has not been met. Answers a failure if the environment must not be opened
    yet, because this is tried again first. Raises KubeError."""
    request = environment.rotators_request
    if not states.rotates or not any(request):
        return None
    kept = await states.own()
    if kept.refused:
        return kept.refused
    known = _state_for(request, kept.states.get(STATE_PATH))
    if known is not None and "failed" in known:
        if not states.are_written:
            await states.keep(kept, STATE_PATH, RotatorState(known, request))
        return None
    before, tries = (await _last(service), 1) if known is None else (known["before"], known["tries"] + 1)
    found = await _find(service, before) if tries > 1 else None
    await states.keep(kept, STATE_PATH, RotatorState({"before": before, "tries": tries}, request))
    outcome = found or await service.rotate()
    if tries < _PATIENCE and (waits := _why_wait(outcome)):
        return waits
    failed = {"": outcome.message} if isinstance(outcome, Failed) else dict(outcome.failed)
    await states.keep(kept, STATE_PATH, RotatorState({"failed": failed}, request))
    return None


async def warnings_of_rotators(
    states: EnvironmentStates, environment: EscEnvironment, origin: str
) -> tuple[StatusWarning, ...]:
    """The warning that rotators of an environment, `origin` in the service, have not rotated although that was
    requested. Raises KubeError."""
    request = environment.rotators_request
    if not any(request):
        return ()
    kept = await states.own()
    failed = (_state_for(request, kept.states.get(STATE_PATH)) or {}).get("failed")
    if not failed:
        return ()
    named = [f"{path} ({words})" if path and words else path or str(words) for path, words in sorted(failed.items())]
    whose = f"rotators of {origin} have" if "" in failed else f"some rotators of {origin} have"
    told = (
        f"{whose} not rotated in Pulumi Cloud, as was requested: {_start_of(first_of(named, _MOST_NAMED))}; "
        f"correct that, and request it again: esc rotate {environment.key.full_name} --pulumi-rotators"
    )
    return (make_warning(reasons.ROTATORS_NOT_ROTATED, told),)


def _start_of(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


async def _last(service: RotatingService) -> str | None:
    """The id of the last rotation, "" if there was none; None if the service does not tell."""
    rotations = await service.rotations()
    if isinstance(rotations, Failed):
        return None
    return rotations[0].id if rotations else ""


async def _find(service: RotatingService, before: str | None) -> RotatedInService | Failed | None:
    """The first rotation since another one, which an earlier attempt began: its answer was lost."""
    rotations = [] if before is None else await service.rotations()
    if isinstance(rotations, Failed):
        # A service that is out of order must not be asked to rotate: whether it has is not known.
        return rotations if rotations.outage or rotations.throttled else None
    since = None
    for rotation in rotations:
        if rotation.id == before:
            break
        since = rotation
    return since


def _why_wait(outcome: RotatedInService | Failed) -> Failed | None:
    """Why this is tried again before the environment is opened."""
    if isinstance(outcome, Failed):
        return outcome if outcome.outage or outcome.throttled else None
    return _UNDER_WAY if outcome.is_under_way else None


def _state_for(request: RotateRequest, state: RotatorState | None) -> dict[str, Any] | None:
    """What is known about this request."""
    value = _value(state)
    return value if state and value and not asks_for_more(request, state.request) else None


def _value(state: RotatorState | None) -> dict[str, Any] | None:
    """A state, if it is intact: whoever may write Secrets of the namespace may have changed it."""
    value = state.value if state else None
    if not isinstance(value, dict):
        return None
    is_over = isinstance(value.get("failed"), dict)
    is_begun = isinstance(value.get("tries"), int) and isinstance(value.get("before"), str | None)
    return value if is_over or is_begun else None


_UNDER_WAY: Final = Failed(
    "Pulumi Cloud is still rotating the environment's rotators; the operator opens it when that is done",
    reasons.ROTATING,
)
