"""One condition for all warnings: bounded, and with the first of them as its reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.conditions import MAX_MESSAGE
from esc_operator.resources.warnings import (
    LONGEST_WARNING,
    MAX_WARNINGS,
    StatusWarning,
    describe_warnings,
    make_warning,
    parse_warnings,
    replace_warnings,
)

warnings = st.lists(st.builds(make_warning, st.sampled_from(["A", "B", "C"]), st.text(max_size=700)), max_size=20)


def test_without_a_warning_there_is_no_condition() -> None:
    assert describe_warnings((), 3) is None


def test_one_warning_is_the_condition() -> None:
    condition = describe_warnings([StatusWarning("NotExported", "this is left out")], 3)
    assert condition is not None
    assert (condition.type, condition.status, condition.reason) == ("Warnings", "True", "NotExported")
    assert (condition.message, condition.observed_generation) == ("this is left out", 3)


def test_several_are_counted_and_numbered() -> None:
    condition = describe_warnings([StatusWarning("A", "one"), StatusWarning("B", "two")], 1)
    assert condition is not None
    assert (condition.reason, condition.message) == ("A", "2 warnings: (1) one; (2) two")


def test_those_without_room_are_counted() -> None:
    condition = describe_warnings([StatusWarning("A", letter * 450) for letter in "abcd"], 1)
    assert condition is not None
    assert condition.message.endswith("b; 2 more are in status.warnings")


@given(warnings)
def test_no_message_is_too_long_and_every_warning_survives_the_way_to_the_server(found: list[StatusWarning]) -> None:
    condition = describe_warnings(found, 1)
    assert (condition is None) == (not found)
    assert condition is None or len(condition.message) <= MAX_MESSAGE
    assert all(len(one.message) <= LONGEST_WARNING for one in found)
    assert parse_warnings([one.to_dict() for one in found]) == tuple(found)


@given(warnings, warnings)
def test_only_the_kinds_that_were_looked_for_are_replaced(
    known: list[StatusWarning], found: list[StatusWarning]
) -> None:
    after = replace_warnings(known, {"A"}, [one for one in found if one.reason == "A"])
    assert len(after) <= MAX_WARNINGS
    assert len(set(after)) == len(after)
    kept = list(dict.fromkeys(one for one in known if one.reason != "A"))
    assert [one for one in after if one.reason != "A"] == kept[:MAX_WARNINGS]
    assert {one for one in after if one.reason == "A"} <= set(found)
