"""Values → definitions: what an author would have to write to get the value, secrets wrapped so that they can be
sealed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esc_operator.evaluation.values import Value
    from esc_operator.lang.writing import Data


def definition_of(value: Value) -> Data:
    """The value as it is written down: a secret string as `fn::secret`, any other secret as the JSON in one.

    Dollar signs are doubled, so that no text becomes an interpolation. An unknown becomes null.
    """
    content = value.reveal_content()
    if value.is_secret and not value.is_unknown:
        if isinstance(content, str):
            return {"fn::secret": content.replace("$", "$$")}
        return {"fn::fromJSON": {"fn::secret": value.to_json(redact=False).replace("$", "$$")}}
    if isinstance(content, dict):
        return {key.replace("$", "$$"): definition_of(child) for key, child in content.items()}
    if isinstance(content, tuple):
        return [definition_of(element) for element in content]
    return content.replace("$", "$$") if isinstance(content, str) else content
