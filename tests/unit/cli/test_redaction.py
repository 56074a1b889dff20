from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.cli.redaction import TOKEN, Redactor, forms

# None of these letters occur in the token, so that a token can never complete a secret.
SECRETS = st.lists(st.text("ab\n", min_size=1, max_size=6).map(str.encode), min_size=1, max_size=4)


def redact(secrets: list[bytes], *chunks: bytes) -> bytes:
    redactor = Redactor(secrets)
    return b"".join(map(redactor.feed, chunks)) + redactor.finish()


def covered(text: bytes, secrets: list[bytes]) -> set[int]:
    """The positions of all bytes of all occurrences, the slow and obvious way."""
    return {
        position
        for secret in secrets
        for start in range(len(text))
        if text.startswith(secret, start)
        for position in range(start, start + len(secret))
    }


@given(secrets=SECRETS, chunks=st.lists(st.text("abz\n", max_size=9).map(str.encode), max_size=12))
def test_no_byte_of_a_secret_survives_and_no_other_is_lost_for_any_chunking(
    secrets: list[bytes], chunks: list[bytes]
) -> None:
    text = b"".join(chunks)
    redacted = redact(secrets, *chunks)
    hidden = covered(text, secrets)
    assert redacted.replace(TOKEN, b"") == bytes(byte for at, byte in enumerate(text) if at not in hidden)
    assert not any(secret in piece for secret in secrets for piece in redacted.split(TOKEN))
    assert redacted == redact(secrets, text)


@given(secrets=SECRETS, chunks=st.lists(st.text("abz\n", max_size=9).map(str.encode), max_size=12))
def test_only_what_may_begin_a_secret_is_held_back(secrets: list[bytes], chunks: list[bytes]) -> None:
    redactor = Redactor(secrets)
    text = b""
    for chunk in chunks:
        text += chunk
        redactor.feed(chunk)
        held = redactor._held
        assert len(held) < max(map(len, secrets))
        assert not held or any(secret.startswith(held) for secret in secrets)


def test_overlapping_secrets_become_one_token() -> None:
    assert redact([b"abcX", b"cXYZ"], b"<abc", b"XY", b"Z>") == b"<[secret]>"


def test_a_longer_secret_that_goes_on_in_the_next_chunk_is_hidden_whole() -> None:
    assert redact([b"abc", b"abcdef"], b"abc", b"def!") == b"[secret]!"


def test_a_partial_line_is_shown_at_once() -> None:
    assert Redactor([b"hunter2"]).feed(b"Password: ") == b"Password: "


@pytest.mark.parametrize("wrap", [0, 64, 76])
@pytest.mark.parametrize("alignment", [0, 1, 2])
def test_base64_of_a_secret_is_hidden_at_every_alignment_and_wrapping(wrap: int, alignment: int) -> None:
    secret = "correct horse battery staple, and then a good deal more of the same to make it wrap"
    encoded = base64.b64encode(b"x" * alignment + secret.encode() + (b"!" if alignment else b"")).decode()
    lines = [encoded[at : at + wrap] for at in range(0, len(encoded), wrap)] if wrap and not alignment else [encoded]
    redacted = redact(forms([secret]), "\n".join(lines).encode())
    left = redacted.replace(TOKEN, b"").replace(b"=", b"").strip()
    assert len(left) <= 6


def test_an_indented_block_of_a_secret_of_many_lines_is_hidden() -> None:
    secret = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEA\n-----END KEY-----\n"
    shown = redact(forms([secret]), ("key: |\n" + "".join(f"  {line}\n" for line in secret.splitlines())).encode())
    assert shown == b"key: |\n" + b"  [secret]\n" * 4


def test_a_secret_within_json_is_hidden() -> None:
    secret = 'pass"word\nñ/x'
    assert redact(forms([secret]), json.dumps({"v": secret}).encode()) == b'{"v": "[secret]"}'


def test_values_of_one_or_two_bytes_are_left_alone() -> None:
    assert forms(["", "a", "ab"]) == []


def test_a_stream_that_is_nothing_but_a_secret_over_and_over_is_not_gathered_up() -> None:
    redactor = Redactor([b"aaa"])
    for _ in range(1000):
        redactor.feed(b"aaaa")
        assert len(redactor._held) < 3
