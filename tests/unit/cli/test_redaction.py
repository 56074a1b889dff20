from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.cli.forms import HEAD, Form, forms, plain
from esc_operator.cli.redaction import TOKEN, Matcher, Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# None of these letters occur in the token, so that a token can never complete a secret.
SECRETS = st.lists(st.text("ab\n", min_size=1, max_size=6).map(str.encode), min_size=1, max_size=4)
CHUNKS = st.lists(st.text("abz\n", max_size=9).map(str.encode), max_size=12)


def redact(secrets: Iterable[bytes | Form], *chunks: bytes) -> bytes:
    redactor = Redactor(Matcher(plain(each) if isinstance(each, bytes) else each for each in secrets))
    return b"".join(map(redactor.feed, chunks)) + redactor.finish()


def covered(text: bytes, secrets: Sequence[bytes]) -> set[int]:
    """The positions of all bytes of all occurrences, the slow and obvious way."""
    return {
        position
        for secret in secrets
        for start in range(len(text))
        if text.startswith(secret, start)
        for position in range(start, start + len(secret))
    }


def begun(text: bytes, form: bytes, head: int) -> set[int]:
    """The positions of all that begins with so many bytes of a form, as far as it goes on like it."""
    return {
        position
        for start in range(len(text))
        for size in range(head, len(form) + 1)
        if text.startswith(form[:size], start)
        for position in range(start, start + size)
    }


@given(secrets=SECRETS, chunks=CHUNKS)
def test_no_byte_of_a_secret_survives_and_no_other_is_lost_for_any_chunking(
    secrets: list[bytes], chunks: list[bytes]
) -> None:
    text = b"".join(chunks)
    redacted = redact(secrets, *chunks)
    hidden = covered(text, secrets)
    assert redacted.replace(TOKEN, b"") == bytes(byte for at, byte in enumerate(text) if at not in hidden)
    assert not any(secret in piece for secret in secrets for piece in redacted.split(TOKEN))
    assert redacted == redact(secrets, text)


@given(secrets=SECRETS, chunks=CHUNKS)
def test_only_what_may_begin_a_secret_is_held_back(secrets: list[bytes], chunks: list[bytes]) -> None:
    redactor = Redactor(Matcher(map(plain, secrets)))
    for chunk in chunks:
        redactor.feed(chunk)
        held = redactor._held
        assert len(held) < max(map(len, secrets))
        assert not held or any(secret.startswith(held) for secret in secrets)


