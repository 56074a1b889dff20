# ruff: noqa: RUF001, RUF002 - letters that look alike are what folding and scripts are about.
"""Patterns are RE2's, and take time in proportion to the text."""

from __future__ import annotations

import contextlib
import re
import string

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.lang.limits import DEFAULT_LIMITS
from esc_operator.schema.patterns import Pattern, PatternError

SHARED = [
    "^foo[0-9]+$",
    "a{2,3}b",
    "[^a-c]+x",
    "(?i)HeLLo",
    r"\bfoo\b",
    r"\Boo",
    "^$",
    "a|b|cd",
    "(?:ab)*c",
    r"[\w\-.]+@[a-z]+\.com",
    "x*",
    "^(a|ab)(c|bcd)(d*)$",
    "[]a]",
    r"[a\]b-d]",
    r"\x41\d",
    ".{3}",
    "a??b",
    "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
    "a{0}b",
    "(?s)a.b",
    "(?i:a)b",
    r"[^\d]",
    r"\.",
    r"\S\s\W",
    "(?P<name>a)+",
    "a{2}",
    "a{2,}",
    "a{x",
    "}",
    r"\x{41}",
    r"\t|\n",
    "a+?",
    "(?-i)a",
    "[a-]",
    "[-a]",
    "a|",
    "(|a)b",
    "^*",
    "[0-9a-fA-F]{2}",
]
PYTHON = {"\\x{41}": "\\x41", "(?-i)a": "a", "^*": "(?:^)*", "[]a]": "[\\]a]"}


@pytest.mark.parametrize("text", SHARED)
@settings(max_examples=20)
@given(subjects=st.lists(st.text(alphabet="abcdfoxHeLl01-hms@. \nAxy]{}", max_size=8), max_size=20))
def test_where_python_means_the_same_it_finds_the_same(text: str, subjects: list[str]) -> None:
    python = PYTHON.get(text, text).replace("$", r"\Z")
    pattern = Pattern(text)
    for subject in subjects:
        assert pattern.matches(subject) == bool(re.search(python, subject, re.ASCII)), subject


