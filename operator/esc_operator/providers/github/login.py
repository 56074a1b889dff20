"""`fn::open::gh-login`: an access token for an installation of a GitHub App, for an hour.

Inputs and outputs are those of Pulumi ESC. The App's private key signs a token, for which GitHub gives that of the
installation; no identity token takes part. Signing needs the extra `github`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Opened, Secret
from esc_operator.formats.times import format_time, parse_time
from esc_operator.providers import reasons as common
from esc_operator.providers.addresses import host_problems
from esc_operator.providers.github import errors, reasons
from esc_operator.providers.github.errors import AsApp
from esc_operator.providers.identities import lease_until
from esc_operator.providers.json_api import ask, malformed, request
from esc_operator.providers.login_inputs import SECRET, is_token, refuse
from esc_operator.providers.port import Extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Login
    from esc_operator.providers.json_api import Reply
    from esc_operator.providers.port import OpenContext

MOST_REPOSITORIES = 500
EARLIER = timedelta(seconds=60)
"""GitHub asks to allow for clocks that differ by so much."""
VALIDITY = timedelta(minutes=8)
"""Of the App's own token; GitHub takes ten minutes at most."""

PERMISSIONS = (
    *("actions", "administration", "blocking", "checks", "content_references", "contents", "deployments", "emails"),
    *("environments", "followers", "issues", "members", "metadata", "organization_administration"),
    *("organization_hooks", "organization_plan", "organization_pre_receive_hooks", "organization_projects"),
    *("organization_secrets", "organization_self_hosted_runners", "organization_user_blocking", "packages", "pages"),
    *("pull_requests", "repository_hooks", "repository_pre_receive_hooks", "repository_projects"),
    *("secret_scanning_alerts", "secrets", "security_events", "single_file", "statuses", "team_discussions"),
    *("vulnerability_alerts", "workflows"),
)
_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["appId", "owner", "privateKey"],
    "additionalProperties": False,
    "properties": {
        "appId": {"type": "number", "description": "The ID of the GitHub App."},
        "owner": {**_NAME, "description": "The organization or user on whom the App is installed."},
        "privateKey": {**SECRET, "minLength": 1, "description": "The App's private key, in PEM."},
        "repositories": {
            "type": "array",
            "items": _NAME,
            "description": "The repositories, without the owner; all of the installation if left out.",
        },
        "permissions": {
            "type": "object",
            "description": "The permissions, each read or write; all of the installation if left out.",
            "additionalProperties": False,
            "properties": {name: {"type": "string"} for name in PERMISSIONS},
        },
        "ghe": {
            "type": "object",
            "description": "For GitHub Enterprise.",
            "required": ["host"],
            "additionalProperties": False,
            "properties": {"host": {**_NAME, "description": "The host, such as github.example.com."}},
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["accessToken", "appId", "appSlug", "expiry", "installationId", "type"],
    "properties": {
        "accessToken": {**SECRET, "description": "The access token."},
        "appId": {"type": "number", "description": "The ID of the GitHub App."},
        "appSlug": {"type": "string", "description": "The App's name in URLs."},
        "expiry": {"type": "string", "description": "When the token expires, RFC 3339."},
        "installationId": {"type": "number", "description": "The ID of the installation."},
        "type": {"type": "string", "description": "Always installation."},
    },
}


class GitHubLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "gh-login"
    host_inputs: ClassVar[tuple[str, ...]] = ("ghe.host",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    extra: ClassVar[Extra] = Extra("github", ("jwt", "cryptography"))

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return _host(inputs)

    def account(self, inputs: Mapping[str, Any]) -> str:
        """GitHub counts the calls of an App by installation."""
        return f"GitHub App {inputs['appId']:.0f} on {inputs['owner']}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        app, owner, repositories = inputs.get("appId"), inputs.get("owner"), inputs.get("repositories")
        if isinstance(app, int | float) and not (app > 0 and app == int(app)):
            yield InputProblem(
                ("appId",), "`appId` is not the ID of an App: write a whole number", common.INVALID_INPUTS
            )
        if isinstance(owner, str) and (not owner.isascii() or not owner.replace("-", "").replace("_", "").isalnum()):
            message = "`owner` is not the name of an organization or a user: write one such as acme"
            yield InputProblem(("owner",), message, common.INVALID_INPUTS)
        if isinstance(repositories, list):
            yield from _repository_problems(repositories)
        if isinstance(ghe := inputs.get("ghe"), dict):
            yield from host_problems(ghe, "ghe", "host", example="github.example.com")

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        issued_at, asked = context.now(), _describe(inputs)
        key, app = inputs["privateKey"], int(inputs["appId"])
        # Signing takes milliseconds of the CPU, and the first time the import of a compiled library.
        signed = await context.run_blocking(lambda: _sign(key, app, issued_at))
        if signed is None:
            raise ProviderError(
                "`privateKey` is not an RSA key in PEM: give it the whole file that GitHub made for the App, with its"
                " first and last line",
                reason=reasons.INVALID_KEY,
            )
        installation, slug = await _find_installation(inputs, signed, asked, context)
        url = f"{_api(inputs)}/app/installations/{installation}/access_tokens"
        body = {name: inputs[name] for name in ("repositories", "permissions") if inputs.get(name)}
        reply = await ask(context, request("POST", url, bearer=signed, body=body, headers=_HEADERS))
        token, expires_at = _token(reply, asked, context.now())
        lease = lease_until(expires_at, issued_at)
        if lease is None:
            raise malformed(asked, "the token has already expired (compare the clocks)")
        value = {
            "accessToken": Secret(token),
            "appId": app,
            "appSlug": slug,
            "expiry": format_time(lease.expires_at),
            "installationId": installation,
            "type": "installation",
        }
        return Opened(value, lease, secret=False)


PROVIDER = GitHubLogin()

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


async def _find_installation(
    inputs: Mapping[str, Any], signed: str, asked: AsApp, context: OpenContext
) -> tuple[int, str]:
    """The App's installation on the owner, and the App's slug. An owner is an organization or a user."""
    for kind in ("orgs", "users"):
        url = f"{_api(inputs)}/{kind}/{quote(inputs['owner'], safe='')}/installation"
        reply = await ask(context, request("GET", url, bearer=signed, headers=_HEADERS))
        if not (kind == "orgs" and reply.status == 404 and reply.content is not None):
            break
    if reply.status != 200 or reply.content is None:
        raise errors.refused(reply, asked, context.now())
    match reply.content:
        case {"id": int() as installation, "app_slug": str() as slug} if 0 < installation < 2**53:
            return installation, slug
    raise malformed(asked, "it has no installation")


def _token(reply: Reply, asked: AsApp, now: datetime) -> tuple[str, datetime | None]:
    match reply:
        case (201, {"token": str() as token, "expires_at": str() as end}, _) if is_token(token):
            return token, parse_time(end)
        case (200 | 201, _, _):
            raise malformed(asked, "it has no token with an expiry")
    raise errors.refused(reply, asked, now)


def _sign(key: str, app: int, now: datetime) -> str | None:
    """A token of the App itself; None if the key is none. Nothing of the library's error is kept: it may have the
    key."""
    import jwt

    claims = {"iss": str(app), "iat": int((now - EARLIER).timestamp()), "exp": int((now + VALIDITY).timestamp())}
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def _describe(inputs: Mapping[str, Any]) -> AsApp:
    return AsApp(
        _host(inputs),
        f"the installation on {inputs['owner']}",
        "ghe.host" if inputs.get("ghe") else "",
        app=f"{inputs['appId']:.0f}",
        owner=inputs["owner"],
        repositories=tuple(inputs.get("repositories") or ()),
        permissions=tuple(f"{name}: {level}" for name, level in (inputs.get("permissions") or {}).items()),
    )


def _api(inputs: Mapping[str, Any]) -> str:
    """The URL of the API: of GitHub, of a tenant of ghe.com, or of a server."""
    host = _ghe_host(inputs)
    if not host:
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"https://{host}/api/v3"


def _host(inputs: Mapping[str, Any]) -> str:
    return _api(inputs).removeprefix("https://").partition("/")[0]


def _ghe_host(inputs: Mapping[str, Any]) -> str:
    ghe = inputs.get("ghe") or {}
    refuse(host_problems(ghe, "ghe", "host", example="github.example.com"))
    return str(ghe.get("host") or "").lower()


def _repository_problems(repositories: list[Any]) -> Iterator[InputProblem]:
    if len(repositories) > MOST_REPOSITORIES:
        message = f"`repositories` has {len(repositories)} names, and GitHub takes {MOST_REPOSITORIES} at most"
        yield InputProblem(("repositories",), message, common.INVALID_INPUTS)
    for place, name in enumerate(repositories):
        if isinstance(name, str) and "/" in name:
            message = f"`repositories[{place}]` has a slash: write the repository's name without its owner"
            yield InputProblem(("repositories",), message, common.INVALID_INPUTS)
