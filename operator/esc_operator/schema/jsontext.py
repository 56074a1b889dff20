"""JSON as Go writes it, with numbers by their text.

Both the schema layer (constants in messages) and the evaluator (`fn::toJSON`) write JSON, and both must write it byte
for byte like upstream: compact, keys sorted, `<`, `>`, `&` and the two Unicode line separators escaped.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final


class NumberText(str):
    """A JSON number, by its text."""

    __slots__ = ()


Json = None | bool | str | NumberText | Sequence["Json"] | Mapping[str, "Json"]
"""JSON data in which every number is a `NumberText`."""

_GO_ESCAPES: Final = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def json_text(data: Json) -> str:
    """Compact JSON text of `data`."""
    pieces: list[str] = []
    _write(data, pieces.append)
    return "".join(pieces)


def json_string(text: str) -> str:
    """One JSON string with its quotes.

    Unpaired surrogates, which no JSON text can carry, become replacement characters.
    """
    if not text.isascii():
        text = text.translate(_SURROGATES)
    return _encoder()(text).translate(_GO_ESCAPES)


@cache
def _encoder() -> Callable[[str], str]:
    from json.encoder import encode_basestring  # a static environment writes no JSON

    return encode_basestring


def _write(data: Json, put: Callable[[str], None]) -> None:
    if data is None:
        put("null")
    elif data is True or data is False:
        put("true" if data else "false")
    elif isinstance(data, NumberText):
        put(data)
    elif isinstance(data, str):
        put(json_string(data))
    elif isinstance(data, Mapping):
        _write_object(data, put)
    else:
        _write_array(data, put)


def _write_object(data: Mapping[str, Json], put: Callable[[str], None]) -> None:
    separator = "{"
    for key in sorted(data):
        put(f"{separator}{json_string(key)}:")
        _write(data[key], put)
        separator = ","
    put("{}" if separator == "{" else "}")


def _write_array(data: Sequence[Json], put: Callable[[str], None]) -> None:
    separator = "["
    for item in data:
        put(separator)
        _write(item, put)
        separator = ","
    put("[]" if separator == "[" else "]")
