"""Values as plain data and as JSON text.

Redaction wins over everything: a secret is `[secret]` even where it is also unknown. Without redaction an unknown is
`[unknown]`.
"""

from collections.abc import Callable
from typing import Any, Final

from esc_operator.evaluation.values import Value
from esc_operator.lang.numbers import Number
from esc_operator.schema import Json, NumberText, json_text

SECRET_TEXT: Final = "[secret]"  # noqa: S105  (what stands in place of a secret)
UNKNOWN_TEXT: Final = "[unknown]"


def to_data(value: Value, *, redact: bool) -> Any:
    """Python data; numbers as int, or as a float that remembers its text."""
    return _render(value, redact, Number.to_python)


def to_json(value: Value, *, redact: bool) -> str:
    return json_text(to_json_data(value, redact=redact))


def to_json_data(value: Value, *, redact: bool) -> Json:
    """JSON data with numbers by their text."""
    data: Json = _render(value, redact, lambda number: NumberText(number.text))
    return data


def _render(value: Value, redact: bool, number: Callable[[Number], object]) -> Any:
    if redact and value.is_secret:
        return SECRET_TEXT
    if value.is_unknown or value.is_pending:
        return UNKNOWN_TEXT
    content = value.reveal_content()
    if isinstance(content, dict):
        return {key: _render(content[key], redact, number) for key in sorted(content)}
    if isinstance(content, tuple):
        return [_render(element, redact, number) for element in content]
    return number(content) if isinstance(content, Number) else content
