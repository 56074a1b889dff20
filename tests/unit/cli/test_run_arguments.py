from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.cli.run_arguments import RunArguments, split


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a/b -- cmd -x", RunArguments((), "a/b", ("cmd", "-x"))),
        ("a/b cmd -i -- y", RunArguments((), "a/b", ("cmd", "-i", "--", "y"))),
        ("-i a/b -- cmd", RunArguments(("-i",), "a/b", ("cmd",))),
        ("a/b -i -- cmd", RunArguments(("-i",), "a/b", ("cmd",))),
        ("--interactive a/b cmd", RunArguments(("--interactive",), "a/b", ("cmd",))),
        ("a/b -- -x", RunArguments((), "a/b", ("-x",))),
        ("-- a/b cmd", RunArguments((), "a/b", ("cmd",))),
        ("a/b -- --", RunArguments((), "a/b", ("--",))),
        ("a/b", RunArguments((), "a/b", ())),
        ("a/b --", RunArguments((), "a/b", ())),
        ("--", RunArguments((), None, ())),
        ("", RunArguments((), None, ())),
        ("--help", RunArguments(("--help",), None, ())),
    ],
)
def test_the_commands_own_words_stay_its_own(words: str, expected: RunArguments) -> None:
    assert split(words.split()) == expected


def test_only_a_call_with_nothing_to_explain_is_plain() -> None:
    assert split(["a", "-i", "--", "cmd"]).is_plain
    assert not split(["a", "--help", "--", "cmd"]).is_plain
    assert not split(["a", "--"]).is_plain
    assert not split([]).is_plain


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_what_follows_the_dashes_is_never_touched(before: list[str], after: list[str]) -> None:
    parsed = split(["ref", *(f"-{word}" for word in before if word != "-"), "--", *after])
    assert parsed.reference == "ref"
    assert parsed.command == tuple(after)
