"""From the source of a definition to the definition as it is stored. Pure; the operator and `esc` both use it.

Invariant: no message quotes a text that is in a Secret.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from esc_operator.formats.phrases import first_of
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL, reasons
from esc_operator.resources.definition_source import (
    FIELDS,
    OBJECT_FIELD,
    PULUMI,
    TEXT_FIELD,
    TOKEN_FIELD,
    KeySource,
    ObjectSource,
    TextSource,
    TokenExchange,
)
from esc_operator.resources.environment import Key
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.resources.definition_source import PulumiSource, TokenSource

TOKEN_PREFIX: Final = "pul-"  # noqa: S105 - the beginning of every one
"""How access tokens of Pulumi Cloud begin."""

_WHAT_TO_WRITE: Final = "write the text of an environment, such as `values: {}`"
_MOST_NAMES: Final = 5
"""How many keys of a ConfigMap a message names."""


def stored_definition(
    key: Key,
    source: ObjectSource | TextSource | None,
    *,
    generation: int = 0,
    trusted: frozenset[str] = frozenset(),
) -> StoredDefinition | Failed:
    """A definition that is in the environment itself; `generation` and `trusted` as in `StoredDefinition`."""
    if source is None:
        fields = f"{', '.join(f'spec.{name}' for name in FIELDS[:-1])} and spec.{FIELDS[-1]}"
        return Failed(f"{key.describe()} has no definition: set one of {fields}", reasons.INVALID_SPEC)
    if isinstance(source, ObjectSource):
        prefix = f"spec.{OBJECT_FIELD}"
        return StoredDefinition(
            key.full_name, definition=source.data, path_prefix=prefix, generation=generation, trusted=trusted
        )
    prefix = f"spec.{TEXT_FIELD}"
    if not source.text.strip():
        return Failed(f"{prefix} is empty: {_WHAT_TO_WRITE}", reasons.INVALID_SPEC)
    return StoredDefinition(key.full_name, text=source.text, path_prefix=prefix, generation=generation, trusted=trusted)


def referenced_definition(  # noqa: PLR0913 - the environment, its reference, and what is there
    key: Key,
    source: KeySource,
    place: str,
    body: Mapping[str, Any] | None,
    *,
    generation: int = 0,
    trusted: frozenset[str] = frozenset(),
) -> StoredDefinition | Failed:
    """A definition in another object; `body` is that object, of the namespace `place`, None if there is none."""
    text = text_at(source, place, body)
    if isinstance(text, Failed):
        return text
    return StoredDefinition(
        key.full_name,
        text=text,
        path_prefix=f"{describe(source, place)}, key {source.key}",
        generation=generation,
        trusted=trusted,
        is_confidential=source.is_confidential,
    )


def pulumi_definition(
    key: Key, source: PulumiSource, *, generation: int = 0, trusted: frozenset[str] = frozenset()
) -> StoredDefinition:
    """A definition that Pulumi Cloud holds and evaluates."""
    return StoredDefinition(
        key.full_name, path_prefix=source.field, generation=generation, trusted=trusted, service=PULUMI
    )


def service_inputs(source: PulumiSource, token: str) -> dict[str, Any]:
    """What Pulumi Cloud is asked for, as the inputs of `stores.pulumi.service`; `token` is the access token, "" if the
    identity token is exchanged for one."""
    access = source.access
    whose = {"team": access.team, "user": access.user} if isinstance(access, TokenExchange) else {"accessToken": token}
    return {
        "organization": source.organization,
        "project": source.project,
        "environment": source.environment,
        "version": source.version,
        "apiUrl": source.api_url,
        "lifetime": source.lifetime.total_seconds() if source.lifetime else 0,
        **whose,
    }


def token_at(source: PulumiSource, token: TokenSource, place: str, body: Mapping[str, Any] | None) -> str | Failed:
    """The access token that a reference names; `body` is the Secret, of the namespace `place`, None if there is none.
    No message quotes anything of it."""
    where = f"{source.field}.{TOKEN_FIELD}: Secret {Key(place, token.name)}"
    if body is None:
        return Failed(f"{where} does not exist: create it, or correct the name", reasons.ACCESS_TOKEN_NOT_FOUND)
    if refusal := _refuse_token_secret(body):
        return Failed(f"{where} {refusal}", reasons.ACCESS_TOKEN_NOT_USABLE)
    data = body.get("data") or {}
    if token.key not in data:
        return Failed(f"{where} has no key {token.key}: add it, or correct the key", reasons.ACCESS_TOKEN_NOT_FOUND)
    try:
        text = base64.b64decode(data[token.key] or "").decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    # The author of an environment may choose the host that gets it: nothing else in a Secret must go there.
    if not text.startswith(TOKEN_PREFIX) or not text.isprintable() or " " in text:
        return Failed(
            f"{where} has at key {token.key} what is no access token: store the token alone, as Pulumi Cloud shows it; "
            f"it begins with {TOKEN_PREFIX}",
            reasons.ACCESS_TOKEN_NOT_USABLE,
        )
    return text


def _refuse_token_secret(body: Mapping[str, Any]) -> str:
    """Why a Secret was not made to hold an access token; "" if it may have been."""
    if (body["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY:
        return "is one that esc-operator fills: store the access token in one of its own"
    kind = body.get("type") or "Opaque"
    return "" if kind == "Opaque" else f"has the type {kind}, and a token is read only from one of type Opaque"


def text_at(source: KeySource, place: str, body: Mapping[str, Any] | None) -> str | Failed:
    """The text that a reference names."""
    where = f"{source.field}: {describe(source, place)}"
    if body is None:
        return Failed(
            f"{where} does not exist: create it, or correct the name",
            reasons.DEFINITION_NOT_FOUND,
        )
    if refusal := _refuse_secret(source, body):
        return Failed(f"{where} {refusal}", reasons.DEFINITION_NOT_USABLE)
    text = _decoded(source, body)
    if text is None:
        return Failed(f"{where} has no key {source.key}{_what_there_is(source, body)}", reasons.DEFINITION_NOT_FOUND)
    if isinstance(text, bytes):
        return Failed(
            f"{where} has at key {source.key} what is not a UTF-8 text: store the definition as text, under `data` and "
            "not `binaryData`"
            if not source.is_confidential
            else f"{where} has at key {source.key} what is not a UTF-8 text: store the definition as text",
            reasons.DEFINITION_NOT_USABLE,
        )
    if not text.strip():
        return Failed(f"{where} is empty at key {source.key}: {_WHAT_TO_WRITE}", reasons.DEFINITION_NOT_USABLE)
    return text


def describe(source: KeySource, place: str) -> str:
    """The object that a reference names, for people."""
    return f"{source.kind} {Key(place, source.name)}"


def _refuse_secret(source: KeySource, body: Mapping[str, Any]) -> str:
    """Why a Secret was not made to hold a definition; "" if it may have been."""
    if not source.is_confidential:
        return ""
    if (body["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY:
        return "is one that esc-operator fills, and holds no definition: name another one, or import its environment"
    kind = body.get("type") or "Opaque"
    if kind != "Opaque":
        return f"has the type {kind}, and a definition is read only from one of type Opaque: create one for it"
    return ""


def _decoded(source: KeySource, body: Mapping[str, Any]) -> str | bytes | None:
    """The data at the key: bytes if it is not a text, None if there is none."""
    data = body.get("data") or {}
    if not source.is_confidential:
        text: str | None = data.get(source.key)
        return b"" if text is None and source.key in (body.get("binaryData") or {}) else text
    if source.key not in data:
        return None
    try:
        found = base64.b64decode(data[source.key] or "")
    except binascii.Error:
        return b""
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found


def _what_there_is(source: KeySource, body: Mapping[str, Any]) -> str:
    """What to do about a missing key. It names no keys of a Secret: not every reader of the environment may know
    them."""
    if source.is_confidential:
        return ": add it, or correct the key"
    names = sorted((*(body.get("data") or {}), *(body.get("binaryData") or {})))
    if not names:
        return ": it is empty; add the key, or correct the name"
    return f": it has {first_of(names, _MOST_NAMES)}; add the key, or correct it"
