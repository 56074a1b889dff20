"""Base64 as Go's `encoding/base64` reads it: the standard padded alphabet, line breaks skipped, the first bad byte
named.
"""

import binascii
from typing import Final

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_LINE_BREAKS: Final = b"\r\n"


def encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def decode(text: str) -> tuple[bytes | None, int]:
    """The bytes, or None with the offset of the first bad byte of the UTF-8 text."""
    data = text.encode("utf-8", "surrogateescape")
    compact = data.translate(None, _LINE_BREAKS)
    try:
        return binascii.a2b_base64(compact, strict_mode=True), 0
    except binascii.Error:
        offset = _first_bad_byte(data)
    if offset is None:
        # Bits that padding leaves over are let pass by Go and not by Python's strict mode.
        return binascii.a2b_base64(compact), 0
    return None, offset


def _first_bad_byte(data: bytes) -> int | None:
    """Where decoding fails, or None where it does not.

    A quantum that ends too early is blamed on the end of the text.
    """
    filled = 0
    offset = 0
    while offset < len(data):
        byte = data[offset]
        if byte in _ALPHABET:
            filled = (filled + 1) % 4
        elif byte == ord("="):
            return _bad_padding(data, offset, filled)
        elif byte not in _LINE_BREAKS:
            return offset
        offset += 1
    return len(data) - filled if filled else None


def _bad_padding(data: bytes, offset: int, filled: int) -> int | None:
    """The same for a text whose padding begins at `offset`, after `filled` characters of the last quantum."""
    if filled < 2:
        return offset
    rest = offset + 1
    if filled == 2:
        rest = _skip_breaks(data, rest)
        if rest == len(data):
            return len(data)
        if data[rest] != ord("="):
            return rest
        rest += 1
    rest = _skip_breaks(data, rest)
    return None if rest == len(data) else rest


def _skip_breaks(data: bytes, offset: int) -> int:
    while offset < len(data) and data[offset] in _LINE_BREAKS:
        offset += 1
    return offset
