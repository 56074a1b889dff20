"""The envelope of a secret at rest: base64 of `escx`, a version, the ciphertext and a checksum.

The host chooses the cipher; the envelope only detects a damaged text.
"""

import binascii
import struct
from typing import Final

from esc_operator.lang.base64text import decode, encode

_MAGIC: Final = b"escx"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">4sI")
_CHECKSUM: Final = struct.Struct(">I")
_SHORTEST: Final = 16


def seal_envelope(ciphertext: bytes) -> str:
    body = _HEADER.pack(_MAGIC, _VERSION) + ciphertext
    return encode(body + _CHECKSUM.pack(binascii.crc32(body)))


def open_envelope(text: str) -> tuple[bytes | None, str]:
    """The ciphertext, or None with what is wrong in upstream's words."""
    data, offset = decode(text)
    if data is None:
        return None, f"illegal base64 data at input byte {offset}"
    if len(data) < _SHORTEST:
        return None, "EOF"
    magic, version = _HEADER.unpack_from(data)
    body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    if magic != _MAGIC:
        return None, "invalid header"
    if _CHECKSUM.pack(binascii.crc32(body)) != checksum:
        return None, "invalid checksum"
    if version != _VERSION:
        return None, "unsupported version"
    return body[_HEADER.size :], ""
