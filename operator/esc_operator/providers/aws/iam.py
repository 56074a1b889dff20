"""`fn::rotate::aws-iam`: the access keys of an IAM user; one is in use, and the previous one still works.

Inputs, state and outputs are those of Pulumi ESC. AWS allows a user two keys: a rotation deletes the one that is not in
use, and makes another. So the key in use works until the rotation after the next write, and a key whose answer was lost
costs nothing but itself. The rotator never deletes a key that it does not know and that could be in use.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Opened, Rotated
from esc_operator.formats.times import format_time
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.aws.advice import is_outage, is_throttled
from esc_operator.providers.aws.arns import account_of, user_name, user_problem
from esc_operator.providers.aws.calls import malformed, told, translate_call
from esc_operator.providers.aws.clients import SignedClients, choose_target
from esc_operator.providers.aws.regions import region_problems
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.refusals import Refusal, Rule, is_any, says
from esc_operator.providers.rotating import next_state, not_rotated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from esc_operator.evaluation import Login
    from esc_operator.providers.aws.clients import Target
    from esc_operator.providers.port import OpenContext

DEFAULT_REGION = "us-east-1"
MOST_KEYS = 2
"""How many access keys AWS allows a user."""

_KEY: Mapping[str, Any] = {
    "type": "object",
    "required": ["accessKeyId", "secretAccessKey"],
    "properties": {"accessKeyId": SECRET, "secretAccessKey": SECRET, "createdAt": {"type": "string"}},
}
_KEYS: Mapping[str, Any] = {
    "type": "object",
    "required": ["current"],
    "properties": {"current": _KEY, "previous": _KEY},
}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "userArn"],
    "additionalProperties": False,
    "rotateOnly": ["login"],
    "properties": {
        "login": {
            "type": "object",
            "title": "AWSLogin",
            "description": "The credentials that create and delete keys; only a rotation needs them.",
            "required": ["accessKeyId", "secretAccessKey"],
            "properties": {
                "accessKeyId": {"type": "string"},
                "secretAccessKey": SECRET,
                "sessionToken": SECRET,
                "expiresAt": {"type": "string", "added": True},
            },
        },
        "userArn": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "The user's ARN."},
        "region": {"type": "string", "minLength": 1, "default": DEFAULT_REGION},
    },
}


class AwsIam:
    """The rotator. `clients` makes an IAM client for a target and a login."""

    name: ClassVar[str] = "aws-iam"
    host_inputs: ClassVar[tuple[str, ...]] = ("region",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    state: ClassVar[Mapping[str, Any]] = _KEYS
    outputs: ClassVar[Mapping[str, Any]] = _KEYS

    def __init__(self, clients: Callable[[Target, Mapping[str, Any]], Any] | None = None) -> None:
        self._clients = clients or SignedClients().client

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        return _problems(inputs)

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        return _target(inputs, settings).host

    def account(self, inputs: Mapping[str, Any]) -> str:
        return account_of(inputs["userArn"])

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses the keys of another login."""
        return None

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        if state is None:
            raise not_rotated("access key")
        return Opened(value=dict(state), lease=None, secret=True)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        user, target = _parse_user(inputs), _target(inputs, context.settings)
        login, now = inputs["login"], context.now()
        answer = await context.run_blocking(lambda: self._replace(_Request(user, target), login, state, now))
        # Raised here and not in the pool's thread: the traceback must not contain a frame that holds a key.
        if isinstance(answer, ProviderError):
            raise answer
        new: dict[str, Any] = {
            "accessKeyId": answer["AccessKeyId"],
            "secretAccessKey": answer["SecretAccessKey"],
            "createdAt": format_time(answer.get("CreateDate") or context.now()),
        }
        return Rotated(next_state(state, new), secret=True)

    def _replace(
        self, request: _Request, login: Mapping[str, Any], state: Mapping[str, Any] | None, now: datetime
    ) -> Mapping[str, Any] | ProviderError:
        """The new key, or the error. Blocking."""
        user = request.user.name
        try:
            client = self._clients(request.target, login)
            match client.list_access_keys(UserName=user):
                case {"AccessKeyMetadata": [*listed]} if all(key.get("AccessKeyId") for key in listed):
                    unwanted = choose_unwanted(listed, state)
                case _:
                    return malformed(request, "it has no list of access keys")
            if unwanted is None:
                return _unknown_keys(request.user)
            for key in unwanted:
                client.delete_access_key(UserName=user, AccessKeyId=key)
            match client.create_access_key(UserName=user):
                case {"AccessKey": {"AccessKeyId": str() as key_id, "SecretAccessKey": str() as secret} as made} if (
                    key_id and secret
                ):
                    return made  # type: ignore[no-any-return]  # as botocore returns it
            return malformed(request, "it has no complete access key")
        except Exception as error:
            translated = translate_call(error, request, _RULES, now)
            if translated is None:
                raise
            return translated


