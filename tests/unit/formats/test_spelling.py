"""What a message says behind a name that means nothing, and that it costs little whatever the names are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.formats.spelling import MOST_LISTED, Known, Speller, enumerated, hint


@pytest.mark.parametrize(
    ("left", "right", "edits"), [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)]
)
def test_distance_counts_edits(left: str, right: str, edits: int) -> None:
    assert Speller().distance(left, right) == edits
    assert Speller().distance("ab", "ba", swaps=True) == 1


@pytest.mark.parametrize(
    ("key", "known", "suggestion"),
    [
        ("bar", ["baz"], "baz"),
        ("bar", ["foo"], None),
        ("a", ["b"], None),
        ("accessKeyID", ["access_key_id", "secret"], "access_key_id"),
        ("x", [], None),
        ("name", ["a" * 1000], None),
    ],
)
def test_the_nearest_key_is_suggested_if_it_is_near(key: str, known: list[str], suggestion: str | None) -> None:
    assert Speller().nearest(key, known) == suggestion


def test_a_speller_that_has_done_enough_suggests_nothing() -> None:
    speller = Speller()
    assert speller.nearest("nam", ["name"]) == "name"
    assert speller.nearest("a" * 3000, ["b" * 2999]) is None
    assert speller.nearest("nam", ["name"]) is None
    assert speller.distance("a", "a") == speller.distance("a", "b")


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("aws-logn", Known(["aws-login", "gcp-login"], "the providers are"), '; did you mean "aws-login"?'),
        ("AWS_LOGIN", Known(["aws-login", "gcp-login"]), '; did you mean "aws-login"?'),
        ("vault", Known(["gcp-login", "aws-login"], "the providers are"), "; the providers are aws-login, gcp-login"),
        ("vault", Known(["aws-login"]), ""),
        ("vault", Known([], "the providers are"), ""),
        ("vault", None, ""),
        ("wbe", Known(["web", "cache"]), '; did you mean "web"?'),
        ("a", Known(["b"], "they are"), "; they are b"),
        # One that is not installed is no misspelling of another.
        ("vault-login", Known(["aws-login"], "the providers are"), "; the providers are aws-login"),
        ("gcp-login", Known(["aws-login"], "the providers are"), "; the providers are aws-login"),
        # Something else is wrong with a name that is there.
        ("a-name", Known(["a-name"]), ""),
    ],
)
def test_the_nearest_name_is_suggested_and_if_none_is_near_all_are_listed(
    name: str, known: Known | None, words: str
) -> None:
    assert hint(name, known) == words


def test_a_list_of_names_is_short_whatever_there_is() -> None:
    assert enumerated([]) == "none"
    assert enumerated(["b", "a"]) == "a, b"
    many = enumerated([f"name-{number:05}" for number in range(10_000)])
    assert many.endswith(f"name-{MOST_LISTED - 1:05} and {10_000 - MOST_LISTED} more")
    assert enumerated(["a" * 5000, "b\nc", "d"]) == "d and 2 more"
    assert enumerated(["a" * 5000]) == "1 with long names"


@given(st.text(alphabet="ab", max_size=7), st.text(alphabet="ab", max_size=7), st.booleans())
def test_what_texts_have_in_common_at_their_ends_changes_no_distance(left: str, right: str, swaps: bool) -> None:
    own = Speller().distance(left, right, swaps=swaps)
    assert Speller().distance(f"x{left}yy", f"x{right}yy", swaps=swaps) == own
    assert own == _edits(left, right, swaps=swaps)


def _edits(left: str, right: str, *, swaps: bool) -> int:
    """The distance by its definition."""
    if not left or not right:
        return len(left) + len(right)
    found = [
        _edits(left[1:], right, swaps=swaps) + 1,
        _edits(left, right[1:], swaps=swaps) + 1,
        _edits(left[1:], right[1:], swaps=swaps) + (left[0] != right[0]),
    ]
    if swaps and left[1:2] == right[0] and right[1:2] == left[0]:
        found.append(_edits(left[2:], right[2:], swaps=swaps) + 1)
    return min(found)


def test_among_very_many_names_none_is_searched() -> None:
    assert Speller().meant("nmae", ["name", *(f"x{number}" for number in range(20_000))]) is None


def test_of_equally_near_names_the_first_in_order_is_suggested() -> None:
    for names in (["bat", "cat"], ["cat", "bat"], ["rat", "cat", "bat"]):
        assert Speller().meant("aat", names) == "bat"


def test_ten_thousand_names_of_an_attacker_cost_little() -> None:
    speller = Speller()
    known = Known([f"environment-{number:05}" for number in range(10_000)], "the environments are")
    started = time.process_time()
    for number in range(256):
        speller.hint(f"enviroment-{number:05}x", known)
    assert time.process_time() - started < 2.0  # without the limit: 256 times 10,000 comparisons, some minutes


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=20), st.sampled_from(["", "they are"]))
def test_a_hint_names_only_what_is_known(name: str, names: list[str], told: str) -> None:
    said = hint(name, Known(names, told))
    if "did you mean" in said:
        assert said.removeprefix('; did you mean "').removesuffix('"?') in names
    elif said:
        assert said == f"; {told} {enumerated(names)}"
