"""Counts the cases that pass and says so at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.cases import cases_folder, read_cases

if TYPE_CHECKING:
    import pytest

_OF_ONE_CASE = "test_the_case_holds["


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [report for report in terminalreporter.stats.get("passed", []) if _OF_ONE_CASE in report.nodeid]
    if cases_folder() is not None:
        terminalreporter.write_line(f"conformance: {len(passed)} of {len(read_cases())} cases")
