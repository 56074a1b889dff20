"""An OIDC issuer of one's own, for tests that need web identity tokens and no cluster.

It publishes its discovery document and its keys over HTTPS on loopback, as a cluster's API server does, and signs
whatever claims it is asked to sign.
"""

import time
import uuid
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from local_https import Answer, HttpsServer, Question


class LocalIssuer(HttpsServer):
    """Serves within its `with` block; `url` is the issuer's name, `ca_file` what its TLS is verified with."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self._page)
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self.requests: list[str] = []
        """The paths that were asked for, in order."""
        self.rotate_key()

    def rotate_key(self) -> None:
        """Sign with a new key from here on, and publish it alone."""
        self._keys = {uuid.uuid4().hex[:8]: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def token(self, subject: str, audience: str | list[str] = "sts.amazonaws.com", **claims: Any) -> str:
        """A token for an hour; a claim that is given replaces the usual one, and one that is None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": subject, "aud": audience, "iat": now, "nbf": now, "exp": now + 3600}
        content = {name: value for name, value in (usual | claims).items() if value is not None}
        [(key_id, key)] = self._keys.items()
        return jwt.encode(content, key, algorithm="RS256", headers={"kid": key_id})

    def _page(self, question: Question) -> Answer:
        self.requests.append(question.path)
        if question.path == "/.well-known/openid-configuration":
            return Answer({"issuer": self.url, "jwks_uri": f"{self.url}/openid/v1/jwks"})
        if question.path == "/openid/v1/jwks":
            return Answer({"keys": [_published(key_id, key) for key_id, key in self._keys.items()]})
        return Answer(None, 404)


def _published(key_id: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**published, "kid": key_id, "use": "sig", "alg": "RS256"}
