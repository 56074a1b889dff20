"""Reasons are stable words that are documented."""

from __future__ import annotations

import re
from pathlib import Path

from esc_operator.resources import reasons


def test_each_reason_is_camel_case_and_documented() -> None:
    source = Path(reasons.__file__).read_text()
    declared = {name: value for name, value in vars(reasons).items() if name.isupper()}
    assert declared
    for name, value in declared.items():
        assert re.fullmatch(r"([A-Z][a-z]+)+", value), value
        assert re.search(rf'^{name} = "{value}".*\n"""\S', source, re.MULTILINE), f"{name} has no docstring"
    assert len(set(declared.values())) == len(declared)
