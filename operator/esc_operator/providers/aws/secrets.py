"""`fn::open::aws-secrets`: secrets of AWS Secrets Manager, as text.

Inputs and outputs are those of Pulumi ESC, with the added input `failoverRegion`. A binary secret is given as base64,
and its version says so. Secrets whose version is not pinned are read twenty a call; where the login may not do that,
and where a version is pinned, each by itself.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.providers.aws.arns import in_region
from esc_operator.providers.aws.calls import malformed, refusal_of
from esc_operator.providers.aws.reading_advice import SECRET_RULES
from esc_operator.providers.aws.readings import (
    NAME,
    OF_ONE,
    Asked,
    Reader,
    a_few_at_once,
    batches,
    reader_inputs,
)
from esc_operator.providers.reading import OUTPUTS, Found
from esc_operator.providers.refusals import explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from esc_operator.providers.aws.readings import Answers, Calls

MOST_IN_BATCH = 20
"""How many secrets AWS gives in one call."""

IN_USE = "AWSCURRENT"
_SUFFIX = 7
"""A hyphen and six characters, which AWS adds to a name to make an ARN."""

INPUTS = reader_inputs(
    "secret",
    {
        "type": "object",
        "title": "AWSSecretsGet",
        "required": ["secretId"],
        "additionalProperties": False,
        "properties": {
            "secretId": {**NAME, "description": "The name or ARN of the secret."},
            "versionId": {"type": "string", "minLength": 1, "description": "The ID of one version."},
            "versionStage": {
                "type": "string",
                "minLength": 1,
                "description": "The staging label of a version; AWSCURRENT if nothing else is given.",
            },
        },
    },
)


class _Secret(NamedTuple):
    """A secret, in use or with a pinned version."""

    id: str
    version: str = ""
    stage: str = ""

    @property
    def is_pinned(self) -> bool:
        return bool(self.version or self.stage)

    def asked(self, calls: Calls) -> Asked:
        pinned = [f'"{text}"' for text in (self.version, self.stage) if text]
        subject = f'the secret "{self.id}"'
        target = calls.target
        action = "secretsmanager:GetSecretValue"
        return Asked(_SERVICE, target.host, target.region, subject, action, " with the label ".join(pinned))


_SERVICE = "AWS Secrets Manager"
_Answers = dict[_Secret, Found | ProviderError]


class AwsSecrets(Reader[_Secret]):
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "aws-secrets"
    store: ClassVar[str] = "secretsmanager"
    rules = SECRET_RULES
    named_by: ClassVar[str] = "secretId"
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 50.0

    def ref(self, item: Mapping[str, Any], region: str) -> _Secret:
        version, stage = item.get("versionId") or "", item.get("versionStage") or ""
        return _Secret(in_region(item["secretId"], region), version, "" if stage == IN_USE and not version else stage)

    async def read(self, refs: Sequence[_Secret], calls: Calls) -> Answers[_Secret]:
        together = [ref for ref in refs if not ref.is_pinned]
        alone = [ref for ref in refs if ref.is_pinned]
        if len(together) == 1:
            alone, together = [*together, *alone], []
        return await a_few_at_once(
            [
                *(partial(_read_batch, batch, calls) for batch in batches(together, MOST_IN_BATCH)),
                *(partial(_read_one, ref, calls) for ref in alone),
            ]
        )


PROVIDER = AwsSecrets()


async def _read_one(ref: _Secret, calls: Calls) -> _Answers:
    parameters = {"SecretId": ref.id, "VersionId": ref.version, "VersionStage": ref.stage}
    asked = ref.asked(calls)
    answer = await calls.call("get_secret_value", asked, **{name: text for name, text in parameters.items() if text})
    if isinstance(answer, ProviderError):
        return {ref: answer}
    return {ref: _found(answer) or malformed(asked, "it has no value with a version")}


async def _read_batch(refs: Sequence[_Secret], calls: Calls) -> _Answers:
    host, region = calls.target.host, calls.target.region
    whole = Asked(_SERVICE, host, region, f"{len(refs)} secrets", "secretsmanager:BatchGetSecretValue")
    answer = await calls.call("batch_get_secret_value", whole, SecretIdList=[ref.id for ref in refs])
    if isinstance(answer, ProviderError):
        # Whoever may read secrets need not be allowed to read several in a call: many policies are older than that.
        if answer.reason in OF_ONE:
            return await _one_by_one(refs, calls)
        return dict.fromkeys(refs, answer)
    read = dict(_matched(refs, answer, calls))
    left = [ref for ref in refs if ref not in read]
    if left and answer.get("NextToken"):
        return read | await _one_by_one(left, calls)
    return read | {ref: malformed(whole, "it says nothing of one of them") for ref in left}


async def _one_by_one(refs: Iterable[_Secret], calls: Calls) -> _Answers:
    answers: _Answers = {}
    for ref in refs:
        answers |= await _read_one(ref, calls)
    return answers


def _matched(
    refs: Sequence[_Secret], answer: Mapping[str, Any], calls: Calls
) -> Iterator[tuple[_Secret, Found | ProviderError]]:
    """What an answer says of each secret that it names."""
    by_name: dict[str, Found | ProviderError] = {}
    for one in _objects(answer.get("SecretValues")):
        match one:
            case {"ARN": str() as arn, "Name": str() as name} if found := _found(one):
                # A secret may be asked for by its name, by its ARN, and by its ARN without what AWS has added.
                by_name |= dict.fromkeys((arn[:-_SUFFIX], name, arn), found)
    refused = {str(error.get("SecretId")): error for error in _objects(answer.get("Errors"))}
    for ref in refs:
        if ref.id in by_name:
            yield ref, by_name[ref.id]
        elif error := refused.get(ref.id):
            refusal = refusal_of(error.get("ErrorCode"), error.get("Message"), 200)
            yield ref, explain(SECRET_RULES, refusal, ref.asked(calls), {}, calls.now)


def _objects(part: object) -> Iterator[Mapping[str, Any]]:
    for one in part if isinstance(part, list) else ():
        if isinstance(one, dict):
            yield one


def _found(answer: Mapping[str, Any]) -> Found | None:
    match answer:
        case {"SecretString": str() as text, "VersionId": str() as version} if version:
            return Found(text, version)
        case {"SecretBinary": bytes() as content, "VersionId": str() as version} if version:
            return Found(base64.b64encode(content).decode(), version, note="binary, as base64")
    return None
