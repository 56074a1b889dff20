"""The secret texts of a value, for redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation.values import Value


def secret_texts(value: Value, *, inside: bool = False) -> Iterator[str]:
    """The secret strings and numbers in a value; `inside` says that it is part of a secret.

    Booleans and null hold no secret, and redacting them would redact every `true` of a program's output.
    """
    inside = inside or value.is_secret
    if not (inside or value.contains_secrets):
        return
    for part in (*value.elements, *value.properties.values()):
        yield from secret_texts(part, inside=inside)
    scalar = value.reveal_scalar()
    if inside and isinstance(scalar, str):
        yield scalar
