"""Key pairs of Snowflake's users, and the tokens that are signed with them. Needs the extra."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers.snowflake import reasons
from esc_operator.providers.snowflake.names import account_in_tokens, user_name

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

BITS = 2048
TOKEN_LIFETIME = timedelta(minutes=5)
"""Snowflake accepts an hour; a rotation takes seconds."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`public` is the base64 text that Snowflake takes, `fingerprint` what it shows of it. Hides the private key."""

    public: str
    fingerprint: str
    private_pem: str = field(repr=False)


def generate() -> KeyPair:
    """A new key pair. Takes a part of a second of the processor."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    encoded = _encoded(key.public_key())
    return KeyPair(base64.b64encode(encoded).decode(), _fingerprint(encoded), pem)


def fingerprint_of(private_pem: str) -> str | None:
    """The fingerprint of a private key's public one; None if it is no such key."""
    key = _load(private_pem)
    return None if key is None else _fingerprint(_encoded(key.public_key()))


def sign_login(account: str, user: str, private_pem: str, now: datetime) -> str:
    """The token with which a user logs in. Raises ProviderError."""
    import jwt

    key = _load(private_pem)
    if key is None:
        raise ProviderError(
            "`login.privateKey` is not an RSA private key in PEM format without a passphrase: write the whole text of"
            " one, which begins with -----BEGIN PRIVATE KEY-----",
            reason=reasons.INVALID_KEY,
        )
    subject = f"{account_in_tokens(account)}.{user_name(user).upper()}"
    claims = {
        "iss": f"{subject}.{_fingerprint(_encoded(key.public_key()))}",
        "sub": subject,
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFETIME).timestamp()),
    }
    return jwt.encode(claims, key, algorithm="RS256")


def _load(private_pem: str) -> RSAPrivateKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = serialization.load_pem_private_key(private_pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # no key, or one with a passphrase
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def _encoded(public: RSAPublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _fingerprint(encoded: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(encoded).digest()).decode()
