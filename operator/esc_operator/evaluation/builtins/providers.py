"""`fn::open`."""

from esc_operator.evaluation.answers import Answer, Described, Opened
from esc_operator.evaluation.effects import FindProvider, OpenProvider
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.results import Mode, OpenRecord
from esc_operator.evaluation.values import Value
from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import ALWAYS, OBJECT, Schema


def open_provider(frame: Frame) -> Steps:
    """`fn::open::NAME: inputs` is what the provider makes of the inputs; in a check, an unknown with the provider's output schema."""
    name = frame.call.provider
    if name is None:
        return frame.unknown()
    description = frame.ask((FindProvider, name), lambda number: FindProvider(number, name))
    inputs = yield frame.operand("inputs")
    if description is None or not inputs.is_complete:
        return frame.pending()
    described = description_of(frame, description)
    usable = accepts_inputs(frame, inputs, described.inputs)
    if not usable or inputs.contains_unknowns or frame.mode == Mode.CHECK or isinstance(description, Failed):
        return frame.unknown(described.outputs)
    answer = frame.ask(
        (OpenProvider, frame.cell),
        lambda number: OpenProvider(
            number, name, frame.scope.identity, frame.scope.root_name, frame.expression.path, inputs
        ),
    )
    return frame.pending() if answer is None else opened(frame, name, answer, described.outputs)


def description_of(frame: Frame, answer: Answer) -> Described:
    """The answer's schemas; those that accept everything where there is no such provider, which is reported."""
    if isinstance(answer, Failed):
        frame.failed(answer, reasons.UNKNOWN_PROVIDER)
        return Described()
    assert isinstance(answer, Described)
    return answer


def accepts_inputs(frame: Frame, inputs: Value, accept: Schema) -> bool:
    accepted = frame.conforms(inputs, accept)
    if accepted and not inputs.is_unknown and not inputs.is_object:
        # Upstream dies here: it takes for granted that whatever the schema accepts is an object.
        return frame.conforms(inputs, OBJECT)
    return accepted


def opened(frame: Frame, provider: str, answer: Answer, outputs: Schema) -> Value:
    """The call's value after the provider has answered."""
    if isinstance(answer, Failed):
        frame.failed(answer, reasons.PROVIDER_FAILED)
        return frame.unknown(outputs)
    assert isinstance(answer, Opened)
    frame.opens.append(OpenRecord(frame.expression.path, frame.scope.identity, provider, answer.lease))
    try:
        return from_data(answer.value, frame.expression, secret=answer.secret, deepest=frame.limits.depth)
    except NotPlainError as error:
        frame.error(frame.expression, f"internal error: {error}", reasons.PROVIDER_FAILED)
        return frame.unknown(outputs or ALWAYS)
