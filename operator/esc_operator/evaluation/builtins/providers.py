"""`fn::open`."""

from esc_operator.errors import FailedPart
from esc_operator.evaluation.answers import UNKNOWN_LOGIN, Described, Opened, ReadVersion
from esc_operator.evaluation.effects import FindProvider, OpenProvider
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.results import Mode, OpenRecord
from esc_operator.evaluation.values import PENDING_VALUE, Value
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call
from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import OBJECT, Schema


def open_provider(frame: Frame, call: Call) -> Steps:
    """`fn::open::NAME: inputs` is what the provider makes of them; in a check, an unknown with its output schema."""
    name = call.provider
    if name is None:
        return frame.unknown()
    answer = frame.ask((FindProvider, name), lambda number: FindProvider(number, name), Described)
    inputs = yield frame.operand(call, "inputs")
    if answer is None or not inputs.is_complete:
        return PENDING_VALUE
    described = described_or_reported(frame, call, answer)
    usable = accepts_inputs(frame, call, inputs, described)
    if not usable or inputs.contains_unknowns or frame.mode == Mode.CHECK or isinstance(answer, Failed):
        return frame.unknown(described.outputs)
    scope = frame.scope
    return opened(
        frame,
        call,
        described.outputs,
        frame.ask(
            (OpenProvider, frame.cell),
            lambda number: OpenProvider(number, name, scope.identity, scope.root_name, call.path, inputs),
            Opened,
        ),
        inputs,
    )


def described_or_reported(frame: Frame, call: Call, answer: Described | Failed) -> Described:
    """The schemas of a provider; where there is none, which is reported, schemas that accept everything."""
    if isinstance(answer, Failed):
        frame.error(call, f"{answer.message}{frame.hint(answer)}", reasons.UNKNOWN_PROVIDER, answer)
        return Described()
    frame.state.outputs[call.provider or ""] = answer.outputs
    return answer


def accepts_inputs(frame: Frame, call: Call, inputs: Value, described: Described) -> bool:
    """Whether the provider accepts the inputs. They are written out for it, and it may read them more than once."""
    most = frame.limits.input_bytes
    if inputs.size > most:
        over = inputs.size - most
        summary = f"the inputs are larger than {most} bytes, by {over}: a provider or rotator takes no more"
        frame.error(call, summary, reasons.LIMIT_EXCEEDED)
        return False
    frame.charge(4 * inputs.writing_units)
    accepted = frame.conforms(inputs, described.inputs)
    if accepted and call.operands["inputs"] is not None and not inputs.is_unknown:
        # Upstream crashes on inputs that are not an object, if the provider's schema accepts them.
        accepted = inputs.is_object or frame.conforms(inputs, OBJECT)
    return accepted and not (inputs.is_object and _has_problems(frame, call, inputs, described))


def _has_problems(frame: Frame, call: Call, inputs: Value, described: Described) -> bool:
    """Whether the provider refuses the inputs by reading them alone. Each problem is reported at the part to blame. So
    a check refuses them, and an open refuses them before anything is opened."""
    problems = described.problems(inputs)
    for problem in problems:
        blamed = inputs.lookup(problem.path)
        where = blamed.definition if blamed is not None else None
        frame.error(where or call, problem.message, problem.reason)
    return bool(problems)


def opened(frame: Frame, call: Call, outputs: Schema, answer: Opened | Failed | None, inputs: Value) -> Value:
    """The call's value after the provider has answered."""
    if answer is None:
        return PENDING_VALUE
    if isinstance(answer, Failed):
        _report(frame, call, answer, inputs)
        return frame.unknown(outputs)
    hides_login = answer.login is not None and (inputs.contains_secrets or answer.login == UNKNOWN_LOGIN)
    login = None if hides_login else answer.login
    provider = call.provider or ""
    where = (call.path, frame.scope.identity, provider)
    versions = tuple(_told(version, inputs) for version in answer.versions)
    frame.findings.append(OpenRecord(*where, answer.lease, login, hides_login, grant=answer.grant, versions=versions))
    try:
        return from_data(answer.value, call, secret=answer.secret, deepest=frame.limits.levels, charge=frame.charge)
    except NotPlainError as error:
        frame.error(call, f"internal error: {error}", reasons.PROVIDER_FAILED)
        return frame.unknown(outputs)


def _report(frame: Frame, call: Call, answer: Failed, inputs: Value) -> None:
    """Each failed part at the input that asks for it, or the whole at the call."""
    parts = answer.parts or (FailedPart((), answer.message, answer.reason),)
    for part in parts:
        blamed = inputs.lookup(part.path)
        where = blamed.definition if blamed is not None else None
        told = answer._replace(message=part.message, reason=part.reason, parts=())
        frame.error((where if part.path else None) or call, part.message, reasons.PROVIDER_FAILED, told)


def _told(version: ReadVersion, inputs: Value) -> ReadVersion:
    """What may be told of it. Secret inputs, and what was made of them, are not."""
    asked = inputs.lookup(version.path)
    return version._replace(name="", version="") if asked is None or asked.contains_secrets else version
