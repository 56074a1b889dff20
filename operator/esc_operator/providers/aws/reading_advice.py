"""What each refusal to read means, and how to fix it. Pure; it repeats no word of AWS's but its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.aws.advice import is_outage, is_throttled
from esc_operator.providers.aws.calls import told
from esc_operator.providers.refusals import Refusal, Rule, is_any, says

if TYPE_CHECKING:
    from esc_operator.providers.aws.readings import Asked

_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")
# Of the key: AWS has one code for both, and three ways to say so.
_OF_A_KEY = ("KMS", "ciphertext", "customer master key")


def _is_of_a_key(refusal: Refusal) -> bool:
    return refusal.code in _DENIED and any(word.lower() in refusal.text.lower() for word in _OF_A_KEY)


def _is_unusable_key(refusal: Refusal) -> bool:
    return refusal.code in {"DecryptionFailure", "InvalidKeyId"} or refusal.code.startswith("KMS")


def _is_missing_version(refusal: Refusal) -> bool:
    return refusal.code == "ResourceNotFoundException" and any(
        word in refusal.text.lower() for word in ("staging label", "versionid", "version id")
    )


def advise_key(asked: Asked, _: Refusal) -> str:
    return (
        f"the login may read {asked.subject}, but not decrypt it: allow kms:Decrypt on the KMS key that encrypts it, in"
        " the role's policy and in the key's"
    )


def advise_unusable_key(asked: Asked, refusal: Refusal) -> str:
    return (
        f"{asked.subject} cannot be decrypted ({told(refusal)}): its KMS key in {asked.region} is disabled, deleted, or"
        " not one that may be used: check the key"
    )


def advise_permission(asked: Asked, _: Refusal) -> str:
    return (
        f"the login may not read {asked.subject} in {asked.region}: allow {asked.action} on it in the role's policy; if"
        " it belongs to another account, that has to share it, and its ARN has to be given"
    )


def advise_missing_secret(asked: Asked, _: Refusal) -> str:
    return (
        f"{asked.subject} does not exist in {asked.region}, in the account of the login: check its name and `region`;"
        " that of another account is named by its ARN"
    )


def advise_missing_version(asked: Asked, _: Refusal) -> str:
    which = asked.version or "in use (AWSCURRENT)"
    return f"{asked.subject} has no version {which} in {asked.region}: check `versionId` and `versionStage`"


def advise_missing_parameter(asked: Asked, _: Refusal | None = None) -> str:
    which = f", or has no version or label {asked.version}" if asked.version else ""
    return (
        f"{asked.subject} does not exist in {asked.region}, in the account of the login{which}: check its name and"
        " `region`; a hierarchy starts with /, and that of another account is named by its ARN"
    )


def advise_deleted(asked: Asked, _: Refusal) -> str:
    return f"{asked.subject} in {asked.region} is marked for deletion: restore it, or leave it out of `get`"


def _advise_inputs(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.service} does not accept the request for {asked.subject} ({told(refusal)}): check name and version"


def _advise_throttled(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.service} at {asked.host} limits the rate of calls ({told(refusal)}); this is tried again later"


def _advise_outage(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.service} at {asked.host} failed ({told(refusal)}); this is tried again later"


def _advise_refusal(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.service} refused to read {asked.subject} in {asked.region} ({told(refusal)})"


_OF_ANY_STORE: tuple[Rule[Asked], ...] = (
    Rule(_is_of_a_key, aws_reasons.DECRYPTION_REFUSED, advise_key),
    Rule(_is_unusable_key, aws_reasons.DECRYPTION_REFUSED, advise_unusable_key),
    Rule(says(*_DENIED), aws_reasons.ACCESS_DENIED, advise_permission),
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(
        lambda refusal: refusal.code == "InternalServiceError" or is_outage(refusal),
        aws_reasons.AWS_UNAVAILABLE,
        _advise_outage,
        outage=True,
    ),
    Rule(says("ValidationException", "InvalidParameterException"), reasons.INVALID_INPUTS, _advise_inputs),
    Rule(is_any, aws_reasons.AWS_REFUSED, _advise_refusal),
)

SECRET_RULES: tuple[Rule[Asked], ...] = (
    Rule(_is_missing_version, aws_reasons.SECRET_VERSION_MISSING, advise_missing_version),
    Rule(says("ResourceNotFoundException"), aws_reasons.SECRET_MISSING, advise_missing_secret),
    Rule(says("InvalidRequestException", words="deletion"), aws_reasons.SECRET_DELETED, advise_deleted),
    *_OF_ANY_STORE,
)

PARAMETER_RULES: tuple[Rule[Asked], ...] = (
    Rule(
        says("ParameterNotFound", "ParameterVersionNotFound"),
        aws_reasons.PARAMETER_MISSING,
        advise_missing_parameter,
    ),
    *_OF_ANY_STORE,
)
