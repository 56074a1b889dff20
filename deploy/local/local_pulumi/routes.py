"""Every route of the API, each with what a token has to be allowed to, and the way from a request to its answer.

A literal part of a path wins over a named one: `versions/tags` is no version.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from local_https import Answer
from local_pulumi import api_accounts as accounts
from local_pulumi import api_beside as beside
from local_pulumi import api_definitions as definitions
from local_pulumi import api_opening as opening
from local_pulumi import api_versions as versions
from local_pulumi.access import AccessToken
from local_pulumi.calls import Call
from local_pulumi.cloud import Cloud
from local_pulumi.refusals import RefusedError, not_authenticated, not_found, not_permitted, too_many_requests

PUBLIC = "public"
"""No token is needed."""
MEMBER = "member"
"""Any token of the organization."""

Handler = Callable[[Call], Answer]

_E = "/api/esc/environments/{org}/{project}/{env}"


class Route(NamedTuple):
    """`evaluates`: the handler takes the lock by itself, since it may wait for others."""

    method: str
    path: str
    permission: str
    handler: Handler
    evaluates: bool = False

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"


ROUTES = (
    Route("POST", "/api/oauth/token", PUBLIC, accounts.exchange, evaluates=True),
    Route("GET", "/oidc/.well-known/openid-configuration", PUBLIC, accounts.discovery),
    Route("GET", "/oidc/.well-known/jwks", PUBLIC, accounts.keys),
    Route("GET", "/api/user", MEMBER, accounts.read_user),
    Route("GET", "/api/user/organizations/default", MEMBER, accounts.default_organization),
    Route("GET", "/api/esc/providers", MEMBER, accounts.list_providers),
    Route("GET", "/api/esc/providers/{provider}/schema", MEMBER, accounts.provider_schema),
    Route("GET", "/api/esc/rotators", MEMBER, accounts.list_rotators),
    Route("GET", "/api/esc/rotators/{rotator}/schema", MEMBER, accounts.rotator_schema),
    Route("GET", "/api/esc/environments", MEMBER, definitions.list_all),
    Route("GET", "/api/esc/environments/{org}", MEMBER, definitions.list_of_organization),
    Route("POST", "/api/esc/environments/{org}", MEMBER, definitions.create),
    Route("GET", "/api/esc/environments/{org}/restore", MEMBER, definitions.list_deleted),
    Route("PUT", "/api/esc/environments/{org}/restore", MEMBER, definitions.restore),
    Route("GET", "/api/esc/environments/{org}/tags", MEMBER, definitions.list_tags_of_organization),
    Route("POST", "/api/esc/environments/{org}/yaml/check", MEMBER, opening.check_text, evaluates=True),
    Route("POST", "/api/esc/environments/{org}/yaml/open", MEMBER, opening.open_text, evaluates=True),
    Route("GET", "/api/esc/environments/{org}/yaml/open/{session}", MEMBER, opening.read_session_of_text),
    Route("GET", _E, "read", definitions.read),
    Route("HEAD", _E, "read", definitions.head),
    Route("PATCH", _E, "write", definitions.update, evaluates=True),
    Route("DELETE", _E, "admin", definitions.delete),
    Route("POST", f"{_E}/check", "read", opening.check, evaluates=True),
    Route("POST", f"{_E}/clone", "read", definitions.clone),
    Route("GET", f"{_E}/decrypt", "open", definitions.read_decrypted),
    Route("POST", f"{_E}/decrypt-secrets", "open", definitions.decrypt_secrets),
    Route("POST", f"{_E}/encrypt-secrets", "write", definitions.encrypt_secrets),
    Route("GET", f"{_E}/metadata", "read", definitions.metadata),
    Route("POST", f"{_E}/ownership", "admin", definitions.reassign_ownership),
    Route("GET", f"{_E}/referrers", "read", definitions.referrers),
    Route("GET", f"{_E}/settings", "read", definitions.read_settings),
    Route("PATCH", f"{_E}/settings", "admin", definitions.change_settings),
    Route("POST", f"{_E}/open", "open", opening.open_environment, evaluates=True),
    Route("GET", f"{_E}/open/{{session}}", "open", opening.read_session),
    Route("POST", f"{_E}/rotate", "write", opening.rotate, evaluates=True),
    Route("GET", f"{_E}/rotate/history", "read", opening.rotation_history),
    Route("GET", f"{_E}/versions", "read", versions.list_revisions),
    Route("GET", f"{_E}/versions/tags", "read", versions.list_revision_tags),
    Route("POST", f"{_E}/versions/tags", "write", versions.create_revision_tag),
    Route("GET", f"{_E}/versions/tags/{{tag}}", "read", versions.read_revision_tag),
    Route("PATCH", f"{_E}/versions/tags/{{tag}}", "write", versions.move_revision_tag),
    Route("DELETE", f"{_E}/versions/tags/{{tag}}", "write", versions.delete_revision_tag),
    Route("GET", f"{_E}/versions/{{version}}", "read", definitions.read),
    Route("POST", f"{_E}/versions/{{version}}/check", "read", opening.check, evaluates=True),
    Route("GET", f"{_E}/versions/{{version}}/decrypt", "open", definitions.read_decrypted),
    Route("POST", f"{_E}/versions/{{version}}/open", "open", opening.open_environment, evaluates=True),
    Route("GET", f"{_E}/versions/{{version}}/referrers", "read", definitions.referrers),
    Route("POST", f"{_E}/versions/{{version}}/retract", "write", versions.retract),
    Route("GET", f"{_E}/versions/{{version}}/tags", "read", versions.list_revision_tags),
    Route("GET", f"{_E}/tags", "read", versions.list_tags),
    Route("POST", f"{_E}/tags", "write", versions.create_tag),
    Route("GET", f"{_E}/tags/{{tag}}", "read", versions.read_tag),
    Route("PATCH", f"{_E}/tags/{{tag}}", "write", versions.update_tag),
    Route("DELETE", f"{_E}/tags/{{tag}}", "write", versions.delete_tag),
    Route("GET", f"{_E}/schedules", "read", beside.list_schedules),
    Route("POST", f"{_E}/schedules", "admin", beside.create_schedule),
    Route("GET", f"{_E}/schedules/{{schedule}}", "read", beside.read_schedule),
    Route("PATCH", f"{_E}/schedules/{{schedule}}", "admin", beside.update_schedule),
    Route("DELETE", f"{_E}/schedules/{{schedule}}", "admin", beside.delete_schedule),
    Route("GET", f"{_E}/schedules/{{schedule}}/history", "read", beside.schedule_history),
    Route("POST", f"{_E}/schedules/{{schedule}}/pause", "admin", beside.pause_schedule),
    Route("POST", f"{_E}/schedules/{{schedule}}/resume", "admin", beside.resume_schedule),
    Route("GET", f"{_E}/hooks", "read", beside.list_hooks),
    Route("POST", f"{_E}/hooks", "admin", beside.create_hook),
    Route("GET", f"{_E}/hooks/{{hook}}", "read", beside.read_hook),
    Route("PATCH", f"{_E}/hooks/{{hook}}", "admin", beside.update_hook),
    Route("DELETE", f"{_E}/hooks/{{hook}}", "admin", beside.delete_hook),
    Route("POST", f"{_E}/hooks/{{hook}}/ping", "admin", beside.ping_hook),
    Route("GET", f"{_E}/hooks/{{hook}}/deliveries", "read", beside.list_deliveries),
    Route("POST", f"{_E}/hooks/{{hook}}/deliveries/{{event}}/redeliver", "admin", beside.redeliver),
    Route("POST", f"{_E}/drafts", "write", beside.refuse_change_request),
    Route("GET", f"{_E}/drafts/{{draft}}", "read", beside.refuse_change_request),
    Route("PATCH", f"{_E}/drafts/{{draft}}", "write", beside.refuse_change_request),
    Route("POST", f"{_E}/drafts/{{draft}}/open", "open", beside.refuse_change_request),
    Route("POST", f"{_E}/open/request", "read", beside.refuse_change_request),
    Route("GET", f"{_E}/open/request/{{draft}}", "read", beside.refuse_change_request),
    Route("PUT", f"{_E}/open/request/{{draft}}", "read", beside.refuse_change_request),
)


@dataclass(frozen=True)
class Asked:
    """A request as it came, but for doubled slashes, which the service takes for one. Header names are in lower
    case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False, default=b"")


