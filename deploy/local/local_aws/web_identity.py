"""Whether a web identity token is what it says: its form, its issuer's signature, its time.

Owns the reading of issuers' keys over HTTPS, the only network that this AWS uses. The keys of an issuer are read once
and again when a token names one that is not among them.
"""

import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from local_aws.refusals import AwsError

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_TIMEOUT_SECONDS = 5.0
# Two words too close together, as AWS has them.
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_NOT_VALID = (
    "The web identity token that was passed could not be validated by AWS. "
    "Get a new identity token from the identity provider and then retry the request."
)


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
        """Raise where AWS would not believe the token."""
        key = self._key(identity.issuer, str(jwt.get_unverified_header(token).get("kid", "")))
        try:
            # The signature only: AWS has its own words for everything else.
            jwt.PyJWS().decode(token, key, algorithms=list(ALGORITHMS))
        except jwt.PyJWTError as error:
            raise _refused(_NOT_VALID) from error
        now = int(self._clock())
        expires = int(identity.claims["exp"])
        if now >= expires:
            raise AwsError(
                "ExpiredTokenException",
                f"Token expired: current date/time {now} must be before the expiration date/time {expires}",
            )
        if int(identity.claims.get("nbf", 0)) > now + 300:
            raise _refused(_NOT_VALID)

    def _key(self, issuer: str, key_id: str) -> Any:
        with self._lock:
            keys = self._keys.get(issuer, {})
        if key_id not in keys:
            keys = self._read_keys(issuer)
            with self._lock:
                self._keys[issuer] = keys
        if key_id not in keys:
            raise _refused(_NO_KEY)
        return keys[key_id]

    def _read_keys(self, issuer: str) -> dict[str, Any]:
        with self._lock:
            certificates = self._authorities.get(issuer)
        context = ssl.create_default_context(cadata=certificates)
        try:
            discovery = _read_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", context)
            if discovery["issuer"] != issuer:
                raise _refused(_NO_KEY)
            published = _read_json(discovery["jwks_uri"], context)["keys"]
            return {entry["kid"]: jwt.PyJWK.from_dict(entry).key for entry in published if "kid" in entry}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise _refused(_NO_KEY) from error


def parse_token(token: str) -> WebIdentity:
    """What the token says, believing nothing of it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        if jwt.get_unverified_header(token).get("alg") not in ALGORITHMS:
            raise _refused(_NO_JWT)
        expires = claims.get("exp", 0)
    except jwt.PyJWTError as error:
        raise _refused(_NO_JWT) from error
    for claim in ("iss", "sub", "aud", "exp", "iat"):
        if not claims.get(claim):
            raise _refused(f"Missing a required claim: {claim}")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not isinstance(expires, int | float) or not str(claims["iss"]).startswith("https://"):
        raise _refused("Issuer must be a valid URL" if isinstance(expires, int | float) else _NO_JWT)
    return WebIdentity(str(claims["iss"]), str(claims["sub"]), tuple(str(one) for one in audiences), claims)


def _read_json(url: str, context: ssl.SSLContext) -> Any:
    # Without the environment's proxies: an issuer on loopback is not theirs to reach.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def _refused(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)
