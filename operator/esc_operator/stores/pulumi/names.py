"""The URL of the API, and the names that become parts of a request's path. Pure.

Invariant: a name never changes which request is made. Names of organizations, projects and environments have few
characters; in all others whatever a URL could misread is refused or escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from esc_operator.errors import ProviderError
from esc_operator.formats.phrases import printable
from esc_operator.stores.pulumi import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

API_URL: Final = "https://api.pulumi.com"

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LONGEST: Final = 300
_NOT_IN_A_SEGMENT: Final = frozenset("/\\%?#")
_TAKEN: Final = frozenset({"tags"})
"""Versions whose path is that of another request."""


class EnvironmentName(NamedTuple):
    """An environment of Pulumi Cloud."""

    organization: str
    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.project}/{self.name}"

    def path(self) -> tuple[str, ...]:
        """The segments of its path below the API. Raises ProviderError for a name that no environment can have."""
        organization = check_name("organization", self.organization)
        project, name = check_name("project", self.project), check_name("environment", self.name)
        return ("esc", "environments", organization, project, name)


def check_name(what: str, name: str) -> str:
    """The name of an organization, project or environment. Raises ProviderError if it cannot be one."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise _invalid(what, name, "letters, digits, hyphens, underscores and periods, at most 100 of them")
    return name


def check_segment(what: str, text: str) -> str:
    """Another part of a path: a tag, the ID of a session. Raises ProviderError if it could change the path."""
    odd = not text or text in {".", ".."} or len(text) > _LONGEST or not text.isprintable()
    if odd or any(sign in text for sign in _NOT_IN_A_SEGMENT):
        raise _invalid(what, text, rf"no /, \, %, ? or #, at most {_LONGEST} characters")
    return text


def check_version(version: str) -> str:
    """A revision number or a tag. Raises ProviderError if it cannot be one."""
    if version in _TAKEN:
        raise _invalid("version", version, "the number of a revision, or another tag: the API keeps this word")
    return check_segment("version", version)


def check_api_url(url: str) -> str:
    """The URL of an API, without a slash at its end. Raises ProviderError if it is not one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    plain = url.isascii() and url.isprintable() and not any(sign in url for sign in " \\%?#")
    if not usable or not plain or "@" in parts.netloc or ".." in parts.path.split("/"):
        # The URL itself is not shown: it may hold a password.
        raise ProviderError(
            f"the URL of the API cannot be used: write it like {API_URL}, without a user, a query or a fragment",
            reason=reasons.INVALID_API_URL,
        )
    return url.rstrip("/")


def request_url(api_url: str, path: Sequence[str], query: Mapping[str, str]) -> str:
    """The URL of a request; `path` are the segments below `/api`."""
    segments = "/".join(quote(segment, safe="") for segment in path)
    return f"{api_url}/api/{segments}" + (f"?{urlencode(query)}" if query else "")


def origin_of(url: str) -> str:
    """Scheme and host of a URL that somebody sent, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "[unreadable]"
    host = printable(parts.netloc.rpartition("@")[2][:_LONGEST])
    return f"{printable(parts.scheme[:10])}://{host}" if host else ""


def _invalid(what: str, name: str, has: str) -> ProviderError:
    shown = printable(name if len(name) <= 60 else f"{name[:60]}…")
    return ProviderError(f'the {what} "{shown}" cannot be one: write {has}', reason=reasons.INVALID_NAME)
