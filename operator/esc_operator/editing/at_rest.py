"""Secrets at rest: finding the secrets in a definition's text, and sealing or unsealing them in place.

A text with `fn::secret: plaintext` is sealed before it is kept, and unsealed before it is edited. The cipher is the
host's; here secrets are found, and replaced by what the host made of them. Nothing but the secrets changes. Sealing and
unsealing undo each other byte for byte as long as secrets are written the way this module writes them: on one line, or
as a `|` block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.editing.blocks import read_block, write_block
from esc_operator.editing.spans import Edit, Span, apply_edits, read_spans
from esc_operator.editing.writing import write_string
from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics, Severity
from esc_operator.lang.document import parse_text
from esc_operator.lang.envelope import open_envelope, seal_envelope
from esc_operator.lang.scalars import resolve_plain
from esc_operator.lang.templates import parse_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CALL: Final = "fn::secret"
_CIPHERTEXT: Final = "ciphertext"


@dataclass(frozen=True, slots=True)
class Plaintext:
    """A secret in the clear: `text` is the string it evaluates to."""

    text: str = field(repr=False)
    call: Call = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A sealed secret: `data` is what the host's cipher made."""

    data: bytes = field(repr=False)
    call: Call = field(repr=False)
    scalar: Span = field(repr=False)


class Call(NamedTuple):
    """A mapping whose only key is `fn::secret`."""

    key: Span
    argument: Span
    is_flow: bool


def find_plaintexts(name: str, text: str) -> tuple[tuple[Plaintext, ...], Diagnostics]:
    """The secrets to be encrypted, anywhere in the text; none, with diagnostics, where one of them could be left
    behind.
    """
    root, diagnostics = _read(name, text)
    found = []
    for call in _calls(root):
        argument = call.argument
        if argument.kind != "scalar" or not (argument.is_string or isinstance(resolve_plain(argument.text), str)):
            continue
        parts, problems = parse_template(argument.text)
        if problems or any(part.accessors is not None for part in parts):
            diagnostics = (*diagnostics, _error("secret values must be string literals", reasons.INVALID_EXPRESSION))
            continue
        # Upstream encrypts the text as it is written, so that `pa$$word` comes back from its ciphertext as `pa$$word`
        # while the plaintext form means `pa$word`. Here both forms evaluate to the same.
        found.append(Plaintext("".join(part.text for part in parts), call))
    return (() if diagnostics else tuple(found)), diagnostics


def seal(text: str, plaintexts: Sequence[Plaintext], ciphertexts: Sequence[bytes]) -> str:
    """The text with each plaintext replaced by its ciphertext."""
    pairs = zip(plaintexts, ciphertexts, strict=True)
    return apply_edits(text, [_seal(text, plaintext.call, seal_envelope(data)) for plaintext, data in pairs])


def find_ciphertexts(name: str, text: str) -> tuple[tuple[Ciphertext, ...], Diagnostics]:
    """The secrets to be decrypted, under `values` only; a damaged one is reported and left as it is."""
    root, diagnostics = _read(name, text)
    found = []
    values = next((value for key, value in root.entries() if key.text.casefold() == "values"), None) if root else None
    for call in _calls(values):
        scalar = call.argument.entry(_CIPHERTEXT)
        if len(call.argument.children) != 2 or scalar is None or scalar.kind != "scalar":
            continue
        data, problem = open_envelope(scalar.text)
        if data is None:
            diagnostics = (*diagnostics, _error(f"invalid ciphertext: {problem}", reasons.DECRYPTION_FAILED))
        else:
            found.append(Ciphertext(data, call, scalar))
    return tuple(found), diagnostics


def unseal(text: str, ciphertexts: Sequence[Ciphertext], plaintexts: Sequence[str]) -> str:
    """The text with each ciphertext replaced by its plaintext."""
    pairs = zip(ciphertexts, plaintexts, strict=True)
    return apply_edits(text, [_unseal(text, found, plaintext.replace("$", "$$")) for found, plaintext in pairs])


def _read(name: str, text: str) -> tuple[Span | None, Diagnostics]:
    environment, diagnostics = parse_text(name, text)
    if environment is None:
        return None, diagnostics
    return read_spans(text), ()


def _calls(root: Span | None) -> Iterator[Call]:
    for span in root.walk() if root is not None else ():
        if span.kind == "mapping" and len(span.children) == 2 and span.children[0].text == _CALL:
            yield Call(span.children[0], span.children[1], span.is_flow)


def _error(summary: str, reason: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, summary, "", None, reason)


def _seal(text: str, call: Call, envelope: str) -> Edit:
    """`fn::secret: text` → `fn::secret: {ciphertext: envelope}`; a text on a line of its own stays on one, a block
    a block.
    """
    argument = call.argument
    block = read_block(text, argument)
    if block is not None and not call.is_flow:
        begin = len(text[: argument.begin].rstrip(" "))
        margin = " " * (call.key.column + 2)
        return Edit(begin, block.end, f"\n{margin}{_CIPHERTEXT}: {block.header}\n{block.margin}  {envelope}")
    written = f"{_CIPHERTEXT}: {write_string(envelope, argument.style)}"
    on_own_line = not text[text.rfind("\n", 0, argument.begin) + 1 : argument.begin].strip(" ")
    if not on_own_line or call.is_flow:
        written = f"{{{written}}}"
    end = block.end if block is not None else argument.end
    return Edit(argument.begin, end, written)


def _unseal(text: str, found: Ciphertext, plaintext: str) -> Edit:
    """The way back. A plaintext that its layout cannot hold is written in double quotes."""
    argument, scalar = found.call.argument, found.scalar
    block = read_block(text, scalar)
    if block is None:
        return Edit(argument.begin, max(argument.end, scalar.end), write_string(plaintext, scalar.style))
    written = write_block(block, plaintext, text[block.end : scalar.end])
    if written is None:
        return Edit(argument.begin, block.end, write_string(plaintext, '"'))
    return Edit(len(text[: argument.begin].rstrip(" \n")), block.end, f" {written}")
