"""The golden diagnostics hold."""

from __future__ import annotations

import pytest

from esc_operator.evaluation import Described, Evaluator, Failed, Mode
from esc_operator.lang import Diagnostic, parse_text
from esc_operator.schema.compile import from_json
from golden.chunks import Chunk, Expected, read_chunks
from unit.evaluation.drive import World, drive, echo

STRICT = from_json(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "number", "minimum": 1}},
        "required": ["name"],
        "additionalProperties": False,
    }
)
TOKEN = from_json({"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]})
PROVIDERS = {
    "strict": (Described(STRICT, TOKEN), echo),
    "anything": (Described(), echo),
    "failing": (Described(outputs=TOKEN), lambda _: Failed("the cloud is closed", "CloudClosed")),
}


@pytest.mark.parametrize("chunk", read_chunks(), ids=lambda chunk: chunk.title)
def test_every_line_that_is_wrong_is_reported_and_no_other(chunk: Chunk) -> None:
    found = _diagnose(chunk)
    with_columns = {(want.environment, want.line, want.summary): want.columns for want in chunk.expected}
    shown = sorted(_as_expected(diagnostic, with_columns) for diagnostic in found)
    assert shown == sorted(want if want.columns else want._replace(columns=(0, 0)) for want in chunk.expected)


@pytest.mark.parametrize("chunk", read_chunks(), ids=lambda chunk: chunk.title)
def test_no_diagnostic_is_without_a_reason(chunk: Chunk) -> None:
    assert all(diagnostic.reason for diagnostic in _diagnose(chunk))


def _diagnose(chunk: Chunk) -> tuple[Diagnostic, ...]:
    environment, diagnostics = parse_text("root", chunk.texts["root"])
    evaluator = Evaluator(environment, name="root", mode=Mode(chunk.mode))
    return (*diagnostics, *drive(evaluator, World(chunk.texts, PROVIDERS)).diagnostics)


def _as_expected(diagnostic: Diagnostic, with_columns: dict[tuple[str, int, str], tuple[int, int] | None]) -> Expected:
    severity, summary, where = str(diagnostic.severity), diagnostic.summary, diagnostic.range
    if where is None:
        return Expected("", 0, severity, summary, (0, 0))
    matters = with_columns.get((where.environment, where.begin.line, summary))
    columns = (where.begin.column, where.end.column) if matters else (0, 0)
    return Expected(where.environment, where.begin.line, severity, summary, columns)
