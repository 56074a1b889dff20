"""The trial of 1Password's reader, through the SDK's client."""

from __future__ import annotations

from onepassword.errors import DesktopSessionExpiredException, RateLimitExceededException

from esc_operator.providers.onepassword.secrets import OnePasswordSecrets
from esc_operator.testing import Failure, Trial
from unit.providers.onepassword.answering import FakeSdk, token

LOGIN = {"serviceAccountToken": token()}
INPUTS = {
    "login": LOGIN,
    "get": {
        "password": {"ref": "op://apps/database/password"},
        "code": {"ref": "op://apps/github/security/one-time password?attribute=otp"},
        "key": {"ref": "op://apps/deploy/private key?ssh-format=openssh"},
    },
}


def of_sdk(
    name: str, fails: Exception, reason: str, says: str, *, outage: bool = False, throttled: bool = False
) -> Failure:
    plugin = OnePasswordSecrets(FakeSdk(fails=fails).connect)
    return Failure(name=name, plugin=lambda: plugin, reason=reason, says=[says], outage=outage, throttled=throttled)


def of_reference(kind: str, reason: str, says: str) -> Failure:
    plugin = OnePasswordSecrets(FakeSdk({"op://apps/database/password": {"type": kind, "message": "why"}}).connect)
    return Failure(name=kind, plugin=lambda: plugin, reason=reason, says=["`get.password.ref`", says])


OF_SDK = [
    of_sdk("a limit of reads", RateLimitExceededException("x"), "Throttled", "read less often", throttled=True),
    of_sdk(
        "no connection",
        Exception("authentication error: reqwest library: error sending request for url"),
        "OnePasswordUnavailable",
        "1password.com cannot be reached",
        outage=True,
    ),
    of_sdk("no answer", TimeoutError(), "OnePasswordUnavailable", "did not answer in time", outage=True),
    of_sdk(
        "a token that was revoked",
        Exception("authentication error: you are not authenticated"),
        "OnePasswordTokenRefused",
        "create another one",
    ),
    of_sdk(
        "a session of the desktop", DesktopSessionExpiredException("x"), "OnePasswordTokenRefused", "service account"
    ),
    of_sdk("a library for another platform", OSError("no such file"), "ExtraNotLoaded", "glibc 2.32"),
    of_reference("parsing", "InvalidInputs", "it is not a reference"),
    of_reference("vaultNotFound", "OnePasswordVaultMissing", "sees no such vault"),
    of_reference("tooManyVaults", "OnePasswordAmbiguous", "several vaults"),
    of_reference("itemNotFound", "OnePasswordItemMissing", "no such item"),
    of_reference("tooManyItems", "OnePasswordAmbiguous", "several items"),
    of_reference("noMatchingSections", "OnePasswordFieldMissing", "no such section"),
    of_reference("fieldNotFound", "OnePasswordFieldMissing", "no such field"),
    of_reference("tooManyMatchingFields", "OnePasswordAmbiguous", "several fields"),
    of_reference("incompatibleTOTPQueryParameterField", "OnePasswordAttributeRefused", "?attribute=otp"),
    of_reference("unableToGenerateTotpCode", "OnePasswordAttributeRefused", "no one-time password can be made"),
    of_reference("sSHKeyMetadataNotFound", "OnePasswordAttributeRefused", "nothing of an SSH key"),
    of_reference("incompatibleSshKeyQueryParameterField", "OnePasswordAttributeRefused", "no private SSH key"),
    of_reference("unableToParsePrivateKey", "OnePasswordAttributeRefused", "cannot be read"),
    of_reference("unableToFormatPrivateKeyToOpenSsh", "OnePasswordAttributeRefused", "OpenSSH's format"),
    of_reference("unsupportedFileFormat", "OnePasswordAttributeRefused", "only texts can be read"),
    of_reference("other", "OnePasswordRefused", "op read"),
]

TRIALS = [
    Trial(
        plugin=lambda: OnePasswordSecrets(FakeSdk().connect),
        inputs=INPUTS,
        secrets=[LOGIN["serviceAccountToken"]],
        failures=[
            *OF_SDK,
            Failure(
                name="a token that leads elsewhere",
                plugin=OnePasswordSecrets,
                inputs={**INPUTS, "login": {"serviceAccountToken": token("vault.vault.svc")}},
                reason="OnePasswordTokenRefused",
                says=["is for a host that is not 1Password's"],
            ),
            Failure(
                name="what is no token",
                plugin=OnePasswordSecrets,
                inputs={**INPUTS, "login": {"serviceAccountToken": "a-password"}},
                reason="OnePasswordTokenRefused",
                says=["starts with ops_"],
            ),
            Failure(
                name="more references than one call reads",
                inputs={"login": LOGIN, "get": {f"n{n}": {"ref": f"op://apps/i/f{n}"} for n in range(201)}},
                reason="InvalidInputs",
                says=["one call reads 200 references at most, and these are 201: split them into several calls"],
            ),
            Failure(
                name="a text before op://",
                inputs={"login": LOGIN, "get": {"password": {"ref": "see op://apps/database/password"}}},
                reason="InvalidInputs",
                says=["`get.password.ref`", "is not a reference: write op://vault/item/field"],
            ),
        ],
        counterpart="the SDK's own types; its protocol (SRP) is not published, so there is no stand-in",
    ),
]
