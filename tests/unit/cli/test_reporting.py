"""What a person reads of diagnostics; `commands/test_open` has whole outputs."""

from __future__ import annotations

from esc_operator.cli.reporting import render
from esc_operator.cli.sources import Sources
from esc_operator.evaluation import Evaluation, Evaluator, Mode
from esc_operator.lang import parse_text


class Counted(str):
    """A text that knows how often it was read."""

    __slots__ = ("reads",)

    def encode(self, *arguments: str) -> bytes:
        self.reads = getattr(self, "reads", 0) + 1
        return super().encode(*arguments)


def test_a_text_with_many_mistakes_is_read_once_for_all_of_their_excerpts() -> None:
    text = Counted("values:\n  a: ${x}\n  b: {fn::secret: hunter2}\n  c: ${y}\n  d: ${z}\n")
    environment, _ = parse_text("app", str(text))
    found = Evaluator(environment, name="app", mode=Mode.CHECK).step()
    assert isinstance(found, Evaluation)
    assert len(found.diagnostics) == 3
    lines = "".join(render(found.diagnostics, Sources("app", {"app": text}, {}))).splitlines()
    assert [line for line in lines if line.startswith("    ")] == [
        *("    2 |   a: ${x}", "      |        ^"),
        *("    4 |   c: ${y}", "      |        ^"),
        *("    5 |   d: ${z}", "      |        ^"),
    ]
    assert text.reads == 1
