"""Key Vaults: secrets with versions, who may read which, and all that keeps a vault from giving one out."""

import re
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field

from local_https import Answer, Question

SCOPE = "https://vault.azure.net/.default"
API_VERSIONS = ("7.4", "7.5", "7.6")
_PATH = re.compile(r"/vaults/([A-Za-z0-9-]{3,24})/secrets/([A-Za-z0-9-]{1,127})(?:/([A-Za-z0-9]+))?")


@dataclass
class Version:
    value: str
    enabled: bool = True


@dataclass
class Vault:
    """`readers` are the client IDs by secret; those under * may read all."""

    tenant: str
    secrets: dict[str, dict[str, Version]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    has_firewall: bool = False
    fault: Answer | None = None


@dataclass(frozen=True)
class Caller:
    """Who an access token was granted to, and for what."""

    client: str
    tenant: str
    scope: str


class KeyVaults:
    """All vaults; `reads` counts what was asked for, as `vault/secret`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vaults: dict[str, Vault] = {}
        self.reads: Counter[str] = Counter()

    def create(self, name: str, tenant: str) -> Vault:
        self._vaults[name] = Vault(tenant)
        return self._vaults[name]

    def write(self, vault: str, secret: str, value: str) -> str:
        """A new version of a secret, and its name."""
        version = uuid.uuid4().hex
        with self._lock:
            self._vaults[vault].secrets.setdefault(secret, {})[version] = Version(value)
        return version

    def let_read(self, vault: str, client: str, secret: str = "*") -> None:
        self._vaults[vault].readers.setdefault(secret, set()).add(client)

    def switch(self, vault: str, secret: str, version: str, *, enabled: bool) -> None:
        self._vaults[vault].secrets[secret][version].enabled = enabled

    def answer(self, question: Question, caller: Caller | None) -> Answer:
        found = _PATH.fullmatch(question.path)
        if question.method != "GET" or found is None:
            return _refusal(400, "BadParameter", "The request URI contains an invalid name.")
        name, secret, version = found[1], found[2], found[3]
        vault = self._vaults.get(name)
        if vault is None:
            return Answer("", 404)
        with self._lock:
            self.reads[f"{name}/{secret}"] += 1
        if vault.fault is not None:
            return vault.fault
        if question.query.get("api-version") not in API_VERSIONS:
            return _refusal(400, "BadParameter", "The specified version is not recognized. Consider using the latest.")
        refusal = _admit(vault, secret, caller)
        return refusal or _give(vault, name, secret, version, question.headers["host"])


def _admit(vault: Vault, secret: str, caller: Caller | None) -> Answer | None:
    if caller is None:
        return _refusal(401, "Unauthorized", "[TokenExpired] Error validating token: 'S2S12086'.")
    if caller.scope != SCOPE:
        return _refusal(401, "Unauthorized", f"AKV10022: Invalid audience. Expected {SCOPE}, found: {caller.scope}.")
    if caller.tenant != vault.tenant:
        return _refusal(401, "Unauthorized", "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/.")
    if vault.has_firewall:
        message = "Client address is not authorized and caller is not a trusted service.\r\nClient address: 192.0.2.1"
        return _refusal(403, "Forbidden", message, "ForbiddenByFirewall")
    if not {caller.client} & (vault.readers.get("*", set()) | vault.readers.get(secret, set())):
        message = f"Caller is not authorized to perform action on resource.\r\nCaller: appid={caller.client}"
        return _refusal(403, "Forbidden", message, "ForbiddenByRbac")
    return None


def _give(vault: Vault, name: str, secret: str, version: str | None, host: str) -> Answer:
    versions = vault.secrets.get(secret, {})
    version = version or next(reversed(versions), None)
    if version not in versions:
        message = (
            f"A secret with (name/id) {secret} was not found in this key vault. If you recently deleted this secret you"
            " may be able to recover it using the correct recovery command."
        )
        return _refusal(404, "SecretNotFound", message)
    found = versions[version]
    if not found.enabled:
        return _refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
    address = f"https://{host}/vaults/{name}/secrets/{secret}/{version}"
    return Answer({"value": found.value, "id": address, "attributes": {"enabled": True}})


def _refusal(status: int, code: str, message: str, inner: str = "") -> Answer:
    error = {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}
    challenge = {"WWW-Authenticate": f'Bearer authorization="", resource="{SCOPE}"'} if status == 401 else {}
    return Answer({"error": error}, status, challenge)