class Answered(NamedTuple):
    """An answer, and what of the request is recorded."""

    answer: Answer
    operation: str
    token: AccessToken | None
    organization: str


class _Found(NamedTuple):
    routes: Mapping[str, Route]
    parts: Mapping[str, str]


class _Node:
    """The routes of the paths that end here, and where longer ones go on."""

    __slots__ = ("literal", "named", "names", "routes")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.named: _Node | None = None
        self.routes: dict[str, Route] = {}
        self.names: tuple[str, ...] = ()

    def add(self, route: Route) -> None:
        node, names = self, []
        for part in _parts(route.path):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.named = node.named or _Node()
                node = node.named
            else:
                node = node.literal.setdefault(part, _Node())
        node.routes[route.method] = route
        node.names = tuple(names)

    def find(self, parts: Sequence[str], given: tuple[str, ...] = ()) -> _Found | None:
        if not parts:
            return _Found(self.routes, dict(zip(self.names, given, strict=True))) if self.routes else None
        first, rest = parts[0], parts[1:]
        literal = self.literal.get(first)
        if literal is not None and (found := literal.find(rest, given)):
            return found
        return self.named.find(rest, (*given, first)) if self.named else None


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")


def _tree() -> _Node:
    root = _Node()
    for route in ROUTES:
        root.add(route)
    return root


