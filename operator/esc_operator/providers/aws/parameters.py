"""`fn::open::aws-parameter-store`: parameters of AWS Systems Manager's Parameter Store, as text.

Inputs and outputs are those of Pulumi ESC, with the added input `failoverRegion`. Parameters are read ten a call, those
to decrypt apart from those that are not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.providers.aws import reasons
from esc_operator.providers.aws.arns import in_region, region_of
from esc_operator.providers.aws.calls import malformed
from esc_operator.providers.aws.reading_advice import PARAMETER_RULES, advise_missing_parameter
from esc_operator.providers.aws.readings import (
    NAME,
    OF_ONE,
    Asked,
    Reader,
    a_few_at_once,
    reader_inputs,
)
from esc_operator.providers.reading import OUTPUTS, Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from esc_operator.providers.aws.readings import Answers, Calls

MOST_IN_BATCH = 10
"""How many parameters AWS gives in one call."""

INPUTS = reader_inputs(
    "parameter",
    {
        "type": "object",
        "title": "AWSParameterStoreGet",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {**NAME, "description": "Its name or ARN; :3 or :label at the end pins a version."},
            "decrypt": {
                "type": "boolean",
                "default": False,
                "description": "Whether to decrypt a SecureString; without it the value is the ciphertext.",
            },
        },
    },
)


class _Parameter(NamedTuple):
    """A parameter; `selector` is the pinned version or label, "" for the latest version."""

    name: str
    selector: str
    decrypts: bool

    @property
    def id(self) -> str:
        return f"{self.name}:{self.selector}" if self.selector else self.name

    def asked(self, calls: Calls) -> Asked:
        target = calls.target
        subject = f'the parameter "{self.name}"'
        return Asked(_SERVICE, target.host, target.region, subject, "ssm:GetParameters", self.selector)


_SERVICE = "AWS Parameter Store"
_Answers = dict[_Parameter, Found | ProviderError]


class AwsParameterStore(Reader[_Parameter]):
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "aws-parameter-store"
    store: ClassVar[str] = "ssm"
    rules = PARAMETER_RULES
    named_by: ClassVar[str] = "name"
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 20.0

    def ref(self, item: Mapping[str, Any], region: str) -> _Parameter:
        return _parameter(in_region(item["name"], region), decrypts=item.get("decrypt") is True)

    async def read(self, refs: Sequence[_Parameter], calls: Calls) -> Answers[_Parameter]:
        return await a_few_at_once([partial(_read_batch, batch, calls) for batch in batches_of(refs)])


PROVIDER = AwsParameterStore()


def batches_of(refs: Iterable[_Parameter]) -> list[list[_Parameter]]:
    """Few batches, in each of which all or none are decrypted, and each name occurs once: an answer names parameters
    without their selectors."""
    made: list[list[_Parameter]] = []
    for ref in refs:
        for batch in made:
            fits = len(batch) < MOST_IN_BATCH and batch[0].decrypts is ref.decrypts
            if fits and all(other.name != ref.name for other in batch):
                batch.append(ref)
                break
        else:
            made.append([ref])
    return made


def _parameter(text: str, *, decrypts: bool) -> _Parameter:
    """An ARN has colons of its own: five before its resource."""
    head, name = (text[: -len(tail)], tail) if region_of(text) and (tail := text.split(":", 5)[5]) else ("", text)
    name, _, selector = name.partition(":")
    return _Parameter(f"{head}{name}", selector, decrypts)


async def _read_batch(refs: Sequence[_Parameter], calls: Calls) -> _Answers:
    target, first = calls.target, refs[0]
    asked = first.asked(calls)
    if len(refs) > 1:
        asked = Asked(_SERVICE, target.host, target.region, f"{len(refs)} parameters", "ssm:GetParameters")
    answer = await calls.call("get_parameters", asked, Names=[ref.id for ref in refs], WithDecryption=first.decrypts)
    if isinstance(answer, ProviderError):
        # AWS refuses all of them for one, and does not say for which.
        if len(refs) > 1 and answer.reason in OF_ONE:
            return await _one_by_one(refs, calls)
        return dict.fromkeys(refs, answer)
    return _matched(refs, answer, asked, calls)


async def _one_by_one(refs: Iterable[_Parameter], calls: Calls) -> _Answers:
    answers: _Answers = {}
    for ref in refs:
        answers |= await _read_batch([ref], calls)
    return answers


def _matched(refs: Sequence[_Parameter], answer: Mapping[str, Any], asked: Asked, calls: Calls) -> _Answers:
    """What an answer says of each parameter."""
    found: dict[str, Found] = {}
    for one in _list(answer.get("Parameters")):
        match one:
            case {"Name": str() as name, "Value": str() as value, "Version": int() as version}:
                # One of another account is named by its ARN.
                found |= dict.fromkeys((name, str(one.get("ARN"))), Found(value, str(version)))
    invalid = _list(answer.get("InvalidParameters"))
    answers: _Answers = {}
    for ref in refs:
        if ref.name in found:
            answers[ref] = found[ref.name]
        elif ref.id in invalid:
            asked_for = ref.asked(calls)
            answers[ref] = ProviderError(advise_missing_parameter(asked_for), reason=reasons.PARAMETER_MISSING)
        else:
            answers[ref] = malformed(asked, "it says nothing of one of them")
    return answers


def _list(part: object) -> Sequence[Any]:
    return part if isinstance(part, list) else ()
