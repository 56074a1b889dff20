"""The one translator of Vault's errors: from a status and its words to a reason and what to fix.

Vault has no error codes, so its words decide where the status does not. A message repeats them only where no rule
knows them, and without everything that could be a token or a key. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.claims import forgotten_account, trusted_subject
from esc_operator.providers.refusals import Refusal, Rule, advise_throttled, explain, is_any, is_throttled
from esc_operator.providers.vault import reasons

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.providers.claims import Claims
    from esc_operator.providers.vault.api import Reply

OUTAGES = frozenset({412, 429, 472, 473, 502, 503, 504})
"""Statuses that say nothing about the request: Vault, or a proxy before it, does not serve."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as messages describe it. `path` is Vault's. `mount`, `role`, `method` and `claims` are those of a
    login; `input` names what was read, `credential` the input that has the token."""

    host: str
    path: str
    namespace: str = ""
    method: str = ""
    mount: str = ""
    role: str = ""
    claims: Claims | None = None
    input: str = ""
    credential: str = "login.token"

    @property
    def subject(self) -> str:
        return self.claims.subject if self.claims else "the caller"

    @property
    def trusted(self) -> str:
        return trusted_subject(self.claims) if self.claims else ""

    @property
    def forgotten(self) -> str:
        return forgotten_account(self.claims) if self.claims else ""

    @property
    def role_path(self) -> str:
        return f"auth/{self.mount}/role/{self.role}"


def translate_login(reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    """The error for an answer that is not a login's."""
    return _translate(_LOGIN, reply, asked, now)


def translate_request(reply: Reply, asked: Asked, now: datetime, *, knows_token: bool = True) -> ProviderError:
    """The error for the answer to a request with a token. `knows_token`: whether Vault knows the token, if it denied
    the permission."""
    if reply.status == 403 and not knows_token:
        return ProviderError(_advise_token(asked), reason=reasons.TOKEN_REFUSED, login_refused=True)
    if reply.status == 404 and (gone := _describe_deleted(reply, asked)):
        return ProviderError(gone, reason=reasons.SECRET_DELETED)
    return _translate(_REQUEST, reply, asked, now)


