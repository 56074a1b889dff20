"""What a failing test on a cluster tells beside its message: how the logs of its operators end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_operator import LocalOperator

if TYPE_CHECKING:
    import pytest

LINES = 60
LINE_LENGTH = 400


def add_logs(report: pytest.TestReport, since: float) -> None:
    """Of all operators of this process that have written something since then, a time of `time.time`.

    The operator's log holds no secret value, at any level; the tests of that read it whole.
    """
    for log in LocalOperator.logs_written_since(since):
        lines = log.read_text(errors="replace").splitlines()[-LINES:]
        report.sections.append((f"The end of {log}", "\n".join(line[:LINE_LENGTH] for line in lines)))
