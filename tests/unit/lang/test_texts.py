"""The small text tools: widths, quoting, base64, surrogates."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.formats.paths import join_key, path_text
from esc_operator.lang.base64text import decode, encode
from esc_operator.lang.diagnostics import Diagnostic, Failed, Severity, in_order
from esc_operator.lang.graphemes import Ruler, width
from esc_operator.lang.quoting import quote
from esc_operator.lang.surrogates import with_bytes_only, without_surrogates


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("世界", 4),
        ("👍🏽", 2),
        ("👨‍👩‍👧", 2),
        ("🇩🇪🇫🇷", 4),
        ("☎\ufe0f", 2),
        ("\u200b", 0),
    ],
)
def test_width_is_what_a_terminal_shows(text: str, cells: int) -> None:
    assert width(text) == cells


def test_a_prefix_is_whole_characters() -> None:
    assert [Ruler("世界x").bytes_of(cells) for cells in (0, 2, 3, 9)] == [0, 3, 6, 7]
    assert Ruler("世e\u0301x").before(3) == (3, 6)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a", '"a"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("\n\t\r\a\b\f\v", '"\\n\\t\\r\\a\\b\\f\\v"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("é世", '"é世"'),
        ("\u200b", '"\\u200b"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\udcff", '"\\xff"'),
    ],
)
def test_quoting_is_gos(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.binary())
def test_base64_gives_back_what_it_was_given(data: bytes) -> None:
    assert encode(data) == base64.b64encode(data).decode()
    assert decode(encode(data)) == (data, 0)
    assert decode("\r\n".join(encode(data))) == (data, 0)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("!", 0),
        ("ab!d", 2),
        ("a", 0),
        ("ab", 0),
        ("abc", 0),
        ("abcda", 4),
        ("=", 0),
        ("a=", 1),
        ("ab=", 3),
        ("ab=c", 2),
        ("ab==c", 4),
        ("abc=d", 4),
        ("abc==", 4),
        ("é", 0),
        ("ab=\n", 4),
        ("ab\n=\n=\nx", 7),
        ("YQ==YQ==", 4),
    ],
)
def test_the_first_bad_byte_is_named(text: str, offset: int) -> None:
    assert decode(text) == (None, offset)


def test_bits_that_padding_leaves_over_are_let_pass() -> None:
    assert decode("YR==") == (b"a", 0)


def test_surrogates_are_replaced_where_they_mean_nothing() -> None:
    assert without_surrogates("a\ud800\udc80é") == "a\ufffd\ufffdé"
    assert with_bytes_only("a\ud800\udc80é") == "a\ufffd\udc80é"
    assert with_bytes_only("plain") == "plain"


def test_paths_are_written_out_from_the_root() -> None:
    assert path_text((((("", "values"), "a"), 0), "b c")) == 'values.a[0]["b c"]'
    assert join_key("", "a b") == '["a b"]'


def test_diagnostics_compare_by_what_they_say_and_not_by_why() -> None:
    first = Diagnostic(Severity.ERROR, "text", "a", None, "Why", Failed("x"))
    assert first == Diagnostic(Severity.ERROR, "text", "a")
    assert first != Diagnostic(Severity.WARNING, "text", "a")
    assert first != "text"
    assert len({first, Diagnostic(Severity.ERROR, "text", "a")}) == 1
    assert first.is_error


@given(st.permutations(list(range(6))))
def test_diagnostics_have_one_order_whatever_order_they_were_found_in(order: list[int]) -> None:
    found = [Diagnostic(Severity.ERROR, f"text {number}", f"path {number % 3}") for number in range(6)]
    assert in_order(found[number] for number in order) == in_order(found)
