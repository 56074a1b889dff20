"""The forms in which a secret may appear in a program's output. Pure.

A form is recognized by its head, its first `HEAD` bytes; the rest of a longer one is made, block by block, only where
the head was found. So however long a secret is, its escapes take no more memory than their heads.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from esc_operator.cli.escapes import Escape

MIN_SECRET = 3
"""Shorter values are left alone, as upstream does: they would turn most of any text into tokens."""

MIN_PIECE = 8
"""A shorter piece of a secret (a line of it, its base64 within a longer text) may appear by chance, and does not
count."""

HEAD = 128
"""How many bytes of a form are searched for. Whatever starts with that many bytes of a secret counts as the secret."""

# How much of a secret is encoded at once; a multiple of three, because base64 encodes three bytes at a time.
_BLOCK = 3 * 1024

# `base64` wraps at 76 columns, PEM and openssl at 64, `xxd -p` at 60.
_WRAPS = (76, 64)
_HEX_WRAP = 60


class Form(NamedTuple):
    """`blocks` makes the whole form, including its head, if it is longer than a head."""

    head: bytes
    blocks: Callable[[], Iterator[bytes]] | None = None


def plain(form: bytes) -> Form:
    """Bytes that are searched for unchanged."""
    return Form(form) if len(form) <= HEAD else Form(form[:HEAD], lambda: _slices(form))


def _slices(form: bytes) -> Iterator[bytes]:
    return (form[start : start + _BLOCK] for start in range(0, len(form), _BLOCK))


def forms(values: Iterable[str]) -> list[Form]:
    """Every way in which the values may appear: as they are, line by line, in all escapes and encodings, and in those
    that are part of a longer text."""
    found: dict[object, Form] = {}
    for value in values:
        # White space around a secret is not part of it, and hiding it would join lines.
        secret = _encode(value).strip()
        if len(secret) >= MIN_SECRET:
            for key, form in _forms_of(secret):
                found.setdefault(key, form)
    return list(found.values())


def _encode(value: str) -> bytes:
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # It has no encoding, so no program can print it.
        return b""


def _forms_of(secret: bytes) -> Iterator[tuple[object, Form]]:
    """Each form with what distinguishes it from others: its bytes, if there are few."""
    for form in (plain(secret), *map(plain, _pieces(secret))):
        yield form.head if form.blocks is None else (secret, form.head), form
    text = secret.decode("utf-8", "surrogateescape")
    # In long texts, escapes that write all its characters in the same way count as one; in short ones the form itself
    # shows it.
    signs = "".join(sorted(set(text))) if len(text) > HEAD else ""
    for escape, trailing in _escapes(text):
        head = _escaped(text[:HEAD], escape)
        form = _form(head, trailing, text, escape)
        if form.blocks is not None:
            yield (secret, tuple(sign.translate(escape) for sign in signs) if signs else head), form
        elif len(form.head) >= MIN_PIECE or form.head == secret:
            yield form.head, form


def _form(head: bytes, trailing: bytes, text: str, escape: Escape) -> Form:
    if len(text) <= HEAD and len(head) <= HEAD:
        return Form(head.removesuffix(trailing))
    return Form(head[:HEAD], lambda: _blocks(text, escape, trailing))


def _blocks(text: str, escape: Escape, trailing: bytes) -> Iterator[bytes]:
    for start in range(0, len(text), _BLOCK):
        block = _escaped(text[start : start + _BLOCK], escape)
        yield block if start + _BLOCK < len(text) else block.removesuffix(trailing)


def _escaped(text: str, escape: Escape) -> bytes:
    # A rule may replace a stray byte, never make one.
    return text.translate(escape).encode("utf-8", "surrogateescape")


def _escapes(text: str) -> Iterator[tuple[Escape, bytes]]:
    """The escapes that may apply to the text, each with what it leaves out after the last character."""
    from esc_operator.cli.escapes import PARTIAL, SEPARATED, WHOLE, WITH_SPACES

    yield from ((escape, b"") for escape in WHOLE)
    yield from SEPARATED
    if not (text.isascii() and text.isalnum()):
        yield from ((escape, b"") for escape in PARTIAL)
    if " " in text:
        yield from ((escape, b"") for escape in WITH_SPACES)


def _pieces(secret: bytes) -> Iterator[bytes]:
    """The forms that are not escapes: lines, and base64 and hexadecimal of many lines."""
    if b"\n" in secret:
        lines = (line.strip() for line in secret.splitlines())
        yield from (line for line in lines if len(line) >= MIN_PIECE)
    for encoded in _base64_forms(secret):
        yield from _as_written(encoded)
    if len(secret) * 2 > _HEX_WRAP:
        digits = secret.hex().encode()
        rows = (digits[at : at + _HEX_WRAP] for at in range(0, len(digits), _HEX_WRAP))
        yield from (each for row in rows if len(row) >= MIN_PIECE for each in (row, row.upper()))


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    whole = b2a_base64(secret, newline=False)
    yield whole.rstrip(b"=")
    for width in _WRAPS:
        if len(whole) > width:
            pieces = (whole[at : at + width].rstrip(b"=") for at in range(0, len(whole), width))
            yield from (piece for piece in pieces if len(piece) >= MIN_PIECE)
    # Within the base64 of a longer text, such as `user:password`, it has one of three alignments; the characters that
    # also encode its neighbours are left out.
    for before in range(3):
        encoded = b2a_base64(b"\0" * before + secret, newline=False)
        piece = encoded[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]
        if len(piece) >= MIN_PIECE:
            yield piece


def _as_written(encoded: bytes) -> Iterator[bytes]:
    """Base64 in both alphabets, and the standard one within JSON and within a URL."""
    yield encoded
    if b"+" in encoded or b"/" in encoded:
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")
        yield encoded.replace(b"/", rb"\/")
        yield encoded.replace(b"+", rb"\u002b")
        yield encoded.replace(b"+", rb"\u002B")
        yield encoded.replace(b"+", b"%2B")
        yield encoded.replace(b"+", b"%2B").replace(b"/", b"%2F")
        yield encoded.replace(b"+", b"%2b").replace(b"/", b"%2f")
