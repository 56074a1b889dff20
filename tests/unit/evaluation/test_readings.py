"""Of a call that reads several things, each failure is told at its own input, and which version was read of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import FailedPart
from esc_operator.evaluation import Described, Opened, ReadVersion
from esc_operator.lang.diagnostics import Failed
from unit.evaluation.drive import World, evaluate

if TYPE_CHECKING:
    from typing import Any

TEXT = """
values:
  name: {fn::secret: hidden-name}
  read:
    fn::open::store:
      get:
        db: {id: prod/db}
        mail: {id: "${name}"}
"""
MISSING = (FailedPart(("get", "db"), "no db", "Missing"), FailedPart(("get", "mail"), "no mail", "Denied"))
VERSIONS = (
    ReadVersion(("get", "db"), "prod/db", "7", note="base64"),
    ReadVersion(("get", "mail"), "hidden-name", "8", note="base64"),
    ReadVersion(("gone",), "of-nothing", "9"),
)


def store(answer: Any) -> World:
    return World(providers={"store": (Described(), lambda _: answer)})


def test_each_part_that_failed_is_told_at_its_own_input_with_its_own_reason() -> None:
    failed = Failed("no db; no mail", "Missing", 30, parts=MISSING)
    found = evaluate(TEXT, store(failed)).diagnostics
    assert [(one.path, one.summary, one.reason) for one in found] == [
        ('values.read["fn::open::store"].get.db', "no db", "Missing"),
        ('values.read["fn::open::store"].get.mail', "no mail", "Denied"),
    ]
    assert [one.range.begin.line for one in found if one.range] == [7, 8]
    assert [one.cause for one in found] == [
        Failed("no db", "Missing", 30),
        Failed("no mail", "Denied", 30),
    ]


def test_a_part_that_is_nowhere_is_told_at_the_call() -> None:
    failed = Failed("no", "Missing", parts=(FailedPart(("nowhere",), "not there", "Missing"),))
    (found,) = evaluate(TEXT, store(failed)).diagnostics
    assert (found.path, found.summary) == ("values.read", "not there")


def test_the_versions_that_were_read_are_recorded_and_not_the_name_of_one_that_is_secret() -> None:
    evaluation = evaluate(TEXT, store(Opened({"db": "x", "mail": "y"}, versions=VERSIONS)))
    (record,) = evaluation.opens
    assert record.versions == (
        VERSIONS[0],
        ReadVersion(("get", "mail"), "", "", note="base64"),
        ReadVersion(("gone",), "", ""),
    )
    assert "hidden-name" not in repr(record)