ROTATOR = AwsIam()


class _User(NamedTuple):
    arn: str
    name: str


class _Request(NamedTuple):
    """Whose keys are replaced, and where, as messages describe it."""

    user: _User
    target: Target

    @property
    def service(self) -> str:
        return "AWS IAM"

    @property
    def host(self) -> str:
        return self.target.host

    @property
    def subject(self) -> str:
        return self.user.arn


def choose_unwanted(listed: list[Mapping[str, Any]], state: Mapping[str, Any] | None) -> list[str] | None:
    """The keys to delete to make room for another one; None if one of them might be in use.

    The current key of the state is in use. All others may go: the previous one, and one that a rotation made whose
    answer was lost.
    """
    present = sorted(listed, key=lambda key: key.get("CreateDate") or datetime.min.replace(tzinfo=UTC))
    ids = [key["AccessKeyId"] for key in present]
    room = len(ids) - MOST_KEYS + 1
    if room <= 0:
        return []
    current = (state or {}).get("current", {}).get("accessKeyId")
    if current in ids:
        return [key for key in ids if key != current][:room]
    previous = (state or {}).get("previous", {}).get("accessKeyId")
    return [previous] if previous in ids else None


def _problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    arn = inputs.get("userArn")
    if isinstance(arn, str) and (problem := user_problem(arn)):
        yield InputProblem(("userArn",), f"`userArn` {problem}", reasons.INVALID_INPUTS)
    yield from region_problems(inputs)


def _parse_user(inputs: Mapping[str, Any]) -> _User:
    refuse(_problems(inputs))
    return _User(inputs["userArn"], user_name(inputs["userArn"]))


def _target(inputs: Mapping[str, Any], settings: Mapping[str, str]) -> Target:
    partition = [*str(inputs["userArn"]).split(":"), "aws", "aws"][1]
    region = inputs.get("region") or DEFAULT_REGION
    return choose_target("iam", settings, region=region, partition=partition)


def _unknown_keys(user: _User) -> ProviderError:
    return ProviderError(
        f"{user.arn} has {MOST_KEYS} access keys that this environment did not make, so it deletes none: delete one of "
        "them, and rotate again",
        reason=aws_reasons.UNKNOWN_ACCESS_KEYS,
    )


def _advise_missing(request: _Request, _: Refusal) -> str:
    return f"there is no user {request.user.arn}: check `userArn`"


def _advise_permissions(request: _Request, _: Refusal) -> str:
    return (
        f"the login may not rotate {request.user.arn}: it needs iam:ListAccessKeys, iam:CreateAccessKey and "
        "iam:DeleteAccessKey on that user"
    )


def _advise_throttled(request: _Request, refusal: Refusal) -> str:
    return f"AWS IAM at {request.target.host} limits the rate of calls ({told(refusal)}); this is tried again later"


def _advise_outage(request: _Request, refusal: Refusal) -> str:
    return f"AWS IAM at {request.target.host} failed ({told(refusal)}); this is tried again later"


def _advise_refusal(request: _Request, refusal: Refusal) -> str:
    return f"AWS IAM refused to rotate {request.user.arn} ({told(refusal)})"


_RULES: tuple[Rule[_Request], ...] = (
    Rule(says("NoSuchEntity"), aws_reasons.USER_MISSING, _advise_missing),
    Rule(says("AccessDenied", "AccessDeniedException"), aws_reasons.ACCESS_DENIED, _advise_permissions),
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(is_outage, aws_reasons.AWS_UNAVAILABLE, _advise_outage, outage=True),
    Rule(is_any, aws_reasons.AWS_REFUSED, _advise_refusal),
)