def malformed_answer(asked: Asked, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{asked.host} sent an answer to {asked.path}", why)


def missing_field(asked: Asked, field: str) -> ProviderError:
    return ProviderError(
        f'{asked.path} has no field "{field}": correct `{asked.input}.field`, or leave it out and take the part by its'
        " name",
        reason=reasons.FIELD_MISSING,
    )


def _translate(rules: tuple[Rule[Asked], ...], reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    if reply.content is None and reply.status < 300:
        return malformed_answer(asked, "it is not a JSON object")
    refusal = Refusal("", without_secrets(reply.text), reply.status)
    return explain((*_COMMON, *rules), refusal, asked, reply.headers, now)


def _has(*statuses: int, words: str = "") -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.status in statuses and words in refusal.text.lower()


def _is_redirect(refusal: Refusal) -> bool:
    return 300 <= refusal.status < 400


def _advise_redirect(asked: Asked, _: Refusal) -> str:
    return (
        f"{asked.host} redirects to another address, which is not followed, because the token would go there: write in"
        " `address` the one that answers, such as that of the active node or of a load balancer"
    )


def _advise_namespace(asked: Asked, _: Refusal) -> str:
    name = f'"{asked.namespace}"' if asked.namespace else "of the login"
    return f"{asked.host} has no namespace {name}: correct `namespace`, or leave it out for the root namespace"


def _advise_sealed(asked: Asked, _: Refusal) -> str:
    return f"{asked.host} is sealed or not initialized: unseal it; this is tried again later"


def _advise_standby(asked: Asked, refusal: Refusal) -> str:
    return (
        f"{asked.host} is a standby that does not serve this request ({refusal.status}): write the address of the"
        " active node or of a load balancer in `address`; this is tried again later"
    )


def _advise_unavailable(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.host} does not serve ({refusal.status}); this is tried again later"


def _advise_engine(asked: Asked, refusal: Refusal) -> str:
    return (
        f"{asked.host} failed at {asked.path} ({refusal.status}): what the engine there needs, such as a database, may"
        " not answer; look into Vault's log"
    )


def _advise_role_missing(asked: Asked, _: Refusal) -> str:
    return (
        f'the auth method auth/{asked.mount} at {asked.host} has no role "{asked.role}": correct'
        f" `{asked.method}.role`, or create {asked.role_path}"
    )


def _advise_audience(asked: Asked, _: Refusal) -> str:
    field = "audience" if asked.method == "kubernetes" else "bound_audiences"
    audiences = ", ".join(asked.claims.audiences) if asked.claims else ""
    return (
        f"{asked.role_path} at {asked.host} does not accept the audience {audiences}: set its {field} to that, or"
        f" `{asked.method}.audience` to one that it accepts"
    )


def _advise_issuer(asked: Asked, _: Refusal) -> str:
    issuer = asked.claims.issuer if asked.claims else "of the token"
    return f"auth/{asked.mount} at {asked.host} is not for the issuer {issuer}: correct its bound_issuer"


def _advise_keys(asked: Asked, _: Refusal) -> str:
    issuer = asked.claims.issuer if asked.claims else "the cluster"
    return (
        f"auth/{asked.mount} at {asked.host} has no key that the identity token is signed with: give it the current"
        f" keys of {issuer} (jwks_url, oidc_discovery_url or jwt_validation_pubkeys)"
    )


def _advise_expired(asked: Asked, _: Refusal) -> str:
    return f"the identity token of {asked.subject} had expired when it reached {asked.host}: compare the clocks"


def _advise_claims(asked: Asked, refusal: Refusal) -> str:
    fields = (
        "bound_service_account_names and bound_service_account_namespaces"
        if asked.method == "kubernetes"
        else "bound_subject and bound_claims"
    )
    return (
        f"{asked.forgotten}{asked.role_path} at {asked.host} does not admit {asked.subject}: admit {asked.trusted} in"
        f" its {fields} (Vault says: {refusal.text})"
    )


def _advise_unconfigured(asked: Asked, _: Refusal) -> str:
    return f"auth/{asked.mount} at {asked.host} is not configured: write auth/{asked.mount}/config"


def _advise_mount(asked: Asked, _: Refusal) -> str:
    review = (
        "; or its review of the token fails: the role's audience has to be that of the token, and Vault has to be"
        " allowed to create TokenReviews"
        if asked.method == "kubernetes"
        else ""
    )
    return (
        f"{asked.host} has no auth method at auth/{asked.mount}: correct `{asked.method}.mount`, or enable it there"
        f"{review}"
    )


def _advise_token(asked: Asked) -> str:
    return (
        f"{asked.host} does not know the token in `{asked.credential}`: it is wrong, has expired or was revoked (a"
        " token ends with its parent)"
    )


def _advise_permission(asked: Asked, _: Refusal) -> str:
    place = asked.path.partition("?")[0]
    needed = "read" if asked.input.startswith("read.") else "update"
    advice = (
        f"the policies of the token do not allow {asked.path} at {asked.host}: add"
        f' path "{place}" {{ capabilities = ["{needed}"] }} to one of them'
    )
    if needed == "read" and "/data/" not in place and "/creds/" not in place:
        advice += "; or, if that engine is KV version 2, write data/ after its mount"
    return advice


def _advise_version_2(asked: Asked, _: Refusal) -> str:
    mount, _slash, rest = asked.path.strip("/").partition("/")
    return (
        f"the engine of {asked.path} at {asked.host} is KV version 2, whose secrets are below data/: write"
        f" {mount}/data/{rest}, if {mount} is its mount"
    )


def _advise_path(asked: Asked, refusal: Refusal) -> str:
    if "no handler for route" in refusal.text:
        return f"{asked.host} has no secrets engine for {asked.path}: correct `{asked.input}.path`, or mount one"
    advice = f"there is nothing at {asked.path} at {asked.host}: correct `{asked.input}.path`"
    return advice + (", and leave out data/ if that engine is KV version 1" if "/data/" in asked.path else "")


def _describe_deleted(reply: Reply, asked: Asked) -> str:
    found = reply.part("data").get("metadata")
    if not isinstance(found, dict):
        return ""
    version = found.get("version")
    which = f"version {version} of {asked.path}" if isinstance(version, int) else asked.path
    what = "destroyed" if found.get("destroyed") is True else "deleted"
    return f"{which} at {asked.host} was {what}: write a new version, or pin another one with ?version=N"


def _repeat(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.host} refused {asked.path}: {refusal.text or refusal.status}"


_COMMON: tuple[Rule[Asked], ...] = (
    Rule(_is_redirect, reasons.REDIRECTED, _advise_redirect),
    Rule(_has(404, words="namespace not found"), reasons.NAMESPACE_MISSING, _advise_namespace),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(_has(503, words="sealed"), reasons.SEALED, _advise_sealed, outage=True),
    Rule(_has(472, 473), reasons.STANDBY, _advise_standby, outage=True),
    Rule(_has(*OUTAGES), reasons.UNAVAILABLE, _advise_unavailable, outage=True),
    Rule(lambda refusal: refusal.status >= 500, reasons.ENGINE_FAILED, _advise_engine),
)

_LOGIN: tuple[Rule[Asked], ...] = (
    Rule(_has(400, words="could not be found"), reasons.ROLE_MISSING, _advise_role_missing),
    Rule(_has(400, words="invalid role name"), reasons.ROLE_MISSING, _advise_role_missing),
    Rule(_has(400, 403, words="audience"), login_reasons.AUDIENCE_REFUSED, _advise_audience),
    Rule(_has(400, 403, words="issuer"), reasons.ISSUER_REFUSED, _advise_issuer),
    Rule(_has(400, 403, words="signature"), login_reasons.IDENTITY_TOKEN_REFUSED, _advise_keys),
    Rule(_has(400, 403, words="expired"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(_has(400, 403, words="configuration"), reasons.AUTH_METHOD_MISSING, _advise_unconfigured),
    Rule(_has(400, 403, words="claim"), reasons.ROLE_REFUSED, _advise_claims),
    Rule(_has(400, 403, words="not authorized"), reasons.ROLE_REFUSED, _advise_claims),
    Rule(_has(403, 404), reasons.AUTH_METHOD_MISSING, _advise_mount),
    Rule(is_any, reasons.REFUSED, _repeat),
)

_REQUEST: tuple[Rule[Asked], ...] = (
    Rule(_has(403), reasons.PERMISSION_DENIED, _advise_permission),
    Rule(_has(404, words="versioned"), reasons.KV_VERSION, _advise_version_2),
    Rule(_has(404), reasons.PATH_MISSING, _advise_path),
    Rule(is_any, reasons.REFUSED, _repeat),
)
