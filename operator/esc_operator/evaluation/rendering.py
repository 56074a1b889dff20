"""Values as JSON.

Redaction wins over everything: a secret is `[secret]` even where it is also unknown. Without redaction an unknown is
`[unknown]`.
"""

from typing import Final

from esc_operator.evaluation.values import UNKNOWN_TEXT, Value
from esc_operator.lang.numbers import Number
from esc_operator.schema import Json, NumberText, json_text

SECRET_TEXT: Final = "[secret]"  # noqa: S105  (what stands in place of a secret)


def to_json(value: Value, *, redact: bool = True) -> str:
    """Compact JSON text, keys sorted, numbers by their text."""
    return json_text(to_json_data(value, redact=redact))


def to_json_data(value: Value, *, redact: bool = True) -> Json:
    """JSON data with numbers by their text."""
    if redact and value.is_secret:
        return SECRET_TEXT
    if value.is_unknown or value.is_pending:
        return UNKNOWN_TEXT
    content = value.reveal_content()
    if isinstance(content, dict):
        return {key: to_json_data(content[key], redact=redact) for key in sorted(content)}
    if isinstance(content, tuple):
        return [to_json_data(element, redact=redact) for element in content]
    return NumberText(content.text) if isinstance(content, Number) else content
