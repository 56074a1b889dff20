"""CRC32C (Castagnoli), which Google's APIs have beside a payload. Pure.

In Python, because secrets are short: 64 KiB, which is the longest, take some milliseconds, and the libraries are
compiled.
"""

from __future__ import annotations

from typing import Final


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_entry(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = (remainder >> 8) ^ _TABLE[(remainder ^ byte) & 0xFF]
    return remainder ^ 0xFFFFFFFF
