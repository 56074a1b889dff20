"""The table has a row for everything, and says what did not pass."""

from __future__ import annotations

from typing import Any

from catalogue.rows import COLUMNS, messages, rows
from catalogue.table import draw, draw_failed
from catalogue.trying import Tried
from esc_operator.testing import Check, Seen
from unit.testing.acme import changed


def tried(kind: str, *seen: Seen, error: str = "", name: str = "a check") -> Tried:
    def nothing(_: Any) -> tuple[Seen, ...]:
        return ()

    return Tried(Check(kind, name, changed(counterpart="stand-in"), nothing), seen, error, 0.1)


PASSED = [
    tried("schema", Seen("schemas", "inputs: 2")),
    tried("happy path", Seen("open", "1 request")),
    tried("lease", Seen("lease", "1:00:00")),
    tried("failure", Seen("closed", "the account is closed: open it", "AcmeRefused")),
    tried("answers", Seen("nothing", "an answer that makes no sense", "MalformedAnswer")),
    tried("redaction", Seen("secrets", "1")),
]


def test_everything_in_the_catalogue_has_a_row() -> None:
    found = rows([], lambda *_: "", whole=True)
    assert len([row for row in found if row.note == "not there yet"]) == 28
    assert [row.name for row in found if row.note.startswith("not expressible")] == ["debug-oidc-claims"]
    drawn = draw(found)
    assert "azure-app-secret" in drawn
    assert len({len(line) for line in drawn.splitlines()}) == 1


def test_a_row_says_what_was_seen() -> None:
    (row,) = rows(PASSED, lambda *_: "nothing", whole=False)
    assert row.name == "acme-login"
    assert row.cells == {
        "counterpart": "stand-in",
        "schema": "ours",
        "happy path": "yes",
        "lease": "1:00:00",
        "failures": "1 told",
        "answers": "1 told",
        "timeout": "-",
        "redaction": "yes",
        "fence": "-",
        "brings": "nothing",
    }
    assert set(row.cells) == set(COLUMNS) - {"kind", "name"}


def test_what_did_not_pass_is_in_the_row_and_below() -> None:
    failed = [*PASSED, tried("happy path", error="AssertionError: it is not there", name="another")]
    (row,) = rows(failed, lambda *_: "nothing", whole=False)
    assert row.cells["happy path"] == "1 of 2 FAILED"
    assert draw_failed(failed) == "FAILED acme-login: another: AssertionError: it is not there"
    for kind in ("lease", "failure", "schema"):
        (row,) = rows([tried(kind, error="AssertionError: no")], lambda *_: "", whole=False)
        assert "1 of 1 FAILED" in {row.cells["lease"], row.cells["failures"], row.cells["schema"]}


def test_what_a_user_reads_is_listed_by_plug_in() -> None:
    assert messages(PASSED) == {
        "provider acme-login": [
            "closed → AcmeRefused: the account is closed: open it",
            "nothing → MalformedAnswer: an answer that makes no sense",
        ]
    }
