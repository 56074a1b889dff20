"""The port where nobody listens."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from esc_operator.telemetry import SILENT, Meter
from unit.telemetry.notes import Notes

WORDS = [name for name, _ in inspect.getmembers(Meter, inspect.isfunction) if not name.startswith("_")]


def test_a_span_that_nobody_traces_is_always_the_same_one() -> None:
    with SILENT.tracer.span("open", provider="aws-login") as span:
        span.note(called=True)
        span.fail("Throttled")
    assert SILENT.tracer.span("another") is span


def test_a_span_that_nobody_traces_lets_exceptions_through() -> None:
    with pytest.raises(KeyError), SILENT.tracer.span("open"):
        raise KeyError


def test_the_notes_of_the_tests_know_every_word() -> None:
    assert WORDS
    assert all(word in vars(Notes) for word in WORDS)


@pytest.mark.parametrize("module", ["esc_operator.cli", "esc_operator.api", "esc_operator.kube.api"])
def test_what_embeds_us_loads_no_library_of_metrics_or_traces(module: str) -> None:
    told = f"import sys, {module}; print([m for m in sys.modules if m.startswith(('prometheus', 'opentelemetry'))])"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
