"""`fn::rotate`."""

from esc_operator.evaluation.answers import Described, Opened, Rotated
from esc_operator.evaluation.builtins.providers import accepts_inputs, described_or_reported, opened
from esc_operator.evaluation.effects import FindRotator, OpenRotator, RotateState
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.results import Mode, Patch, Rotation, RotationStatus
from esc_operator.evaluation.values import PENDING_VALUE, Value
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call
from esc_operator.lang.diagnostics import Failed
from esc_operator.lang.paths import join_key
from esc_operator.schema import NULL, Schema


def rotate(frame: Frame, call: Call) -> Steps:
    """`fn::rotate::NAME: {inputs: ..., state: ...}` is what the rotator makes of its state, renewed first in a rotation."""
    name = call.provider
    if name is None:
        return frame.unknown()
    answer = frame.ask((FindRotator, name), lambda number: FindRotator(number, name), Described)
    if answer is None:
        return PENDING_VALUE  # which inputs may be looked at is for the rotator's schema to say
    described = described_or_reported(frame, call, answer)
    inputs = yield frame.operand(call, "inputs", described.inputs)
    state = yield frame.operand(call, "state")
    if not (inputs.is_complete and state.is_complete):
        return PENDING_VALUE
    usable = all(
        [
            accepts_inputs(frame, call, inputs, described.inputs),
            frame.conforms(state, Schema(one_of=(described.state, NULL))),
        ]
    )
    if not usable or not _is_known(frame, inputs, state) or isinstance(answer, Failed):
        _note(frame, call, RotationStatus.NOT_EVALUATED)
        return frame.unknown(described.outputs)
    return _carry_out(frame, call, name, inputs, state, described.outputs)


def _is_known(frame: Frame, inputs: Value, state: Value) -> bool:
    """Whether everything is known that a rotator will look at: inputs that only a rotation needs may be unknown else."""
    rotating = frame.mode == Mode.ROTATE and frame.scope.is_root
    unknowns = inputs.contains_unknowns if rotating else inputs.contains_observable_unknowns
    return not (unknowns or state.contains_unknowns or frame.mode == Mode.CHECK)


def _carry_out(frame: Frame, call: Call, name: str, inputs: Value, state: Value, outputs: Schema) -> Value:
    scope = frame.scope
    if _rotates(frame, call):
        renewed = frame.ask(
            (RotateState, frame.cell),
            lambda number: RotateState(number, name, scope.identity, scope.root_name, call.path, inputs, state),
            Rotated,
        )
        if renewed is None:
            return PENDING_VALUE
        new_state = _renewed(frame, call, renewed)
        if new_state is None:
            return frame.unknown(outputs)
        state = new_state
    answer = frame.ask(
        (OpenRotator, frame.cell),
        lambda number: OpenRotator(number, name, scope.identity, scope.root_name, call.path, inputs, state),
        Opened,
    )
    return opened(frame, call, outputs, answer)


def _rotates(frame: Frame, call: Call) -> bool:
    """Whether this call is among those to rotate: never in an import, and where paths are given only at one of them."""
    if frame.mode != Mode.ROTATE or not frame.scope.is_root:
        return False
    paths = frame.evaluator.rotate_paths
    return not paths or call.path in paths


def _renewed(frame: Frame, call: Call, answer: Rotated | Failed) -> Value | None:
    """The new state, noted down as a patch; None, reported, where there is none."""
    problem = answer if isinstance(answer, Failed) else None
    state = None
    if isinstance(answer, Rotated):
        try:
            state = from_data(answer.state, call, secret=answer.secret, deepest=frame.limits.depth)
        except NotPlainError as error:
            problem = Failed(f"internal error: {error}")
    if problem is not None or state is None:
        frame.error(call, f"rotate: {problem.message if problem else ''}", reasons.PROVIDER_FAILED, problem)
        _note(frame, call, RotationStatus.FAILED)
        return None
    path = f"{join_key(call.path, call.written_name)}.state"
    _note(frame, call, RotationStatus.SUCCEEDED, Patch(path, state))
    return state


def _note(frame: Frame, call: Call, status: RotationStatus, patch: Patch | None = None) -> None:
    if _rotates(frame, call):
        frame.rotations.append(Rotation(call.path, status, patch))
