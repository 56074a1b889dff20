"""`fn::rotate`."""

from esc_operator.evaluation.answers import Described, Opened, Rotated
from esc_operator.evaluation.builtins.providers import accepts_inputs, described_or_reported, opened
from esc_operator.evaluation.effects import FindRotator, OpenRotator, RotateState
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.results import Mode, Patch, Rotation, RotationStatus
from esc_operator.evaluation.values import PENDING_VALUE, Value
from esc_operator.formats.paths import join_key, keys_of
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call
from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import NULL, Schema


def rotate(frame: Frame, call: Call) -> Steps:
    """`fn::rotate::NAME: {inputs: ..., state: ...}` is what the rotator makes of its state.

    In a rotation the state is renewed first.
    """
    name = call.provider
    if name is None:
        return frame.unknown()
    answer = frame.ask((FindRotator, name), lambda number: FindRotator(number, name), Described)
    if answer is None:
        return PENDING_VALUE  # the rotator's schema says which inputs it uses
    described = described_or_reported(frame, call, answer)
    inputs = yield frame.operand(call, "inputs", described.inputs)
    stored = yield frame.operand(call, "state")
    if not (inputs.is_complete and stored.is_complete):
        return PENDING_VALUE
    usable = accepts_inputs(frame, call, inputs, described)
    frame.charge(4 * stored.writing_units)
    usable = frame.conforms(stored, _or_null(described.state)) and usable
    if not usable or not _is_known(frame, inputs, stored) or isinstance(answer, Failed):
        _note(frame, call, RotationStatus.NOT_EVALUATED)
        return frame.unknown(described.outputs)
    state = _renew(frame, call, inputs, stored) if _rotates(frame, call) else stored
    if state is None or state.is_pending:
        return state or frame.unknown(described.outputs)
    return opened(frame, call, described.outputs, _open(frame, call, inputs, state), inputs)


def _or_null(state: Schema) -> Schema:
    """What a stored state must match: the rotator's schema, or null before the first rotation."""
    return state if state.is_always else Schema(one_of=(state, NULL))


def _is_known(frame: Frame, inputs: Value, state: Value) -> bool:
    """Whether everything that a rotator uses is known; without a rotation, rotate-only inputs may be unknown."""
    rotating = frame.mode == Mode.ROTATE and frame.scope.is_root
    unknowns = inputs.contains_unknowns if rotating else inputs.contains_observable_unknowns
    return not (unknowns or state.contains_unknowns or frame.mode == Mode.CHECK)


def _open(frame: Frame, call: Call, inputs: Value, state: Value) -> Opened | Failed | None:
    scope, name = frame.scope, call.provider or ""
    return frame.ask(
        (OpenRotator, frame.cell),
        lambda number: OpenRotator(number, name, scope.identity, scope.root_name, call.path, inputs, state),
        Opened,
    )


def _renew(frame: Frame, call: Call, inputs: Value, state: Value) -> Value | None:
    """The new state, recorded as a patch; pending, or None, reported, if there is none."""
    scope, name = frame.scope, call.provider or ""
    answer = frame.ask(
        (RotateState, frame.cell),
        lambda number: RotateState(number, name, scope.identity, scope.root_name, call.path, inputs, state),
        Rotated,
    )
    if answer is None:
        return PENDING_VALUE
    renewed = answer if isinstance(answer, Failed) else _state_of(frame, call, answer)
    if isinstance(renewed, Failed):
        frame.error(call, f"rotate: {renewed.message}", reasons.PROVIDER_FAILED, renewed)
        _note(frame, call, RotationStatus.FAILED)
        return None
    path = f"{join_key(call.path, call.written_name)}.state"
    _note(frame, call, RotationStatus.SUCCEEDED, Patch(path, renewed))
    return renewed


def _state_of(frame: Frame, call: Call, answer: Rotated) -> Value | Failed:
    try:
        return from_data(answer.state, call, secret=answer.secret, deepest=frame.limits.levels, charge=frame.charge)
    except NotPlainError as error:
        return Failed(f"internal error: {error}")


def _rotates(frame: Frame, call: Call) -> bool:
    """Whether to rotate this call: never in an import, and if paths are given only at one of them."""
    if frame.mode != Mode.ROTATE or not frame.scope.is_root:
        return False
    paths = frame.state.options.rotate_paths
    return not paths or keys_of(call.node.path)[1:] in paths


def _note(frame: Frame, call: Call, status: RotationStatus, patch: Patch | None = None) -> None:
    if _rotates(frame, call):
        frame.findings.append(Rotation(call.path, status, patch))
