"""Values → definitions: what an author would have to write to get the value, secrets wrapped so that they can be
sealed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation.rendering import to_json

if TYPE_CHECKING:
    from esc_operator.editing.writing import Data
    from esc_operator.evaluation.values import Value


def definition_of(value: Value, *, secret: bool = False) -> Data:
    """The value as it is written down: secret strings as `fn::secret`, other secret scalars as the JSON in one.

    Arrays and objects are written out even where the whole is secret, since a rotator's state has to be an object
    literal; `secret` says that something around the value is. Dollar signs are doubled, so that no text becomes an
    interpolation. An unknown becomes null.
    """
    content = value.reveal_content()
    secret = secret or value.is_secret
    if isinstance(content, dict):
        return {_escaped(key): definition_of(child, secret=secret) for key, child in content.items()}
    if isinstance(content, tuple):
        return [definition_of(element, secret=secret) for element in content]
    if secret and not value.is_unknown:
        if isinstance(content, str):
            return {"fn::secret": _escaped(content)}
        return {"fn::fromJSON": {"fn::secret": to_json(value, redact=False)}}
    return _escaped(content) if isinstance(content, str) else content


def _escaped(text: str) -> str:
    return text.replace("$", "$$")
