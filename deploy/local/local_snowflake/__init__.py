"""A Snowflake on loopback, as far as the keys of its users go: its SQL API, with what was run since it was started.

It believes a key pair's token whose issuer, subject, fingerprint, lifetime and signature are right, and an identity
token that is the user's workload identity; it knows two statements, and refuses all others as Snowflake refuses what it
cannot parse. Written after Snowflake's documentation, and never compared with a real one.
"""

import base64
import hashlib
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local_https import Answer, HttpsServer, Question
from local_identity import Issuers, TokenError, parse_token

AUDIENCE = "snowflakecomputing.com"
SLOTS = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
STATEMENTS = "/api/v2/statements"
LONGEST_TOKEN = 3600
_NAME = r'"((?:[^"]|"")+)"'
_DESCRIBE = re.compile(rf"DESCRIBE USER {_NAME}")
_ALTER = re.compile(rf"ALTER USER {_NAME} SET (RSA_PUBLIC_KEY|RSA_PUBLIC_KEY_2)='([A-Za-z0-9+/]+=*)'")


class SnowflakeRefusalError(Exception):
    """`code` is Snowflake's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer({"code": code, "message": message}, status)


@dataclass
class User:
    """`keys` are public keys in base64, by slot; `owners` may change them. `identity` is an issuer and a subject."""

    keys: dict[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    identity: tuple[str, str] | None = None


class LocalSnowflake(HttpsServer):
    """Serves one account within its `with` block. Names of users are as Snowflake stores them."""

    def __init__(self, folder: Path, account: str) -> None:
        super().__init__(folder, self._page)
        self.account = account
        self.users: dict[str, User] = {}
        self.run: list[str] = []
        """The statements that were run, one after the other."""
        self.lose_answers = False
        """Run statements that change something, and answer that the service failed."""
        self._lock = threading.Lock()
        self._issuers = Issuers()

    def trust(self, issuer: str, certificates: Path) -> None:
        self._issuers.trust_authority(issuer, certificates.read_text())

    def admits(self, user: str, private_pem: str) -> bool:
        """Whether the user can log in with that key."""
        from cryptography.hazmat.primitives import serialization

        key = serialization.load_pem_private_key(private_pem.encode(), None).public_key()
        encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(encoded).decode() in self.users[user].keys.values()

    def _page(self, question: Question) -> Answer:
        if (question.method, question.path) != ("POST", STATEMENTS):
            return Answer("<html>not found</html>", 404)
        with self._lock:
            try:
                who = self._authenticate(question)
                rows = self._execute(who, str(question.content.get("statement")))
            except SnowflakeRefusalError as refusal:
                return refusal.answer
        if self.lose_answers and self.run[-1].startswith("ALTER"):
            return Answer("<html>bad gateway</html>", 502)
        handle = str(uuid.uuid4())
        return Answer({"code": "090001", "statementHandle": handle, "message": "Statement executed.", "data": rows})

    def _authenticate(self, question: Question) -> str:
        token, kind = question.bearer, question.headers.get("x-snowflake-authorization-token-type", "")
        if not question.headers.get("user-agent"):
            raise SnowflakeRefusalError(400, "391902", "User-Agent is missing.")
        if kind == "KEYPAIR_JWT":
            return self._believe_key_pair(token)
        if token.startswith("WIF.OIDC.") and not kind:
            return self._believe_identity(token.removeprefix("WIF.OIDC."))
        raise SnowflakeRefusalError(401, "390303", "Invalid OAuth access token.")

    def _believe_key_pair(self, token: str) -> str:
        refusal = SnowflakeRefusalError(401, "390144", "JWT token is invalid.")
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
            if jwt.get_unverified_header(token).get("alg") != "RS256":
                raise refusal
        except jwt.PyJWTError as error:
            raise refusal from error
        account, _, user = str(claims.get("sub")).partition(".")
        issuer, _, fingerprint = str(claims.get("iss")).rpartition(".SHA256:")
        found = self.users.get(user)
        if account != self.account.partition(".")[0].upper() or issuer != claims.get("sub") or found is None:
            raise refusal
        now = time.time()
        if not 0 < claims.get("exp", 0) - claims.get("iat", 0) <= LONGEST_TOKEN or abs(claims["iat"] - now) > 60:
            raise refusal
        for public in found.keys.values():
            encoded = base64.b64decode(public)
            if base64.b64encode(hashlib.sha256(encoded).digest()).decode() == fingerprint:
                try:
                    jwt.decode(token, load_der_public_key(encoded), algorithms=["RS256"], leeway=60)  # type: ignore[arg-type]
                except jwt.PyJWTError as error:
                    raise refusal from error
                return user
        raise refusal

    def _believe_identity(self, token: str) -> str:
        refusal = SnowflakeRefusalError(401, "390318", "The workload identity token is not accepted.")
        try:
            identity = parse_token(token)
            self._issuers.verify(token, identity)
        except TokenError as error:
            raise refusal from error
        if AUDIENCE not in identity.audiences:
            raise refusal
        wanted = (identity.issuer, identity.subject)
        named = [name for name, user in self.users.items() if user.identity == wanted]
        if not named:
            raise refusal
        return named[0]

    def _execute(self, who: str, statement: str) -> list[list[str]]:
        if match := _DESCRIBE.fullmatch(statement):
            user = self._owned(who, match[1])
            self.run.append(statement)
            return [["NAME", match[1]], *([f"{slot}_FP", _shown(user.keys.get(slot))] for slot in SLOTS)]
        if match := _ALTER.fullmatch(statement):
            user = self._owned(who, match[1])
            try:
                load_der_public_key(base64.b64decode(match[3]))
            except ValueError:
                raise SnowflakeRefusalError(422, "002099", "New public key rejected: invalid public key.") from None
            user.keys[match[2]] = match[3]
            self.run.append(statement)
            return [["Statement executed successfully."]]
        raise SnowflakeRefusalError(422, "001003", "SQL compilation error: syntax error.")

    def _owned(self, who: str, quoted: str) -> User:
        name = quoted.replace('""', '"')
        user = self.users.get(name)
        if user is None:
            raise SnowflakeRefusalError(422, "002003", f"SQL compilation error: User '{name}' does not exist.")
        if who not in user.owners:
            raise SnowflakeRefusalError(422, "003001", "SQL access control error: Insufficient privileges.")
        return user


def _shown(public: str | None) -> str:
    if public is None:
        return "null"
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(public)).digest()).decode()