_TREE = _tree()
_NO_PAGE = Answer("404 page not found\n", 404, {"Content-Type": "text/plain; charset=utf-8"})


def normal_path(path: str) -> str:
    return re.sub("/{2,}", "/", path)


def may_wait(asked: Asked) -> bool:
    """Whether an answer may take long: it evaluates something, or asks an issuer."""
    found = _TREE.find([unquote(part) for part in _parts(asked.path)])
    route = found.routes.get(asked.method) if found else None
    return route is not None and route.evaluates


def answer(cloud: Cloud, asked: Asked) -> Answered:
    """Answer a request. Raises nothing that a request can cause."""
    found = _TREE.find([unquote(part) for part in _parts(asked.path)])
    if found is None:
        return Answered(_NO_PAGE, "", None, "")
    route = found.routes.get(asked.method)
    if route is None:
        return Answered(Answer("", 405, {"Allow": ", ".join(found.routes)}), "", None, "")
    token = cloud.token(_shown_token(asked.headers))
    organization = found.parts.get("org", "") or (token.organization if token else "")
    query = dict(parse_qsl(asked.query, keep_blank_values=True))
    call = Call(cloud, found.parts, query, asked.headers, asked.body, token)
    try:
        _admit(call, route)
        with nullcontext() if route.evaluates else cloud.lock:
            given = route.handler(call)
    except RefusedError as refusal:
        given = refusal.answer
    return Answered(given, route.operation, token, organization)


def _admit(call: Call, route: Route) -> None:
    """Raises RefusedError where the token may not do this."""
    if route.permission == PUBLIC:
        return
    token = call.token
    if token is None:
        raise not_authenticated()
    rate = call.cloud.rates.get(token.organization)
    if rate is not None:
        with call.cloud.lock:
            wait = rate.wait(call.cloud.clock())
        if wait:
            raise too_many_requests(wait)
    # An organization that one is not in is not told apart from one that there is not.
    if call.parts.get("org", token.organization) != token.organization:
        raise not_found(f"organization '{call.organization}'")
    if "env" in call.parts:
        environment = call.environment
        if not token.may(route.permission, environment.name):
            raise not_permitted(route.permission, environment.full_name)


def _shown_token(headers: Mapping[str, str]) -> str:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "token" else ""
