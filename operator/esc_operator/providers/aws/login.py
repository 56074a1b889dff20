"""`fn::open::aws-login`: short-lived AWS credentials for a role (`oidc`), or given credentials (`static`).

Inputs and outputs are those of Pulumi ESC, with additions: the inputs `audience` and `region`, and the output
`expiresAt`. Three things differ on purpose: `duration` defaults to 1h (upstream's 2h exceeds what an unchanged role
allows), a session name that AWS would refuse is corrected, and `subjectAttributes` is refused, since the subject of a
cluster's token cannot be changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Lease, Login, Opened
from esc_operator.formats.durations import parse_duration
from esc_operator.formats.times import format_time
from esc_operator.providers import reasons
from esc_operator.providers.aws import errors
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.aws.advice import Exchange
from esc_operator.providers.aws.arns import account_of, policy_problem, role_problem
from esc_operator.providers.aws.clients import Target, UnsignedClients, choose_target
from esc_operator.providers.aws.regions import region_problems
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.clock_skew import SkewWatch
from esc_operator.providers.login_inputs import (
    LIFETIME,
    SECRET,
    SUBJECT_ATTRIBUTES,
    lifetime_problems,
    refuse,
    subject_problems,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.port import IdentityToken, OpenContext

DEFAULT_AUDIENCE = "sts.amazonaws.com"
DEFAULT_DURATION = "1h"
SHORTEST = timedelta(minutes=15)

STS_RATE = 100.0
"""AWS grants an account 600 calls of STS a second in each region, for all its users together, and publishes no separate
number for this call. A sixth leaves room for the workloads, and for other clusters that start at the same time."""

# Upstream demands 20 characters; a sentence about an invalid ARN is more useful.
_ARN = {"type": "string", "minLength": 1, "maxLength": 2048}

_EITHER = "aws-login requires exactly one of `oidc` (a role) and `static` (given keys)"

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "oidc": {
            "type": "object",
            "title": "AWSLoginOIDC",
            "description": "Exchange the environment's identity for a role's credentials.",
            "required": ["roleArn", "sessionName"],
            "additionalProperties": False,
            "properties": {
                "roleArn": {**_ARN, "description": "The ARN of the role to assume."},
                "sessionName": {
                    "type": "string",
                    "minLength": 2,
                    "description": "The role session's name; invalid characters are replaced, 64 are kept.",
                },
                "duration": {
                    **LIFETIME,
                    "default": DEFAULT_DURATION,
                    "description": "How long the credentials last, such as 1h30m: 15m to 12h, and no longer than the "
                    "role allows.",
                },
                "policyArns": {
                    "type": "array",
                    "items": _ARN,
                    "description": "Managed policies that narrow what the credentials may do.",
                },
                "subjectAttributes": SUBJECT_ATTRIBUTES,
                "audience": {
                    "added": True,
                    "type": "string",
                    "minLength": 1,
                    "default": DEFAULT_AUDIENCE,
                    "description": "The audience of the identity token.",
                },
                "region": {
                    "added": True,
                    "type": "string",
                    "minLength": 1,
                    "description": "The region of the STS endpoint; the process's region if left out.",
                },
            },
        },
        "static": {
            "type": "object",
            "title": "AWSLogin",
            "description": "Given credentials, passed through.",
            "required": ["accessKeyId", "secretAccessKey"],
            "additionalProperties": False,
            "properties": {
                "accessKeyId": {"type": "string"},
                "secretAccessKey": SECRET,
                "sessionToken": SECRET,
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "AWSLogin",
    "required": ["accessKeyId", "secretAccessKey"],
    "properties": {
        "accessKeyId": SECRET,
        "secretAccessKey": SECRET,
        "sessionToken": SECRET,
        "expiresAt": {**SECRET, "added": True, "description": "When they expire, RFC 3339; `oidc` only."},
    },
}


class AwsLogin:
    """The provider. One instance serves the whole process, so that its clients are shared."""

    name: ClassVar[str] = "aws-login"
    host_inputs: ClassVar[tuple[str, ...]] = ("oidc.region",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = STS_RATE
    exchanged_audiences: ClassVar[tuple[str, ...]] = (DEFAULT_AUDIENCE,)

    def __init__(self, clients: UnsignedClients | None = None) -> None:
        self._clients = clients or UnsignedClients()
        self._skew = SkewWatch()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._skew.last

    def warm(self, settings: Mapping[str, str]) -> None:
        self._clients.client(choose_target("sts", settings, region=None))

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        oidc = inputs.get("oidc")
        return _parse_request(oidc).target(settings).host if oidc else None

    def account(self, inputs: Mapping[str, Any]) -> str:
        oidc = inputs.get("oidc")
        return account_of(oidc["roleArn"]) if oidc else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        oidc = inputs.get("oidc")
        return Login(oidc["roleArn"], oidc.get("audience") or DEFAULT_AUDIENCE, gives_token=False) if oidc else None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if len(inputs) != 1:
            yield InputProblem((), _EITHER, reasons.INVALID_INPUTS)
        elif isinstance(oidc := inputs.get("oidc"), dict):
            yield from _problems(oidc)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        match inputs:
            case {"oidc": oidc, **others} if not others:
                return await self._assume_role(_parse_request(oidc), context)
            case {"static": static, **others} if not others:
                return Opened(value=dict(static), lease=None, secret=True)
        raise ProviderError(_EITHER, reason=reasons.INVALID_INPUTS)

    async def _assume_role(self, request: _Request, context: OpenContext) -> Opened:
        token = await context.identity.token(request.audience)
        issued_at = context.now()
        target = request.target(context.settings)
        exchange = _describe(request, token, target)
        answer = await context.run_blocking(lambda: self._call_sts(request, token, target, exchange, issued_at))
        # Raised here and not in the pool's thread: the traceback must not contain a frame that holds the token.
        if isinstance(answer, ProviderError):
            raise answer
        headers = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
        self._skew.observe(target.host, headers.get("date", ""), issued_at, context.now())
        return _read_answer(answer, exchange, issued_at)

    def _call_sts(
        self, request: _Request, token: IdentityToken, target: Target, exchange: Exchange, now: datetime
    ) -> Mapping[str, Any] | ProviderError:
        """The answer as botocore returns it, or the error. Blocking."""
        try:
            client = self._clients.client(target)
        except ValueError as error:  # botocore raises it too for an endpoint that is not a URL
            return errors.translate(error, exchange, now) or errors.invalid_endpoint(exchange)
        try:
            answer: Mapping[str, Any] = client.assume_role_with_web_identity(
                **request.parameters(), WebIdentityToken=token.reveal()
            )
        except Exception as error:
            translated = errors.translate(error, exchange, now) or errors.unreadable_answer(error, exchange)
            if translated is None:
                raise
            return translated
        return answer


PROVIDER = AwsLogin()


@dataclass(frozen=True, slots=True)
class _Request:
    """The parameters of a call to STS; `session_name` is already valid."""

    role: str
    session_name: str
    duration: str
    policies: tuple[str, ...]
    audience: str
    region: str | None

    def target(self, settings: Mapping[str, str]) -> Target:
        partition = [*self.role.split(":"), "aws", "aws"][1]
        return choose_target("sts", settings, region=self.region, partition=partition)

    @property
    def seconds(self) -> int:
        return int(parse_duration(self.duration).total_seconds())

    def parameters(self) -> dict[str, Any]:
        required = {"RoleArn": self.role, "RoleSessionName": self.session_name, "DurationSeconds": self.seconds}
        return required | ({"PolicyArns": [{"arn": arn} for arn in self.policies]} if self.policies else {})


def sanitize_session_name(name: str) -> str:
    """A session name that AWS accepts: `apps/aws` becomes `apps-aws`, and 64 characters are kept."""
    # Upstream's own pages set `<project>/<env>`, which AWS refuses.
    return re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", name)[:64]


def _problems(oidc: Mapping[str, Any]) -> Iterator[InputProblem]:
    yield from subject_problems(oidc, "oidc")
    role, policies = oidc.get("roleArn"), oidc.get("policyArns")
    if isinstance(role, str) and (problem := role_problem(role)):
        yield InputProblem(("oidc", "roleArn"), problem, aws_reasons.INVALID_ROLE_ARN)
    yield from lifetime_problems(oidc, ("oidc", "duration"), "AWS", SHORTEST)
    yield from region_problems(oidc, "oidc")
    for policy in policies if isinstance(policies, list) else ():
        if isinstance(policy, str) and (problem := policy_problem(policy)):
            yield InputProblem(("oidc", "policyArns"), problem, aws_reasons.SESSION_POLICY_REFUSED)


def _parse_request(oidc: Mapping[str, Any]) -> _Request:
    refuse(_problems(oidc))
    return _Request(
        role=oidc["roleArn"],
        session_name=sanitize_session_name(oidc["sessionName"]),
        duration=oidc.get("duration", DEFAULT_DURATION),
        policies=tuple(oidc.get("policyArns") or ()),
        audience=oidc.get("audience") or DEFAULT_AUDIENCE,
        region=oidc.get("region"),
    )


def _describe(request: _Request, token: IdentityToken, target: Target) -> Exchange:
    return Exchange(
        role=request.role,
        session_name=request.session_name,
        audience=request.audience,
        duration=request.duration,
        region=target.region,
        host=target.host,
        claims=unverified_claims(token),
    )


def _read_answer(answer: Mapping[str, Any], exchange: Exchange, issued_at: datetime) -> Opened:
    match answer.get("Credentials"):
        case {
            "AccessKeyId": str() as key_id,
            "SecretAccessKey": str() as secret,
            "SessionToken": str() as session_token,
            "Expiration": datetime(tzinfo=zone) as expiration,
        } if key_id and secret and session_token and zone is not None:
            expires_at = _in_utc(expiration, exchange)
        case _:
            raise errors.malformed_answer(exchange, "it has no complete credentials with an expiry")
    if expires_at <= issued_at:
        raise errors.malformed_answer(
            exchange,
            f"the credentials expired at {format_time(expires_at)}, before they were requested: compare the clocks",
        )
    value = {
        "accessKeyId": key_id,
        "secretAccessKey": secret,
        "sessionToken": session_token,
        "expiresAt": format_time(expires_at),
    }
    return Opened(value=value, lease=Lease(issued_at=issued_at, expires_at=expires_at), secret=True)


def _in_utc(time: datetime, exchange: Exchange) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise errors.malformed_answer(exchange, "its expiry is not a time in UTC") from None
