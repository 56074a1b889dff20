"""`fn::rotate`."""

from dataclasses import replace

from esc_operator.evaluation.answers import Answer, Described, Rotated
from esc_operator.evaluation.builtins.providers import accepts_inputs, description_of, opened
from esc_operator.evaluation.effects import FindRotator, OpenRotator, RotateState
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.results import Mode, Patch, Rotation, RotationStatus
from esc_operator.evaluation.values import Value
from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Failed
from esc_operator.lang.paths import join_key
from esc_operator.schema import NULL, Schema


def rotate(frame: Frame) -> Steps:
    """`fn::rotate::NAME: {inputs: ..., state: ...}` is what the rotator makes of its state; a rotation renews the state first."""
    name = frame.call.provider
    if name is None:
        return frame.unknown()
    description = frame.ask((FindRotator, name), lambda number: FindRotator(number, name))
    if description is None:
        return frame.pending()  # which inputs may be looked at is for the rotator's schema to say
    described = description_of(frame, description)
    inputs = yield frame.operand("inputs", described.inputs)
    state = yield frame.operand("state")
    if not (inputs.is_complete and state.is_complete):
        return frame.pending()
    usable = all([accepts_inputs(frame, inputs, described.inputs), frame.conforms(state, _or_null(described.state))])
    unobserved = (
        inputs.contains_unknowns
        if frame.mode == Mode.ROTATE and frame.scope.is_root
        else inputs.contains_observable_unknowns
    )
    if (
        not usable
        or unobserved
        or state.contains_unknowns
        or frame.mode == Mode.CHECK
        or isinstance(description, Failed)
    ):
        _note(frame, RotationStatus.NOT_EVALUATED)
        return frame.unknown(described.outputs)
    return _carry_out(frame, name, inputs, state, described)


def _or_null(state: Schema) -> Schema:
    return Schema(one_of=(state, NULL)) if not state.is_always else state


def _carry_out(frame: Frame, name: str, inputs: Value, state: Value, described: Described) -> Value:
    scope, path = frame.scope, frame.expression.path
    if _rotates(frame):
        answer = frame.ask(
            (RotateState, frame.cell),
            lambda number: RotateState(number, name, scope.identity, scope.root_name, path, inputs, state),
        )
        if answer is None:
            return frame.pending()
        renewed = _renewed(frame, answer)
        if renewed is None:
            return frame.unknown(described.outputs)
        state = renewed
    answer = frame.ask(
        (OpenRotator, frame.cell),
        lambda number: OpenRotator(number, name, scope.identity, scope.root_name, path, inputs, state),
    )
    return frame.pending() if answer is None else opened(frame, name, answer, described.outputs)


def _rotates(frame: Frame) -> bool:
    """Whether this call is among those to rotate: never in an import, and where paths are given only at one of them."""
    if frame.mode != Mode.ROTATE or not frame.scope.is_root:
        return False
    paths = frame.evaluator.rotate_paths
    return not paths or frame.expression.path in paths


def _renewed(frame: Frame, answer: Answer) -> Value | None:
    """The new state, noted down as a patch; None, reported, where there is none."""
    if isinstance(answer, Failed):
        frame.failed(answer, reasons.PROVIDER_FAILED, "rotate: ")
        _note(frame, RotationStatus.FAILED)
        return None
    assert isinstance(answer, Rotated)
    try:
        state = from_data(answer.state, frame.expression, secret=answer.secret, deepest=frame.limits.depth)
    except NotPlainError as error:
        frame.error(frame.expression, f"rotate: internal error: {error}", reasons.PROVIDER_FAILED)
        _note(frame, RotationStatus.FAILED)
        return None
    path = f"{join_key(frame.expression.path, frame.call.written_name)}.state"
    _note(frame, RotationStatus.SUCCEEDED, Patch(path, state))
    return state


def _note(frame: Frame, status: RotationStatus, patch: Patch | None = None) -> None:
    if _rotates(frame):
        frame.rotations.append(replace(Rotation(frame.expression.path, status), patch=patch))