@st.composite
def broken_up(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Secrets longer than what is looked for of them, and a text of pieces of them."""
    secrets = draw(st.lists(st.text("aabQ%\n", min_size=3, max_size=30).map(str.encode), min_size=1, max_size=3))
    pieces = st.sampled_from(secrets).flatmap(
        lambda secret: st.tuples(st.integers(0, len(secret)), st.integers(0, len(secret))).map(
            lambda ends: secret[min(ends) :] if ends[0] > ends[1] else secret[: max(ends)]
        )
    )
    return secrets, draw(st.lists(pieces | st.sampled_from([b"z", b"\n"]), max_size=12))


@given(broken_up())
def test_wherever_the_rarest_bytes_of_a_secret_stand_it_is_hidden_whole_and_no_piece_of_it(
    case: tuple[list[bytes], list[bytes]],
) -> None:
    secrets, chunks = case
    text = b"".join(chunks)
    hidden = covered(text, secrets)
    shown = bytes(byte for at, byte in enumerate(text) if at not in hidden)
    assert redact(secrets, *chunks).replace(TOKEN, b"") == shown
    assert redact(secrets, text).replace(TOKEN, b"") == shown
    assert redact(secrets, *(text[at : at + 1] for at in range(len(text)))).replace(TOKEN, b"") == shown


def in_blocks(form: bytes, head: int, block: int) -> Form:
    return Form(form[:head], lambda: (form[at : at + block] for at in range(0, len(form), block)))


LONG = st.text("ab", min_size=3, max_size=12).map(str.encode)


@given(
    long=st.lists(LONG, min_size=1, max_size=3),
    secrets=st.lists(st.text("ab", min_size=1, max_size=2).map(lambda text: f"b{text}".encode()), max_size=2),
    block=st.integers(1, 4),
    chunks=CHUNKS,
)
def test_of_a_long_form_all_that_is_there_is_hidden_and_only_its_head_held_back(
    long: list[bytes], secrets: list[bytes], block: int, chunks: list[bytes]
) -> None:
    head = 3
    given_forms = [*(in_blocks(each, head, block) for each in long), *map(plain, secrets)]
    text = b"".join(chunks)
    hidden = covered(text, secrets).union(*(begun(text, each, head) for each in long))
    redactor = Redactor(Matcher(given_forms))
    redacted = b""
    for chunk in chunks:
        redacted += redactor.feed(chunk)
        assert len(redactor._held) < head
    redacted += redactor.finish()
    assert redacted.replace(TOKEN, b"") == bytes(byte for at, byte in enumerate(text) if at not in hidden)
    assert redacted == redact(given_forms, text)


def test_overlapping_secrets_become_one_token() -> None:
    assert redact([b"abcX", b"cXYZ"], b"<abc", b"XY", b"Z>") == b"<[secret]>"


def test_a_longer_secret_that_goes_on_in_the_next_chunk_is_hidden_whole() -> None:
    assert redact([b"abc", b"abcdef"], b"abc", b"def!") == b"[secret]!"


def test_a_secret_that_the_token_holds_is_hidden_once() -> None:
    assert redact(forms(["secret"]), b"a secret, [secret]") == b"a [secret], [[secret]]"


def test_a_partial_line_is_shown_at_once() -> None:
    assert bytes(Redactor(Matcher(forms(["hunter2"]))).feed(b"Password: ")) == b"Password: "


def test_a_line_is_shown_at_once_though_a_secret_begins_as_it_ends() -> None:
    assert bytes(Redactor(Matcher(forms(["t of lines"]))).feed(b"the end of it\n")) == b"the end of it\n"
    assert bytes(Redactor(Matcher(forms(["it\nof lines"]))).feed(b"the end of it\n")) == b"the end of "


def test_a_stream_that_is_nothing_but_a_secret_over_and_over_is_not_gathered_up() -> None:
    redactor = Redactor(Matcher([plain(b"aaa")]))
    for _ in range(1000):
        redactor.feed(b"aaaa")
        assert len(redactor._held) < 3


def test_a_secret_of_400_kilobytes_is_hidden_byte_by_byte_without_being_gathered_up() -> None:
    secret = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
    matcher = Matcher(forms([secret]))
    redactor = Redactor(matcher)
    shown = b""
    for byte in f"<{secret[:5000]}>".encode():
        shown += redactor.feed(bytes((byte,)))
        assert len(redactor._held) <= HEAD
    assert shown + redactor.finish() == b"<[secret]>"
    redactor = Redactor(matcher)
    assert bytes(redactor.feed(f"<{secret}>".encode())) + redactor.finish() == b"<[secret]>"


@pytest.mark.parametrize("count", [2, 200])
def test_however_many_secrets_there_are_one_head_is_met_at_most_at_a_place(count: int) -> None:
    matcher = Matcher(forms("a" * size for size in range(3, count + 3)))
    found = list(matcher.occurrences(b"a" * 1000))
    assert len(found) == len({start for start, _ in found}) == 998


def test_no_head_is_met_before_the_data_begins() -> None:
    whole, end = b"a head of which Qx7 and more", b"Qx7 and more"
    assert list(Matcher([plain(whole), plain(end)]).occurrences(end)) == [(0, end)]


def test_values_of_one_or_two_bytes_are_left_alone() -> None:
    assert forms(["", "a", "ab", " ab\n"]) == []
