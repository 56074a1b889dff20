"""Takes secrets out of a stream of bytes, whatever chunks it comes in. Pure: bytes in, bytes out.

Invariant: no byte of any occurrence of a form is ever given out, and nothing is held back longer than it could still be
the beginning of one.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOKEN = b"[secret]"

MIN_SECRET = 3
"""Shorter values are left alone, as upstream does: they would turn most of any text into tokens."""

# A piece of a secret (a line of it, its base64 within a longer text) counts only where chance does not make it up.
_MIN_PIECE = 8

# `base64` wraps at 76 columns, PEM and openssl at 64.
_WRAPS = (76, 64)


def forms(values: Iterable[str]) -> list[bytes]:
    """Every way in which the values may appear: as they are, line by line, as JSON, as base64 and as a part of it."""
    found: set[bytes] = set()
    for value in values:
        # White space around a secret is none of it, and hiding it would run lines together.
        secret = _encode(value).strip()
        if len(secret) >= MIN_SECRET:
            found.update(_forms_of(secret))
    return sorted(found)


class Redactor:
    """Redacts one stream. Occurrences that overlap become one token."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._secrets = [secret for secret in secrets if secret]
        self._longest = max(map(len, self._secrets), default=0)
        self._held = b""
        # So many of the first held bytes belong to a token that has been given out already.
        self._covered = 0

    def feed(self, chunk: bytes) -> bytes:
        """What can be shown once this chunk is there too."""
        data = self._held + chunk
        return self._give(data, self._hold_from(data))

    def finish(self) -> bytes:
        """What is left at the end of the stream."""
        return self._give(self._held, len(self._held))

    def _give(self, data: bytes, cut: int) -> bytes:
        """Redact everything before `cut` and hold the rest."""
        shown: list[bytes] = []
        position, covered = 0, 0
        for start, end in self._spans(data):
            begun = start == 0 and self._covered > 0
            if start >= cut and not begun:
                break
            shown.append(data[position:start])
            if not begun:
                shown.append(TOKEN)
            position, covered = min(end, cut), max(0, end - cut)
        shown.append(data[position:cut])
        self._held, self._covered = data[cut:], covered
        return b"".join(shown)

    def _spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where secrets are, in order; those that overlap are one span."""
        found = sorted(span for secret in self._secrets for span in _occurrences(data, secret))
        if self._covered:
            found.insert(0, (0, self._covered))
        current: tuple[int, int] | None = None
        for span in found:
            if current and span[0] < current[1]:
                current = (current[0], max(current[1], span[1]))
                continue
            if current:
                yield current
            current = span
        if current:
            yield current

    def _hold_from(self, data: bytes) -> int:
        """The first position from which the data may be the beginning of a secret that goes on in the next chunk."""
        first = max(0, len(data) - self._longest + 1)
        tail = data[first:]
        return first + min((_prefix_start(tail, secret) for secret in self._secrets), default=len(tail))


def _encode(value: str) -> bytes:
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # No bytes stand for it, so no program can print it.
        return b""


def _occurrences(data: bytes, secret: bytes) -> Iterator[tuple[int, int]]:
    position = data.find(secret)
    while position >= 0:
        yield position, position + len(secret)
        position = data.find(secret, position + 1)


def _prefix_start(tail: bytes, secret: bytes) -> int:
    """The first position of the tail from which it ends with a beginning, not the whole, of the secret."""
    position = tail.find(secret[:1], max(0, len(tail) - len(secret) + 1))
    while position >= 0:
        if secret.startswith(tail[position:]):
            return position
        position = tail.find(secret[:1], position + 1)
    return len(tail)


def _forms_of(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield from _base64_forms(secret)
    yield from _json_forms(secret)
    if b"\n" in secret:
        lines = (line.strip() for line in secret.splitlines())
        yield from (line for line in lines if len(line) >= _MIN_PIECE)


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    whole = b2a_base64(secret, newline=False)
    yield from _both_alphabets(whole.rstrip(b"="))
    for width in _WRAPS:
        if len(whole) > width:
            pieces = (whole[at : at + width].rstrip(b"=") for at in range(0, len(whole), width))
            yield from (form for piece in pieces if len(piece) >= _MIN_PIECE for form in _both_alphabets(piece))
    # Within the base64 of a longer text, such as `user:password`, it stands at one of three alignments; the characters
    # that its neighbours share in are left out.
    for before in range(3):
        encoded = b2a_base64(b"\0" * before + secret, newline=False)
        piece = encoded[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]
        if len(piece) >= _MIN_PIECE:
            yield from _both_alphabets(piece)


def _both_alphabets(encoded: bytes) -> tuple[bytes, bytes]:
    return encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")


def _json_forms(secret: bytes) -> Iterator[bytes]:
    """The secret within a JSON string, with and without non-ASCII characters and slashes escaped."""
    if secret.isalnum():
        return
    # Importing json pays only for values that need it.
    from json import dumps

    text = secret.decode("utf-8", "surrogateescape")
    for ascii_only in (True, False):
        quoted = dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogateescape")
        yield quoted
        yield quoted.replace(b"/", rb"\/")
