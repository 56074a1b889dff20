"""Base64 as Go's `encoding/base64` reads it: the standard padded alphabet, line breaks skipped, the first bad byte
named. Written here because Python's decoder skips what is no base64, or refuses it and does not say where.
"""

import binascii
from typing import Final

from esc_operator.lang.budget import weight

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_LINE_BREAKS: Final = b"\r\n"
_PADDING: Final = ord("=")


def coding_units(text: str) -> int:
    """What it costs to encode or decode a text."""
    return weight(text) // 12


def encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def decode(text: str) -> tuple[bytes | None, int]:
    """The bytes, or None with the offset of the first bad byte of the UTF-8 text."""
    data = text.encode("utf-8", "surrogateescape")
    offset = _first_bad_byte(data)
    return (binascii.a2b_base64(data), 0) if offset is None else (None, offset)


def _first_bad_byte(data: bytes) -> int | None:
    """Where decoding fails, or None where it does not.

    A last group of four that is not filled is blamed on its first character. Bits that padding leaves over may be any.
    """
    if len(data) % 4 == 0 and _ALPHABET.issuperset(data[:-2]) and _ends_well(data[-2:]):
        return None  # the common case, without a loop of ours
    filled = 0
    for offset, byte in enumerate(data):
        if byte in _ALPHABET:
            filled = (filled + 1) % 4
        elif byte == _PADDING:
            return _bad_padding(data, offset, filled)
        elif byte not in _LINE_BREAKS:
            return offset
    return len(data) - filled if filled else None


def _ends_well(last: bytes) -> bool:
    return _ALPHABET.issuperset(last.removesuffix(b"=").removesuffix(b"="))


def _bad_padding(data: bytes, offset: int, filled: int) -> int | None:
    """The same for a text whose padding begins at `offset`, after `filled` characters of the last group."""
    if filled < 2:
        return offset
    rest = _skip_breaks(data, offset + 1)
    if filled == 2:
        if rest == len(data):
            return len(data)
        if data[rest] != _PADDING:
            return rest - 1
        rest = _skip_breaks(data, rest + 1)
    return None if rest == len(data) else rest


def _skip_breaks(data: bytes, offset: int) -> int:
    while offset < len(data) and data[offset] in _LINE_BREAKS:
        offset += 1
    return offset
