"""Whether a web identity token is what it says: its form, its issuer's signature, its time.

Owns the reading of issuers' keys over HTTPS, the only network that the local clouds use. The keys of an issuer are read
once and again when a token names one that is not among them. What is wrong with a token is told as a `Doubt`: each
cloud has its own words for it.
"""

import enum
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_TIMEOUT_SECONDS = 5.0
_EARLY_SECONDS = 300
"""A token may begin so much later than now: clocks differ."""


class Doubt(enum.Enum):
    """What can be wrong with a token."""

    NO_JWT = "no JWT"
    NO_CLAIM = "a claim is missing"
    NO_URL = "the issuer is no URL"
    NO_KEY = "no key of the issuer"
    NOT_SIGNED = "not signed by the issuer"
    TOO_EARLY = "not valid yet"
    EXPIRED = "expired"


class TokenError(Exception):
    """A token that no cloud would believe."""

    def __init__(self, doubt: Doubt, claim: str = "") -> None:
        super().__init__(f"{doubt.value}: {claim}" if claim else doubt.value)
        self.doubt = doubt
        self.claim = claim
        """The claim that is missing."""


@dataclass(frozen=True)
class WebIdentity:
    """Who a token speaks of. Until `verify` has passed, only who it says that it speaks of."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    claims: Mapping[str, Any]

    @property
    def issuer_name(self) -> str:
        """The issuer as ARNs and condition keys have it: without its scheme."""
        return self.issuer.removeprefix("https://")

    @property
    def issued_at(self) -> int:
        return int(self.claims["iat"])

    @property
    def expires_at(self) -> int:
        return int(self.claims["exp"])


class Issuers:
    """The keys of the issuers that tokens come from."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._authorities: dict[str, str] = {}
        self._keys: dict[str, dict[str, Any]] = {}

    def trust_authority(self, issuer: str, certificates: str) -> None:
        """Verify this issuer's TLS with these certificates (PEM) instead of the machine's own."""
        with self._lock:
            self._authorities[issuer] = certificates
            self._keys.pop(issuer, None)

    def verify(self, token: str, identity: WebIdentity) -> None:
        """Raise TokenError where a cloud would not believe the token."""
        key = self._key(identity.issuer, str(jwt.get_unverified_header(token).get("kid", "")))
        try:
            # The signature only: each cloud has its own words for everything else.
            jwt.PyJWS().decode(token, key, algorithms=list(ALGORITHMS))
        except jwt.PyJWTError as error:
            raise TokenError(Doubt.NOT_SIGNED) from error
        now = int(self._clock())
        if now >= identity.expires_at:
            raise TokenError(Doubt.EXPIRED)
        if int(identity.claims.get("nbf", 0)) > now + _EARLY_SECONDS:
            raise TokenError(Doubt.TOO_EARLY)

    def _key(self, issuer: str, key_id: str) -> Any:
        with self._lock:
            keys = self._keys.get(issuer, {})
        if key_id not in keys:
            keys = self._read_keys(issuer)
            with self._lock:
                self._keys[issuer] = keys
        if key_id not in keys:
            raise TokenError(Doubt.NO_KEY)
        return keys[key_id]

    def _read_keys(self, issuer: str) -> dict[str, Any]:
        with self._lock:
            certificates = self._authorities.get(issuer)
        context = ssl.create_default_context(cadata=certificates)
        try:
            discovery = _read_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", context)
            if discovery["issuer"] != issuer:
                raise TokenError(Doubt.NO_KEY)
            published = _read_json(discovery["jwks_uri"], context)["keys"]
            return {entry["kid"]: jwt.PyJWK.from_dict(entry).key for entry in published if "kid" in entry}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise TokenError(Doubt.NO_KEY) from error


def parse_token(token: str) -> WebIdentity:
    """What the token says, believing nothing of it. Raises TokenError."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        if jwt.get_unverified_header(token).get("alg") not in ALGORITHMS:
            raise TokenError(Doubt.NO_JWT)
        expires = claims.get("exp", 0)
    except jwt.PyJWTError as error:
        raise TokenError(Doubt.NO_JWT) from error
    for claim in ("iss", "sub", "aud", "exp", "iat"):
        if not claims.get(claim):
            raise TokenError(Doubt.NO_CLAIM, claim)
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not isinstance(expires, int | float):
        raise TokenError(Doubt.NO_JWT)
    if not str(claims["iss"]).startswith("https://"):
        raise TokenError(Doubt.NO_URL)
    return WebIdentity(str(claims["iss"]), str(claims["sub"]), tuple(str(one) for one in audiences), claims)


def _read_json(url: str, context: ssl.SSLContext) -> Any:
    # Without the environment's proxies: an issuer on loopback is not theirs to reach.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
        return json.load(answer)
