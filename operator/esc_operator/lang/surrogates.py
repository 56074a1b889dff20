"""Strings that UTF-8 can carry.

A Python string may hold surrogates on their own. In the evaluator only the 128 that stand for single bytes (Python's
`surrogateescape`) mean something: a decoded base64 text need not be UTF-8. All others are replaced where they come in.
"""

from typing import Final

_REPLACEMENT: Final = "\ufffd"
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT)
_NOT_BYTES: Final = {code: mark for code, mark in _SURROGATES.items() if not 0xDC80 <= code <= 0xDCFF}


def without_surrogates(text: str) -> str:
    """The text with every surrogate replaced."""
    return text if text.isascii() else text.translate(_SURROGATES)


def with_bytes_only(text: str) -> str:
    """The text with every surrogate replaced that stands for no byte."""
    return text if text.isascii() else text.translate(_NOT_BYTES)
