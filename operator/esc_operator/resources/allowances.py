"""Which roles and audiences a namespace's environments may log in with: annotations of the Namespace. Pure.

Only administrators may change a Namespace, so they own its annotations. A list is a second line of defence behind the
clouds' trust policies; it does not limit users who can create pods.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.resources import GROUP

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WELL_KNOWN_AUDIENCES = (
    "api",
    "kubernetes.default.svc",
    "https://kubernetes.default",
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
)
"""The default audiences of API servers."""

ALLOWED_ROLES = f"{GROUP}/allowed-roles"
"""Annotation of a Namespace: patterns, separated by commas or spaces. Without it every role is allowed."""

ALLOWED_AUDIENCES = f"{GROUP}/allowed-audiences"
"""Annotation of a Namespace, as ALLOWED_ROLES; the API server's own audiences are never allowed."""

ALLOWED_TOKEN_AUDIENCES = f"{GROUP}/allowed-token-audiences"
"""Annotation of a Namespace, as ALLOWED_ROLES: for which audiences a provider may output the identity token itself.
Without it none if the namespace has another list, else all except those with which other providers log in."""

ALLOWED_URLS = f"{GROUP}/allowed-urls"
"""Annotation of a Namespace: patterns of origins (`https://vault.vault.svc:8200`) that the operator may connect to for
its environments although they are not public."""

_WITHIN = frozenset("/:")
_ANY, _ANY_WITHIN = "**", "*"


@dataclass(frozen=True, slots=True)
class Allowances:
    """The patterns of one namespace; None: everything is allowed, empty: nothing is. `urls` are allowed in addition to
    public ones; `api_audiences` are those that the API server accepts."""

    roles: tuple[str, ...] | None = None
    audiences: tuple[str, ...] | None = None
    token_audiences: tuple[str, ...] | None = None
    urls: tuple[str, ...] = ()
    api_audiences: frozenset[str] = frozenset(WELL_KNOWN_AUDIENCES)

    @property
    def digest(self) -> str:
        """A digest of the roles' patterns, to detect changes; "" if all are allowed."""
        if self.roles is None:
            return ""
        return hashlib.sha256("\n".join(self.roles).encode()).hexdigest()[:16]

    def allows_role(self, role: str) -> bool:
        return self.roles is None or any(matches(pattern, role) for pattern in self.roles)

    @property
    def restricts(self) -> bool:
        """Whether there is any list for logins."""
        return any(patterns is not None for patterns in (self.roles, self.audiences, self.token_audiences))

    def allows_token(self, audience: str, *, exchanged: bool) -> bool:
        """Whether a provider may output the identity token itself. `exchanged`: another provider would exchange it, so
        that it gives access to any role that trusts the identity: such an audience has to be listed literally."""
        if exchanged:
            return audience in (self.token_audiences or ())
        if self.token_audiences is None:
            return not self.restricts
        return any(matches(pattern, audience) for pattern in self.token_audiences)

    def allows_audience(self, audience: str) -> bool:
        if audience.strip() in self.api_audiences:
            return False
        return self.audiences is None or any(matches(pattern, audience) for pattern in self.audiences)


def parse_allowances(
    annotations: Mapping[str, str] | None, api_audiences: Collection[str] = (), *, required: bool = False
) -> Allowances:
    """What the annotations of a namespace allow. If lists are `required`, a missing list allows nothing."""
    found = annotations or {}
    return Allowances(
        roles=_patterns(found.get(ALLOWED_ROLES), required=required),
        audiences=_patterns(found.get(ALLOWED_AUDIENCES), required=required),
        token_audiences=_patterns(found.get(ALLOWED_TOKEN_AUDIENCES), required=required),
        urls=_patterns(found.get(ALLOWED_URLS, ""), required=False) or (),
        api_audiences=frozenset((*WELL_KNOWN_AUDIENCES, *api_audiences)),
    )


def _patterns(text: str | None, *, required: bool) -> tuple[str, ...] | None:
    if text is None:
        return () if required else None
    return tuple(text.replace(",", " ").split())


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches a text: `*` matches any characters but `/` and `:`, `**` any characters, and everything
    else matches itself, case-sensitively.

    So `arn:aws:iam::*:role/team-*` matches no role below a path, and no ARN with hidden parts. No pattern matches a
    text with anything but visible ASCII: no role and no audience needs it, and similar characters must not be confused.
    The time is proportional to both lengths, whatever they contain.
    """
    head, star, _ = pattern.partition("*")
    if not star:
        return text == pattern and is_visible(text)
    # Most texts match no pattern, and are rejected here.
    if not (text.startswith(head) and text.endswith(pattern.rpartition("*")[2]) and is_visible(text)):
        return False
    tokens = _tokens(pattern)
    places = _skip_stars(tokens, {0})
    for character in text:
        ahead = {place + 1 for place in places if place < len(tokens) and tokens[place] == character}
        stay = {place for place in places if place < len(tokens) and _takes(tokens[place], character)}
        places = _skip_stars(tokens, ahead | stay)
        if not places:
            return False
    return len(tokens) in places


def is_visible(text: str) -> bool:
    """Whether a text is nothing but visible ASCII, so that a pattern may match it."""
    return all("!" <= character <= "~" for character in text)


def _tokens(pattern: str) -> list[str]:
    tokens: list[str] = []
    for character in pattern:
        if character != "*":
            tokens.append(character)
        elif tokens and tokens[-1] in {_ANY, _ANY_WITHIN}:
            tokens[-1] = _ANY
        else:
            tokens.append(_ANY_WITHIN)
    return tokens


def _takes(token: str, character: str) -> bool:
    return token == _ANY or (token == _ANY_WITHIN and character not in _WITHIN)


def _skip_stars(tokens: list[str], places: set[int]) -> set[int]:
    """These positions, and those behind stars, which also match the empty text."""
    reached = set()
    for start in places:
        place = start
        reached.add(place)
        while place < len(tokens) and tokens[place] in {_ANY, _ANY_WITHIN}:
            place += 1
            reached.add(place)
    return reached
