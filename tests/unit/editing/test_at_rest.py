"""Secrets at rest are sealed and unsealed in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.editing.at_rest import find_ciphertexts, find_plaintexts, seal, unseal
from esc_operator.lang import parse_text
from esc_operator.lang.envelope import open_envelope, seal_envelope


def cipher(text: str) -> bytes:
    return bytes((byte + 128) % 256 for byte in text.encode()) + b"\x80\x80\x80\x80"


def decipher(data: bytes) -> str:
    return bytes((byte + 128) % 256 for byte in data[:-4]).decode()


def seal_all(text: str) -> str:
    plaintexts, diagnostics = find_plaintexts("test", text)
    assert diagnostics == ()
    return seal(text, plaintexts, [cipher(found.text) for found in plaintexts])


def unseal_all(text: str) -> str:
    ciphertexts, diagnostics = find_ciphertexts("test", text)
    assert diagnostics == ()
    return unseal(text, ciphertexts, [decipher(found.data) for found in ciphertexts])


DOCUMENT = """\
# A comment at the top.
imports: [base]   # and one here

values:
  plain: {fn::secret: hunter2}  # why
  quoted:
    fn::secret: "pa$$word: #1"   # trailing
  single: {"fn::secret": 'it''s'}
  key:
    fn::secret: |
      -----BEGIN KEY-----
      abc

      def
      -----END KEY-----

  list:
    - fn::secret: |-
        x
        y
    - fn::secret: |+ # kept
        z


  below:
    fn::secret:
      on its own line
  flow: [ {fn::secret: x y}, {"fn::secret": z} ]
  not: {fn::secret: 12}
  nor:
    fn::secret: b
    other: c
  é: { fn::secret: ünï }   # ü
