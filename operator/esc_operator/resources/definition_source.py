"""Where an environment's definition is: in its spec, as an object or as a text, or in another object. Pure.

Only this module knows the fields; all others get the source of a definition from it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from esc_operator.formats.durations import parse_duration
from esc_operator.lang.document import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

OBJECT_FIELD: Final = "environment"
TEXT_FIELD: Final = "definition"
REFERENCE_FIELD: Final = "environmentFrom"

FIELDS: Final = (OBJECT_FIELD, TEXT_FIELD, REFERENCE_FIELD)
"""The fields of a spec of which exactly one is set."""

INLINE_FIELDS: Final = frozenset({OBJECT_FIELD, TEXT_FIELD})
"""Those that hold the definition itself, and may be large."""

CONFIG_MAP_FIELD: Final = "configMapKeyRef"
SECRET_FIELD: Final = "secretKeyRef"  # noqa: S105 - a field, not a password
PULUMI_FIELD: Final = "pulumi"
TOKEN_FIELD: Final = "accessTokenSecretRef"  # noqa: S105 - a field, not a password

PULUMI: Final = "pulumi"
"""The name of Pulumi Cloud, as a service that evaluates environments."""
PULUMI_URL: Final = "https://api.pulumi.com"
"""The API of Pulumi Cloud; a spec may name another one that speaks it."""
DEFAULT_PULUMI_PROJECT: Final = "default"


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An object of the manifest, which kubectl has read before. It may hold plaintext secrets."""

    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextSource:
    """A YAML text, unchanged. It may hold plaintext secrets."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySource:
    """A YAML text at a key of a ConfigMap or a Secret, in the environment's namespace, or in that of the operator for a
    ClusterEscEnvironment."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    key: str

    @property
    def is_confidential(self) -> bool:
        """Whether people who read the environment may not be allowed to read the text."""
        return self.kind == "Secret"

    @property
    def field(self) -> str:
        return f"spec.{REFERENCE_FIELD}.{SECRET_FIELD if self.is_confidential else CONFIG_MAP_FIELD}"


@dataclass(frozen=True, slots=True)
class TokenSource:
    """An access token at a key of a Secret, in the environment's namespace, or in that of the operator for a
    ClusterEscEnvironment."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """An access token in exchange for the identity token of the environment's ServiceAccount: one of a team, of a user,
    or, if both are "", of the organization."""

    team: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class PulumiSource:
    """An environment in Pulumi Cloud, which evaluates it; only its values arrive here.

    `version` is a revision or a tag, "" for the latest. `lifetime` is how long its values can be relied on, None if
    that is not said. `api_url` has no slash at its end.
    """

    organization: str
    project: str
    environment: str
    access: TokenSource | TokenExchange
    version: str = ""
    lifetime: timedelta | None = None
    api_url: str = PULUMI_URL

    @property
    def field(self) -> str:
        return f"spec.{REFERENCE_FIELD}.{PULUMI_FIELD}"

    @property
    def origin(self) -> str:
        """Its name in Pulumi Cloud, such as acme/shop/prod@stable."""
        name = f"{self.organization}/{self.project}/{self.environment}"
        return f"{name}@{self.version}" if self.version else name


DefinitionSource = ObjectSource | TextSource | KeySource | PulumiSource


def parse_source(spec: Mapping[str, Any]) -> DefinitionSource | None:
    """The source that a spec names; None if it names none, or was left out because it is too large."""
    if (text := spec.get(TEXT_FIELD)) is not None:
        return TextSource(text)
    reference = spec.get(REFERENCE_FIELD) or {}
    if named := reference.get(CONFIG_MAP_FIELD):
        return KeySource("ConfigMap", named["name"], named["key"])
    if named := reference.get(SECRET_FIELD):
        return KeySource("Secret", named["name"], named["key"])
    if named := reference.get(PULUMI_FIELD):
        return _parse_pulumi(named)
    data = spec.get(OBJECT_FIELD)
    return None if data is None else ObjectSource(data)


def _parse_pulumi(named: Mapping[str, Any]) -> PulumiSource:
    token, exchange = named.get(TOKEN_FIELD), named.get("oidc") or {}
    return PulumiSource(
        named["organization"],
        named.get("project") or DEFAULT_PULUMI_PROJECT,
        named["environment"],
        TokenSource(token["name"], token["key"])
        if token
        else TokenExchange(exchange.get("team") or "", exchange.get("user") or ""),
        str(named.get("version") or ""),
        parse_duration(named["lifetime"]) if named.get("lifetime") else None,
        (named.get("apiUrl") or PULUMI_URL).rstrip("/"),
    )


def names_exports(source: DefinitionSource | None) -> bool:
    """Whether a definition, before it is read, looks as if it exported something itself. What only its imports export
    does not show. One in Pulumi Cloud cannot be read, and may."""
    if isinstance(source, PulumiSource):
        return True
    if isinstance(source, TextSource):
        return any(name in source.text for name in EXPORTS)
    data = source.data if isinstance(source, ObjectSource) else {}
    values = [value for key, value in data.items() if key.casefold() == "values"]
    return any(isinstance(value, dict) and any(value.get(name) for name in EXPORTS) for value in values)


def mark_of(uid: str, found: str) -> str:
    """A mark that changes with a text, or with the reason why there is none. It reveals nothing of the text to people
    who do not know the UID of the object that holds it: they may read statuses, and not the object."""
    return hmac.new(uid.encode(), found.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]
