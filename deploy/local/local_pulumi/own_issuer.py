"""The issuer that this service is itself: clouds trust it, and `fn::open::aws-login` presents its tokens to them."""

import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

PATH = "/oidc"
_LIFETIME = 3600


class OwnIssuer:
    def __init__(self) -> None:
        self._key: rsa.RSAPrivateKey | None = None
        self._key_id = uuid.uuid4().hex[:8]

    def token(self, url: str, subject: str, audience: str) -> str:
        now = int(time.time())
        claims = {"iss": f"{url}{PATH}", "sub": subject, "aud": audience, "iat": now, "exp": now + _LIFETIME}
        return jwt.encode(claims, self._private, algorithm="RS256", headers={"kid": self._key_id})

    def discovery(self, url: str) -> dict[str, Any]:
        return {"issuer": f"{url}{PATH}", "jwks_uri": f"{url}{PATH}/.well-known/jwks"}

    def keys(self) -> dict[str, Any]:
        published = jwt.algorithms.RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {"keys": [{**published, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}

    @property
    def _private(self) -> rsa.RSAPrivateKey:
        # Made when it is first used: it costs a tenth of a second.
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key
