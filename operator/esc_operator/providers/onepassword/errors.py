"""What 1Password's SDK says of a failure, as a reason and advice. The SDK's classes are matched by what they declare.

Pure, and imports nothing of the SDK. No value and no token is in a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers import reasons as common
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.onepassword import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping


class Why(NamedTuple):
    reason: str
    message: str


def explain_reference(error: Any, reference: str) -> Why:
    """Of one reference. `error` is one of the SDK's `ResolveReferenceError…`: it has a `type`, and may have a
    `message`."""
    kind = str(getattr(error.type, "value", error.type))
    reason, words = _REFERENCES.get(kind, _OTHER)
    said = without_secrets(getattr(error, "message", "") or "")
    return Why(reason, f'"{reference}": {words}' + (f" (1Password says: {said})" if said else ""))


_FIXED = "a service account's access is chosen when it is created, so another vault takes another service account"
_BY_ID = "write its ID in place of its name"

_REFERENCES: Mapping[str, tuple[str, str]] = {
    "parsing": (
        common.INVALID_INPUTS,
        "it is not a reference: write op://vault/item/field, and IDs in place of names with unusual characters",
    ),
    "vaultNotFound": (
        reasons.VAULT_MISSING,
        f"the service account sees no such vault: correct its name, or give it access to that vault ({_FIXED})",
    ),
    "tooManyVaults": (reasons.AMBIGUOUS, f"several vaults have that name: {_BY_ID}"),
    "itemNotFound": (reasons.ITEM_MISSING, "the vault has no such item: correct its name, or restore it"),
    "tooManyItems": (reasons.AMBIGUOUS, f"several items of the vault have that name: {_BY_ID}"),
    "noMatchingSections": (reasons.FIELD_MISSING, "the item has no such section: correct its name, or leave it out"),
    "fieldNotFound": (reasons.FIELD_MISSING, "the item has no such field: correct its name, or write its section too"),
    "tooManyMatchingFields": (
        reasons.AMBIGUOUS,
        f"several fields of the item have that name: write the section too, or {_BY_ID.replace('its', 'their')}",
    ),
    "incompatibleTOTPQueryParameterField": (
        reasons.ATTRIBUTE_REFUSED,
        "the field is no one-time password: leave ?attribute=otp out, or name the field that is one",
    ),
    "unableToGenerateTotpCode": (
        reasons.ATTRIBUTE_REFUSED,
        "no one-time password can be made of the field: correct its secret at 1Password",
    ),
    "sSHKeyMetadataNotFound": (
        reasons.ATTRIBUTE_REFUSED,
        "the field has nothing of an SSH key: leave ?ssh-format= out, or name a field that is one",
    ),
    "incompatibleSshKeyQueryParameterField": (
        reasons.ATTRIBUTE_REFUSED,
        "the field is no private SSH key: leave ?ssh-format= out, or name the private key",
    ),
    "unableToParsePrivateKey": (
        reasons.ATTRIBUTE_REFUSED,
        "the private key cannot be read: correct it at 1Password",
    ),
    "unableToFormatPrivateKeyToOpenSsh": (
        reasons.ATTRIBUTE_REFUSED,
        "the private key cannot be written in OpenSSH's format: leave ?ssh-format= out",
    ),
    "unsupportedFileFormat": (
        reasons.ATTRIBUTE_REFUSED,
        "the file is no text, and only texts can be read: store it as base64 in a field",
    ),
}
_OTHER = (reasons.REFUSED, "1Password cannot resolve it, and says no more: read it with `op read` and the same token")


def explain_call(error: BaseException, region: str) -> ProviderError:
    """Of a whole call. The SDK has a class of its own for few failures; the rest is an Exception with a sentence."""
    if type(error).__name__ == "RateLimitExceededException":
        return _throttled(region)
    if type(error).__name__ == "DesktopSessionExpiredException":
        return ProviderError(
            "1Password's SDK asks for its desktop application: `login.serviceAccountToken` has to be the token of a"
            " service account",
            reason=reasons.TOKEN_REFUSED,
        )
    if isinstance(error, TimeoutError):
        return ProviderError(f"{region} did not answer in time", reason=reasons.UNAVAILABLE, outage=True)
    if isinstance(error, ImportError | OSError):
        return ProviderError(
            f"1Password's SDK is installed and cannot be loaded ({type(error).__name__}): it needs Linux with glibc"
            " 2.32 or newer (Alpine has none), macOS or Windows, on x86-64 or Arm",
            reason=common.EXTRA_NOT_LOADED,
        )
    return _explain_sentence(str(error), region)


def malformed(region: str, why: str) -> ProviderError:
    return ProviderError(
        f"1Password's SDK answered for {region} what makes no sense: {why}", reason=common.MALFORMED_ANSWER, outage=True
    )


def _explain_sentence(text: str, region: str) -> ProviderError:
    lower = text.lower()
    for words, make in _SENTENCES:
        if any(one in lower for one in words):
            return make(region)
    said = without_secrets(text)
    return ProviderError(
        f"1Password refused to read the secrets: {said or type(text).__name__}", reason=reasons.REFUSED
    )


def _throttled(region: str) -> ProviderError:
    return ProviderError(
        f"{region} limits the service account's reads, by the hour and by the day: this is tried again later; read less"
        " often (refresh.interval)",
        reason=login_reasons.THROTTLED,
        throttled=True,
    )


def _unreachable(region: str) -> ProviderError:
    return ProviderError(
        f"{region} cannot be reached; this is tried again later. The SDK takes its proxy from HTTPS_PROXY, and its"
        " authorities from SSL_CERT_FILE or the system",
        reason=reasons.UNAVAILABLE,
        outage=True,
    )


def _token_refused(region: str) -> ProviderError:
    return ProviderError(
        f"{region} does not accept `login.serviceAccountToken`: it has expired, was revoked, or was replaced: create"
        " another one",
        reason=reasons.TOKEN_REFUSED,
    )


def _denied(region: str) -> ProviderError:
    return ProviderError(
        f"{region} does not let the service account read this: {_FIXED}",
        reason=reasons.ACCESS_DENIED,
    )


# As the SDK's library has them; the first that fits counts.
_SENTENCES = (
    (("rate limit exceeded",), _throttled),
    (("error sending request", "request timeout", "request library", "error decoding response"), _unreachable),
    (("right permissions",), _denied),
    (
        (
            "service account token",
            "service account deserialization",
            "not authenticated",
            "bad credentials",
            "authentication error",
            "session expired",
        ),
        _token_refused,
    ),
)