"""


def test_sealing_and_unsealing_give_back_the_text_byte_for_byte() -> None:
    once = seal_all(DOCUMENT)
    assert "hunter2" not in once
    assert "BEGIN" not in once
    assert unseal_all(once) == DOCUMENT
    assert seal_all(unseal_all(once)) == once


def test_nothing_but_the_secrets_changes() -> None:
    once = seal_all("values: # a\n  b: {fn::secret: c} # d\n\n  e:   f\n")
    assert once == f"values: # a\n  b: {{fn::secret: {{ciphertext: {seal_envelope(cipher('c'))}}}}} # d\n\n  e:   f\n"


def test_sealing_a_sealed_text_changes_nothing() -> None:
    once = seal_all(DOCUMENT)
    assert seal_all(once) == once


def test_a_block_stays_a_block() -> None:
    once = seal_all("values:\n  a:\n    fn::secret: |\n      b\n      c\n  d: e\n")
    envelope = seal_envelope(cipher("b\nc\n"))
    assert once == f"values:\n  a:\n    fn::secret:\n      ciphertext: |\n        {envelope}\n  d: e\n"


def test_a_secret_means_the_same_in_both_forms() -> None:
    # Upstream encrypts what is written, so that its ciphertext of `pa$$word` means `pa$$word` and not `pa$word`.
    (found,), _ = find_plaintexts("test", 'values: {a: {fn::secret: "pa$$word"}}')
    assert found.text == "pa$word"
    (sealed,), _ = find_ciphertexts("test", seal("values: {a: {fn::secret: x}}", *_one_secret("x", "a${b}$")))
    assert unseal_all(seal("values: {a: {fn::secret: x}}", *_one_secret("x", "a${b}$"))).endswith('"a$${b}$$"}}')
    assert decipher(sealed.data) == "a${b}$"


def _one_secret(plaintext: str, content: str) -> tuple[list, list[bytes]]:  # type: ignore[type-arg]
    found, _ = find_plaintexts("test", f"values: {{a: {{fn::secret: {plaintext}}}}}")
    return list(found), [cipher(content)]


def test_a_text_that_would_keep_a_secret_in_the_clear_is_not_sealed() -> None:
    found, (diagnostic,) = find_plaintexts("test", 'values: {a: {fn::secret: b}, c: {fn::secret: "x ${y}"}}')
    assert found == ()
    assert diagnostic.summary == "secret values must be string literals"


def test_a_text_that_is_no_yaml_has_no_secrets() -> None:
    assert find_plaintexts("test", "values: [")[0] == ()
    assert find_plaintexts("test", "values: [")[1][0].reason == "InvalidYAML"
    assert find_ciphertexts("test", "values: [")[0] == ()
    assert find_ciphertexts("test", "") == ((), ())


def test_only_what_stands_under_values_is_unsealed() -> None:
    sealed = seal_all("other: {fn::secret: a}\nValues: {b: {fn::secret: c}}\n")
    assert "ciphertext" in sealed.splitlines()[0]
    assert unseal_all(sealed).splitlines()[1] == "Values: {b: {fn::secret: c}}"
    assert "ciphertext" in unseal_all(sealed).splitlines()[0]


def test_a_damaged_ciphertext_is_reported_and_left() -> None:
    text = "values: {a: {fn::secret: {ciphertext: AAAA}}, b: {fn::secret: {ciphertext: [x]}}}"
    found, (diagnostic,) = find_ciphertexts("test", text)
    assert found == ()
    assert diagnostic.summary == "invalid ciphertext: EOF"


@pytest.mark.parametrize(
    "plaintext",
    [
        "",
        " ",
        "x\n",
        "\n",
        "a\nb",
        "a\r\nb",
        " lead",
        "trail ",
        "tab\tin",
        "\x00",
        "#",
        "- a",
        "true",
        "12",
        "null",
        "{a}",
        "a: b",
        "a #b",
        "'",
        '"',
        "\\",
        "\u2028",
        "é",
        "💥",
        "~",
        "0x1",
        "%x",
        "@x",
        "`x",
        "a:",
        "x" * 500,
    ],
)
@pytest.mark.parametrize(
    "layout",
    ["{a: {fn::secret: x}}", "\n  a:\n    fn::secret:\n      x", "\n  a:\n    fn::secret: |\n      x\n      y\n  b: c"],
)
def test_any_secret_survives_in_any_layout(plaintext: str, layout: str) -> None:
    found, _ = find_plaintexts("test", f"values: {layout}\n")
    text = seal(f"values: {layout}\n", found, [cipher(plaintext)])
    (again,), diagnostics = find_plaintexts("test", unseal_all(text))
    assert diagnostics == ()
    assert again.text == plaintext


@given(st.text(max_size=30))
def test_any_text_survives_sealing(plaintext: str) -> None:
    test_any_secret_survives_in_any_layout(plaintext, "{a: {fn::secret: x}}")
    test_any_secret_survives_in_any_layout(plaintext, "\n  a:\n    fn::secret: |\n      x\n      y\n  b: c")


@given(st.lists(st.text("abc XYZ019_-./+=", min_size=1).map(str.strip).filter(bool), max_size=6))
def test_what_is_written_plainly_comes_back_byte_for_byte(secrets: list[str]) -> None:
    lines = [f'  key{number}: {{fn::secret: "{secret}"}}  # {number}' for number, secret in enumerate(secrets)]
    text = "\n".join(["# top", "values:", "  a: b", *lines, ""])
    assert parse_text("test", text)[1] == ()
    assert unseal_all(seal_all(text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%", "illegal base64 data at input byte 0"),
        ("", "EOF"),
        ("AAAA", "EOF"),
        ("A" * 24, "invalid header"),
        ("ZXNjeAAAAAEAAAAAAAAAAAAAAAA=", "invalid checksum"),
    ],
)
def test_a_damaged_envelope_says_what_is_wrong_with_it(text: str, problem: str) -> None:
    assert open_envelope(text) == (None, problem)


def test_an_envelope_of_another_version_is_refused() -> None:
    import base64
    import binascii

    body = b"escx\x00\x00\x00\x02abcdefgh"
    text = base64.b64encode(body + binascii.crc32(body).to_bytes(4, "big")).decode()
    assert open_envelope(text) == (None, "unsupported version")


@given(st.binary(min_size=4))
def test_an_envelope_gives_back_what_it_was_given(data: bytes) -> None:
    assert open_envelope(seal_envelope(data)) == (data, "")


def test_no_repr_shows_a_secret() -> None:
    plaintexts, _ = find_plaintexts("test", "values: {a: {fn::secret: hunter2}}")
    ciphertexts, _ = find_ciphertexts("test", seal_all("values: {a: {fn::secret: hunter2}}"))
    assert "hunter2" not in repr(plaintexts)
    assert "data" not in repr(ciphertexts)
