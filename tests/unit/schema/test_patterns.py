"""Patterns are RE2's, and take time in proportion to the text."""

from __future__ import annotations

import contextlib
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.schema.patterns import LONGEST_TEXT, Pattern, PatternError

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
@given(subject=st.text(alphabet="abcdfoxHeLl01-hms@. \nAxy]{}", max_size=8))
def test_where_python_means_the_same_it_finds_the_same(text: str, subject: str) -> None:
    python = PYTHON.get(text, text).replace("$", r"\Z")
    assert Pattern(text).matches(subject) == bool(re.search(python, subject, re.ASCII))


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
    ],
)
def test_the_rest_is_re2s(text: str, subject: str, matches: bool) -> None:
    assert Pattern(text).matches(subject) == matches


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
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
        ("(a{1000}){1000}", "the pattern is too large"),
        ("(" * 100, "the pattern is nested too deeply"),
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


def test_only_so_much_of_a_text_is_looked_at() -> None:
    assert Pattern("b").matches("a" * 1000 + "b")
    assert not Pattern("b").matches("a" * LONGEST_TEXT + "b")


def test_memory_is_bounded_whatever_the_text() -> None:
    pattern = Pattern(r"\bx\b.{3}y")
    assert not pattern.matches("".join(chr(0x4E00 + number % 20_000) for number in range(30_000)))
    assert len(pattern._memory) <= 20_001


@given(st.text(alphabet=string.printable, max_size=12), st.text(max_size=12))
def test_any_text_is_a_pattern_or_is_refused(text: str, subject: str) -> None:
    with contextlib.suppress(PatternError):
        Pattern(text).matches(subject)
