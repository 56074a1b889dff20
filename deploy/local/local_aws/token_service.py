"""STS's AssumeRoleWithWebIdentity with every check that AWS makes and moto does not, and GetCallerIdentity.

The order is AWS's: parameters, the token's form, its issuer, its signature and time, its audience, and the role's trust
policy last, so that each test of a mistake meets the answer that AWS gives to it.
"""

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from local_aws import accounts, trust_policies
from local_aws.ledger import Ledger, Session, stamp
from local_aws.refusals import STS_NAMESPACE, AwsError
from local_aws.reports import Mint, Refusal
from local_aws.settings import Settings
from local_aws.web_identity import refusal_of
from local_identity import Issuers, TokenError, WebIdentity, parse_token

_DEFAULT_SECONDS = 3600
_LEAST_SECONDS, _MOST_SECONDS = 900, 43200
_SESSION_NAME = r"[\w+=,.@-]*"


@dataclass(frozen=True)
class _Request:
    role_arn: str
    session_name: str
    token: str
    seconds: int
    policy_arns: list[str]
    account: str


class TokenService:
    def __init__(
        self, ledger: Ledger, settings: Settings, issuers: Issuers, clock: Callable[[], datetime.datetime]
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._issuers = issuers
        self._clock = clock

    def assume_role_with_web_identity(self, parameters: Mapping[str, str], request_id: str) -> str:
        """The answer's XML. A refusal is recorded, then raised."""
        subject = ""
        try:
            request = _validate(parameters)
            identity = _parse(request.token)
            subject = identity.subject
            provider_arn, role_id = self._authorize(request, identity)
        except AwsError as refusal:
            role = parameters.get("RoleArn", "")
            self._ledger.record_refusal(
                Refusal(stamp(self._clock()), refusal.code, refusal.message, role, subject, refusal.why)
            )
            raise
        session = self._mint(request, identity, role_id)
        return _answer(session, identity, provider_arn, request_id)

    def get_caller_identity(self, session: Session, request_id: str) -> str:
        return (
            f'<GetCallerIdentityResponse xmlns="{STS_NAMESPACE}"><GetCallerIdentityResult>'
            f"<Arn>{escape(session.assumed_role_arn)}</Arn><UserId>{escape(session.assumed_role_id)}</UserId>"
            f"<Account>{session.account}</Account></GetCallerIdentityResult>{_metadata(request_id)}"
            "</GetCallerIdentityResponse>"
        )

    def _authorize(self, request: _Request, identity: WebIdentity) -> tuple[str, str]:
        """The provider's ARN and the role's id."""
        provider = accounts.find_provider(request.account, identity.issuer_name)
        if provider is None:
            raise AwsError(
                "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {identity.issuer}"
            )
        try:
            self._issuers.verify(request.token, identity)
        except TokenError as error:
            raise refusal_of(error, identity) from error
        if not set(identity.audiences) & set(provider.client_id_list):
            raise AwsError("InvalidIdentityToken", "Incorrect token audience")
        claims = {
            f"{identity.issuer_name}:sub": (identity.subject,),
            f"{identity.issuer_name}:aud": identity.audiences,
        }
        role = accounts.find_role(request.account, request.role_arn)
        # A role that does not exist is not told apart from one that may not be assumed.
        if role is None:
            raise _not_authorized("there is no such role")
        if not trust_policies.allows(role.assume_role_policy_document, provider.arn, claims):
            raise _not_authorized(f"{provider.arn}, {claims} against {role.assume_role_policy_document}")
        if request.seconds > int(role.max_session_duration or _DEFAULT_SECONDS):
            raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        return provider.arn, role.id

    def _mint(self, request: _Request, identity: WebIdentity, role_id: str) -> Session:
        now = self._clock()
        override = self._settings.lifetime_seconds
        lifetime = datetime.timedelta(seconds=request.seconds if override is None else override)
        # AWS states whole seconds, and means them.
        expires_at = (now + lifetime).replace(microsecond=0)
        key = accounts.make_temporary_key(request.account, request.role_arn, expires_at)
        role_name = request.role_arn.rpartition("/")[2]
        session = Session(
            key,
            request.account,
            f"arn:aws:sts::{request.account}:assumed-role/{role_name}/{request.session_name}",
            f"{role_id}:{request.session_name}",
        )
        mint = Mint(
            time=stamp(now),
            role=request.role_arn,
            subject=identity.subject,
            session_name=request.session_name,
            access_key_id=key.access_key_id,
            issued_at=stamp(now),
            expires_at=stamp(expires_at),
            requested_seconds=request.seconds,
            policy_arns=request.policy_arns,
        )
        self._ledger.record_mint(session, mint)
        return session


def _not_authorized(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Not authorized to perform {trust_policies.ACTION}", 403, why)


def _parse(token: str) -> WebIdentity:
    try:
        return parse_token(token)
    except TokenError as error:
        raise refusal_of(error, None) from error


def _validate(parameters: Mapping[str, str]) -> _Request:
    role_arn = parameters.get("RoleArn", "")
    session_name = parameters.get("RoleSessionName", "")
    token = parameters.get("WebIdentityToken", "")
    _check_length("roleArn", role_arn, 20, 2048)
    _check_length("roleSessionName", session_name, 2, 64)
    if not re.fullmatch(_SESSION_NAME, session_name, re.ASCII):
        raise _constraint(
            "roleSessionName", session_name, r"Member must satisfy regular expression pattern: [\w+=,.@-]*"
        )
    _check_length("webIdentityToken", token, 4, 20000)
    seconds = _duration(parameters.get("DurationSeconds", str(_DEFAULT_SECONDS)))
    account = accounts.account_of_role(role_arn)
    if account is None:
        raise _invalid(f"{role_arn} is invalid")
    policy_arns = [value for name, value in sorted(parameters.items()) if name.startswith("PolicyArns.member.")]
    return _Request(role_arn, session_name, token, seconds, policy_arns, account)


def _duration(given: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", given):
        raise AwsError("MalformedInput", "Invalid value for DurationSeconds")
    seconds = int(given)
    if seconds < _LEAST_SECONDS:
        raise _constraint("durationSeconds", given, f"Member must have value greater than or equal to {_LEAST_SECONDS}")
    if seconds > _MOST_SECONDS:
        raise _constraint("durationSeconds", given, f"Member must have value less than or equal to {_MOST_SECONDS}")
    return seconds


def _check_length(name: str, value: str, least: int, most: int) -> None:
    # A token is a secret; AWS, too, shows only the values of the others.
    shown = "***" if name == "webIdentityToken" else value
    if len(value) < least:
        raise _constraint(name, shown, f"Member must have length greater than or equal to {least}")
    if len(value) > most:
        raise _constraint(name, shown, f"Member must have length less than or equal to {most}")


def _constraint(name: str, value: str, constraint: str) -> AwsError:
    return _invalid(
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _answer(session: Session, identity: WebIdentity, provider_arn: str, request_id: str) -> str:
    expires_at = session.key.expires_at
    assert expires_at is not None, "a minted session has an end"
    audience = identity.audiences[0]
    return (
        f'<AssumeRoleWithWebIdentityResponse xmlns="{STS_NAMESPACE}"><AssumeRoleWithWebIdentityResult>'
        f"<SubjectFromWebIdentityToken>{escape(identity.subject)}</SubjectFromWebIdentityToken>"
        f"<Audience>{escape(audience)}</Audience>"
        f"<AssumedRoleUser><Arn>{escape(session.assumed_role_arn)}</Arn>"
        f"<AssumedRoleId>{escape(session.assumed_role_id)}</AssumedRoleId></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{session.key.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{session.key.secret}</SecretAccessKey>"
        f"<SessionToken>{session.key.session_token}</SessionToken>"
        f"<Expiration>{expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<Provider>{escape(provider_arn)}</Provider>"
        f"</AssumeRoleWithWebIdentityResult>{_metadata(request_id)}</AssumeRoleWithWebIdentityResponse>"
    )


def _metadata(request_id: str) -> str:
    return f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
