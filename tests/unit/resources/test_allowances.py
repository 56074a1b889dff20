"""Allow-lists of a namespace: what their patterns mean, and that nothing else gets through."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.allowances import (
    ALLOWED_AUDIENCES,
    ALLOWED_ROLES,
    ALLOWED_TOKEN_AUDIENCES,
    WELL_KNOWN_AUDIENCES,
    Allowances,
    matches,
    parse_allowances,
)

TEAM = "arn:aws:iam::123456789012:role/team-*"
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
PATTERNS = st.text("ab*/:", max_size=8)
TEXTS = st.text("ab/:", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("arn:aws:iam::123456789012:role/apps", "arn:aws:iam::123456789012:role/apps"),
        (TEAM, "arn:aws:iam::123456789012:role/team-a"),
        (TEAM, "arn:aws:iam::123456789012:role/team-"),
        ("arn:aws:iam::*:role/apps", "arn:aws:iam::123456789012:role/apps"),
        ("arn:aws:iam::123456789012:role/apps/*", "arn:aws:iam::123456789012:role/apps/web"),
        ("arn:aws:iam::123456789012:role/apps/**", "arn:aws:iam::123456789012:role/apps/deep/web"),
        ("**", "arn:aws:iam::123456789012:role/apps"),
        ("//iam.googleapis.com/projects/*/locations/**", "//iam.googleapis.com/projects/1/locations/global/x"),
        ("[a-z]?", "[a-z]?"),
    ],
)
def test_what_a_pattern_means(pattern: str, text: str) -> None:
    assert matches(pattern, text)


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::123456789012:role/Team-a",
        "arn:aws:iam::123456789012:ROLE/team-a",
        "ARN:aws:iam::123456789012:role/team-a",
        "arn:aws:iam::123456789012:role/other",
        "arn:aws:iam::123456789012:role/team-a/admin",
        "arn:aws:iam::123456789012:role/team-a:admin",
        "arn:aws:iam::123456789012:role/admin\narn:aws:iam::123456789012:role/team-a",
        "arn:aws:iam::123456789012:role/team-a\n",
        "arn:aws:iam::123456789012:role/team-a\x00",
        " arn:aws:iam::123456789012:role/team-a",
        "arn:aws:iam::123456789012:role/team-\u0430",
        "arn:aws:iam::123456789012:role/te\u0430m-a",
        "arn:aws:iam::123456789012:role/team\u2010a",
        "arn:aws:iam::123456789012:role/%74eam-a",
        "arn:aws:iam::999999999999:role/team-a",
        "arn:aws:iam::999999999999:role/x:arn:aws:iam::123456789012:role/team-a",
        "",
    ],
)
def test_what_looks_alike_is_not_the_same(role: str) -> None:
    assert not matches(TEAM, role)
    assert not matches("arn:aws:iam::*:role/team-*", role) or "999999999999:role/team-a" in role


@given(PATTERNS, TEXTS)
def test_a_pattern_means_what_the_regular_expression_of_its_description_means(pattern: str, text: str) -> None:
    described = re.sub(
        r"\*\*+|\*|[^*]+",
        lambda part: {"*": "[^/:]*"}.get(part[0], ".*") if part[0][0] == "*" else re.escape(part[0]),
        pattern,
    )
    assert matches(pattern, text) == (re.fullmatch(described, text) is not None)


@given(VISIBLE)
def test_without_a_star_only_the_text_itself_is_meant(text: str) -> None:
    if "*" not in text:
        assert matches(text, text)
        assert not matches(text, text + "x")
        assert not matches(text, text.swapcase()) or text == text.swapcase()


@given(st.text(), PATTERNS)
def test_nothing_but_visible_ascii_is_meant_by_any_pattern(text: str, pattern: str) -> None:
    if any(not "!" <= character <= "~" for character in text):
        assert not matches(pattern, text)
        assert not matches("**", text)


def test_no_pattern_takes_long() -> None:
    began = time.process_time()
    assert not matches("a*" * 60, "a" * 2048 + "/")
    assert time.process_time() - began < 2


def test_annotations_are_read_as_lists_parted_by_commas_or_spaces() -> None:
    found = parse_allowances({ALLOWED_ROLES: " a, b\n,c ", ALLOWED_AUDIENCES: "x"})
    assert (found.roles, found.audiences) == (("a", "b", "c"), ("x",))


def test_without_a_list_everything_is_allowed_unless_lists_are_required() -> None:
    free, strict = parse_allowances(None), parse_allowances({}, required=True)
    assert free.allows_role("anything")
    assert free.allows_audience("anything")
    assert not strict.allows_role("anything")
    assert not strict.allows_audience("anything")


def test_an_empty_list_allows_nothing() -> None:
    found = parse_allowances({ALLOWED_ROLES: "", ALLOWED_AUDIENCES: " , "})
    assert not found.allows_role("anything")
    assert not found.allows_audience("anything")


@pytest.mark.parametrize("audience", [*WELL_KNOWN_AUDIENCES, "https://issuer", " https://issuer\n"])
def test_the_audiences_of_the_api_server_are_allowed_to_nobody(audience: str) -> None:
    for lists in (None, {ALLOWED_AUDIENCES: "**"}, {ALLOWED_AUDIENCES: audience}):
        assert not parse_allowances(lists, ["https://issuer"]).allows_audience(audience)
    assert Allowances().allows_audience("sts.amazonaws.com")


def test_tokens_have_a_list_of_their_own_which_is_demanded_where_lists_are() -> None:
    assert parse_allowances({ALLOWED_TOKEN_AUDIENCES: "a, b"}).token_audiences == ("a", "b")
    assert parse_allowances({}).token_audiences is None
    demanded = parse_allowances({ALLOWED_ROLES: "**", ALLOWED_AUDIENCES: "**"}, required=True)
    assert demanded.token_audiences == ()
    assert not demanded.allows_token("aud", exchanged=False)