@pytest.mark.parametrize(
    ("text", "subject", "matches"),
    [
        ("(?m)^b$", "a\nb\nc", True),
        ("^b$", "a\nb\nc", False),
        ("a$", "a\n", False),
        (r"a\z", "a", True),
        (r"\Ab", "ab", False),
        ("[[:alpha:]]+[[:digit:]]", "ab1", True),
        ("[[:^alpha:]]", "ab", False),
        (r"\pL", "é", True),
        (r"\PL", "é", False),
        (r"\p{Lu}", "aÄ", True),
        (r"\p{^Lu}", "Ä", False),
        (r"[\p{Nd}x]", "٣", True),
        (r"[^\pN]", "1", False),
        (r"\Qa.b\E+", "a.bb", True),
        (r"\Qa.b", "a.b", True),
        (r"\Q.\E", "a", False),
        ("(?i)é", "É", True),
        ("(?i)[a-c]", "B", True),
        (".", "\n", False),
        (r"[\D]", "1", False),
        (r"[\W\d]", "a", False),
        ("(?U)a+", "a", True),
        ("(?<n>a)", "a", True),
        ("[a-c-e]", "-", True),
        (r"\a\f\v\r", "\a\f\v\r", True),
        ("(?i)ß", "ß", True),
        (r"^\Qab\E*$", "abbb", True),
        (r"^\Qab\E*$", "abab", False),
        ("^ab(?i)*$", "abbb", True),
        (r"^\101\011$", "A\t", True),
        ("[[:a-c]", ":", True),
        ("(?P<1>a)", "a", True),
        ("(?P<n>a)(?P<n>b)", "ab", True),
        (r"\Q\C\E", "\\C", True),
        (r"\\C", "\\C", True),
        (r"\\\\Q\\C", "\\\\Q\\C", True),
        ("(" * 900 + "a" + ")" * 900, "a", True),
    ],
)
def test_the_rest_is_re2s(text: str, subject: str, matches: bool) -> None:
    assert Pattern(text).matches(subject) == matches


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?<=a)", "invalid or unsupported Perl syntax: `(?<=`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}+", "invalid nested repetition operator: `{2}+`"),
        ("a*?{2,}?", "invalid nested repetition operator: `*?{2,}?`"),
        ("{2}", "missing argument to repetition operator: `{2}`"),
        ("|{2,}?", "missing argument to repetition operator: `{2,}?`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        ("[a", "missing closing ]: `[a`"),
        ("[^]", "missing closing ]: `[^]`"),
        ("[a[:b", "missing closing ]: `[a[:b`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}b", "invalid repeat count: `{2,1}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{}", r"invalid character class range: `\p{}`"),
        (r"\PX", r"invalid character class range: `\PX`"),
        (r"\p{Lu", r"invalid character class range: `\p{Lu`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("x[b-[z-a]]", "invalid character class range: `b-[`"),
        ("(?P<-1>a)", "invalid named capture: `(?P<-1>`"),
        ("(?P<a", "invalid named capture: `(?P<a`"),
        ("(?P<é>a)", "invalid named capture: `(?P<é>`"),
        ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?-)", "invalid or unsupported Perl syntax: `(?-)`"),
        ("\\", "trailing backslash at end of expression: ``"),
        ("a[\\", "trailing backslash at end of expression: ``"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("(a{1000}){1000}", "invalid repeat count: `{1000}`"),
        (r"\pL{1000}", "the pattern is too large"),
        ("(" * 100, f"missing closing ): `{'(' * 100}`"),
        (r"a\C", r"invalid escape sequence: `\C`"),
        (r"\Q\C\E\\\C", r"invalid escape sequence: `\C`"),
        (r"[\C]", r"invalid escape sequence: `\C`"),
        (r"a\x{", r"invalid escape sequence: `\x{`"),
        (r"a\x{4", r"invalid escape sequence: `\x{4`"),
        (r"\pÀ", r"invalid character class range: `\pÀ`"),
        ("a\udcff", "invalid UTF-8: `a?`"),
        (r"\x", r"invalid escape sequence: `\x`"),
        (r"\xg1", r"invalid escape sequence: `\xg1`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\x{110000000}", r"invalid escape sequence: `\x{110000`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        (r"[a-\pL]", r"invalid escape sequence: `\p`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("a(?i-", "invalid or unsupported Perl syntax: `(?i-`"),
    ],
)
def test_what_re2_does_not_know_is_refused_in_its_words(text: str, told: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(text)
    assert str(caught.value) == told


def test_a_pattern_that_makes_python_hang_does_not() -> None:
    assert not Pattern("(a+)+$").matches("a" * 50_000 + "!")
    assert not Pattern("(a|aa)+$").matches("a" * 50_000 + "!")
    assert not Pattern("^(([a-z])+.)+[A-Z]([a-z])+$").matches("a" * 20_000)


@given(st.text(alphabet=string.printable, max_size=12), st.text(max_size=12))
def test_any_text_is_a_pattern_or_is_refused(text: str, subject: str) -> None:
    with contextlib.suppress(PatternError):
        Pattern(text).matches(subject)


@pytest.mark.parametrize(
    ("text", "subject", "matches"),
    [
        ("(?i)s", "ſ", True),
        ("(?i)ſ", "S", True),
        ("(?i)k", "\N{KELVIN SIGN}", True),
        ("(?i)^[a-z]$", "\N{KELVIN SIGN}", True),
        ("(?i)å", "\N{ANGSTROM SIGN}", True),
        ("(?i)^σ$", "ς", True),
        ("(?i)^Σ$", "ς", True),
        ("(?i)^ß$", "ẞ", True),
        ("(?i)^ß$", "ss", False),
        ("(?i)^i$", "İ", False),
        ("(?i)^i$", "ı", False),
        ("(?i)^ǆ$", "ǅ", True),
        ("(?i)^[^s]$", "ſ", False),
    ],
)
def test_letters_fold_as_unicode_folds_them(text: str, subject: str, matches: bool) -> None:
    assert Pattern(text).matches(subject) == matches


@pytest.mark.parametrize(
    ("text", "subject", "matches"),
    [
        (r"^\p{Greek}+$", "λόγος", True),
        (r"^\p{Greek}+$", "logos", False),
        (r"^\P{Greek}+$", "logos", True),
        (r"^[\p{Latin}\p{Cyrillic}]+$", "aж", True),
        (r"^\p{^Han}$", "世", False),
        (r"^\p{Han}$", "世", True),
        (r"^\p{Old_Italic}$", "\N{OLD ITALIC LETTER A}", True),
        (r"(?i)^\p{Lu}$", "a", True),
        (r"^\p{Any}$", "😀", True),
    ],
)
def test_scripts_are_classes(text: str, subject: str, matches: bool) -> None:
    assert Pattern(text).matches(subject) == matches


@pytest.mark.parametrize("text", [r"\p{Letter}", r"\p{greek}", r"\p{Cn}", r"\p{LC}"])
def test_names_of_classes_that_go_took_in_later_are_refused(text: str) -> None:
    with pytest.raises(PatternError, match="invalid character class range"):
        Pattern(text)


@pytest.mark.parametrize(
    ("text", "subject", "matches"),
    [
        (r"\B", "1αA", False),
        (r"\B", "1ααA", True),
        (r"x*\B", "a世b", False),
        (r"\B$", "1α", True),
        (r"\B", "世" * 10 + "a", True),
        (r"\b\B", "a世", False),
    ],
)
def test_nothing_is_found_within_a_character(text: str, subject: str, matches: bool) -> None:
    """RE2 alone finds `\\B` between the bytes of α."""
    assert Pattern(text).matches(subject) == matches


@pytest.mark.parametrize(("text", "matches"), [("^.$", True), ("^[^a]$", True), (r"\x{FFFD}", True), ("a", False)])
def test_a_byte_that_is_not_utf_8_is_the_replacement_character(text: str, matches: bool) -> None:
    assert Pattern(text).matches("\udcff") == matches


class OverspentError(Exception):
    pass


class Paid:
    """Counts units, and ends what would take more than there are."""

    def __init__(self, units: int) -> None:
        self.units = 0
        self._most = units

    def charge(self, units: int) -> None:
        self.units += units
        if self.units > self._most:
            raise OverspentError


@pytest.mark.parametrize(
    "text",
    [
        r"\pL" * 30_000,
        r"[\pL\pN]" * 10_000,
        "a?" * 60_000,
        "a{0,1000}" * 50,
        "(?:a{0,1000})" * 30,
        "(?:" + "ab?" * 30_000 + "){1000}",
        ("(?:" + r"\pL" * 10 + "){1000}") * 4_000,
        "".join(f"(?P<n{number}>)" for number in range(12_000)),
        "|".join(f"{number:x}" for number in range(50_000)),
    ],
    ids=lambda text: text[:16],
)
def test_what_would_take_seconds_or_gigabytes_is_not_paid_for(text: str) -> None:
    with pytest.raises(OverspentError):
        Pattern(text, Paid(DEFAULT_LIMITS.work).charge)


@pytest.mark.parametrize("text", ["^[a-z]{2}-[a-z]+-[0-9]$", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$", r"^\pL+$"])
def test_patterns_that_people_write_cost_little(text: str) -> None:
    paid = Paid(10_000)
    Pattern(text, paid.charge).matches("a" * 500, paid.charge)


def test_a_long_text_costs_by_its_length_and_by_what_the_pattern_has_to_follow() -> None:
    short, long = Paid(10**9), Paid(10**9)
    Pattern("(?:a|b)c").matches("a" * 100_000, short.charge)
    Pattern("b.{900}c").matches("a" * 100_000, long.charge)
    assert 25_000 <= short.units < 50_000
    assert long.units > 1_000_000


def test_a_message_repeats_no_more_of_a_pattern_than_anybody_reads() -> None:
    with pytest.raises(PatternError) as caught:
        Pattern("(" * 5_000)
    assert str(caught.value) == f"missing closing ): `{'(' * 999}…`"


def test_no_pattern_is_kept_for_another() -> None:
    """The library would hold the last 128 of anybody."""
    Pattern("^kept$")
    with contextlib.suppress(PatternError):
        Pattern("^kept(")
    assert re2._Regexp._make.cache_info().currsize == 0
