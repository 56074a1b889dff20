"""What Pulumi's `credentials.json` says, and how it changes; what is not known in it is kept. Pure.

{"current": URL?, "accessTokens": {URL: TOKEN}, "accounts": {URL: {"accessToken", "username", "organizations",
 "lastValidatedAt", "insecure"?, "tokenInformation": {"name", "organization"?, "team"?, "expiresAt"?}?}}}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.errors import ConfigurationError
from esc_operator.formats.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_ENCRYPTED: Final = "$pulumiSecureStore"
_VERSION: Final = 1
"""The newest version of the file that is known here."""

_SKELETON: Final = frozenset({"version", "accessTokens", "accounts"})
"""Fields that say nothing if they are empty."""


class Account(NamedTuple):
    """A login. `organizations` are those that its user belongs to, as far as they are known; `expires_at` is None for
    a token that does not expire, or whose expiry is not known."""

    token: str
    username: str = ""
    organizations: tuple[str, ...] = ()
    expires_at: datetime | None = None
    insecure: bool = False
    """Whether the user said that any certificate of the service is accepted."""
    is_renewable: bool = False
    """Whether Pulumi's own command can renew the token."""
    token_name: str = ""
    token_organization: str = ""
    token_team: str = ""

    def __repr__(self) -> str:
        return f"<Account of {self.username}>"


def parse(text: bytes, path: str) -> dict[str, Any]:
    """The content of the file. Raises ConfigurationError for one that must not be touched."""
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    # Nothing of it is quoted: it holds tokens.
    if not isinstance(data, dict) or not all(
        isinstance(data.get(name, {}), dict) for name in ("accessTokens", "accounts")
    ):
        raise ConfigurationError(
            f"{path} is damaged, and was left as it is: correct it, or move it away and log in again; until then, "
            "PULUMI_ACCESS_TOKEN may hold a token"
        )
    if _ENCRYPTED in data:
        raise ConfigurationError(
            f"{path} is encrypted, and only Pulumi's own command can read it: set PULUMI_ACCESS_TOKEN, or have it "
            "written in plain with PULUMI_CREDENTIAL_STORE=plaintext pulumi login"
        )
    if data.get("version") not in {None, 0, _VERSION}:
        raise ConfigurationError(
            f"{path} was written by a newer command of Pulumi's, and was left as it is: set PULUMI_ACCESS_TOKEN, or "
            "update esc"
        )
    return data


def render(data: Mapping[str, Any]) -> bytes | None:
    """The file; None if nothing is left that it would say."""
    if all(name in _SKELETON and (name == "version" or not value) for name, value in data.items()):
        return None
    return json.dumps(data, indent=4, ensure_ascii=False).encode("utf-8", "surrogatepass")


def urls(data: Mapping[str, Any]) -> list[str]:
    """The URLs of all logins, each once."""
    return sorted({*data.get("accessTokens", {}), *data.get("accounts", {})})


def find_account(data: Mapping[str, Any], url: str) -> Account | None:
    """The login of a URL."""
    for key in _keys(data, url):
        found = data.get("accounts", {}).get(key)
        entry = found if isinstance(found, dict) else {}
        token = entry.get("accessToken") or data.get("accessTokens", {}).get(key)
        if isinstance(token, str) and token:
            return _account(entry, token)
    return None


def with_account(data: Mapping[str, Any], url: str, account: Account, now: datetime) -> dict[str, Any]:
    """The content with this login, in place of another one of the same URL."""
    key = next(_keys(data, url), url)
    accounts, tokens = dict(data.get("accounts", {})), dict(data.get("accessTokens", {}))
    known = accounts.get(key)
    entry = dict(known) if isinstance(known, dict) else {}
    if entry.get("accessToken") != account.token:
        # They belong to the token that was there before: a refresh token would bring that one back.
        entry = {name: value for name, value in entry.items() if name not in {"refreshToken", "tokenInformation"}}
    entry |= {
        "accessToken": account.token,
        "username": account.username,
        "organizations": list(account.organizations),
        "lastValidatedAt": format_time(now),
    }
    entry.pop("insecure", None)
    entry |= {"insecure": True} if account.insecure else {}
    if information := _information(account):
        entry["tokenInformation"] = {**entry.get("tokenInformation", {}), **information}
    return {**data, "accessTokens": {**tokens, key: account.token}, "accounts": {**accounts, key: entry}}


def without_account(data: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The content without the login of a URL."""
    gone = set(_keys(data, url))
    left = {
        name: {key: value for key, value in data[name].items() if key not in gone}
        for name in ("accessTokens", "accounts")
        if name in data
    }
    rest = {name: value for name, value in data.items() if name != "current" or value not in gone | {url}}
    return {**rest, **left}


def _keys(data: Mapping[str, Any], url: str) -> Iterator[str]:
    """The keys that mean the URL: Pulumi's commands keep a slash at its end if the user wrote one."""
    return (key for key in urls(data) if key.rstrip("/") == url.rstrip("/"))


def _account(entry: Mapping[str, Any], token: str) -> Account:
    about = entry.get("tokenInformation")
    about = about if isinstance(about, dict) else {}
    organizations = entry.get("organizations")
    expires = about.get("expiresAt")
    return Account(
        token,
        str(entry.get("username") or ""),
        tuple(each for each in organizations if isinstance(each, str)) if isinstance(organizations, list) else (),
        parse_time(expires) if isinstance(expires, str) else None,
        entry.get("insecure") is True,
        bool(entry.get("refreshToken")),
        str(about.get("name") or ""),
        str(about.get("organization") or ""),
        str(about.get("team") or ""),
    )


def _information(account: Account) -> dict[str, str]:
    found = {
        "name": account.token_name,
        "organization": account.token_organization,
        "team": account.token_team,
        "expiresAt": format_time(account.expires_at) if account.expires_at else "",
    }
    told = {name: value for name, value in found.items() if value}
    # Pulumi's commands always have a name there.
    return {"name": "", **told} if told else {}
