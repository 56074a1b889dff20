"""JSON-like data and strings as YAML text, to be put into a definition that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final

from esc_operator.lang.numbers import Number
from esc_operator.lang.scalars import Scalar, resolve_plain

Data = Scalar | Sequence["Data"] | Mapping[str, "Data"]
"""JSON data in which every number is a `Number`."""

_NOT_FIRST: Final = frozenset("-?:,[]{}#&*!|>'\"%@`~<=")
_YAML_1_1: Final = frozenset(("y", "n", "yes", "no", "on", "off"))
"""Strings here, and booleans to a reader that follows YAML 1.1."""
_NOWHERE: Final = frozenset(",[]{}?")


def write_string(text: str, style: str = "") -> str:
    """The string as a scalar on one line, in the wanted style (plain, `'` or `"`) where that can hold it."""
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if style != '"' and is_plain(text):
        return text
    return _double_quoted(text)


def is_plain(text: str) -> bool:
    """Whether the string can stand without quotes, in a flow collection too, and is still a string."""
    if not text or text[0] in _NOT_FIRST or text != text.strip() or not text.isprintable() or text.endswith(":"):
        return False
    if ": " in text or " #" in text or not _NOWHERE.isdisjoint(text):
        return False
    return isinstance(resolve_plain(text), str) and text.lower() not in _YAML_1_1


def _double_quoted(text: str) -> str:
    escaped = encode_basestring(text)
    if text.isprintable():
        return escaped
    return "".join(
        character if character.isprintable() or ord(character) < 0x80 else _escape(character) for character in escaped
    ).replace("\x7f", "\\x7f")


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def write_data(data: Data, indent: int) -> str:
    """The data as it stands behind `key:`: a scalar after a space, or a block on the lines below, indented by
    `indent`.
    """
    if isinstance(data, Mapping) and data:
        margin = "\n" + " " * indent
        return "".join(f"{margin}{write_string(key)}:{write_data(value, indent + 2)}" for key, value in data.items())
    if isinstance(data, Sequence) and not isinstance(data, str) and data:
        margin = "\n" + " " * indent
        return "".join(f"{margin}- {write_data(element, indent + 2).lstrip()}" for element in data)
    return f" {write_flow(data)}"


def write_flow(data: Data) -> str:
    """The data on one line."""
    if isinstance(data, str):
        return write_string(data)
    if isinstance(data, Number):
        return data.text
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{write_string(key)}: {write_flow(value)}" for key, value in data.items()) + "}"
    return "[" + ", ".join(write_flow(element) for element in data) + "]"
