"""All trials of the installed providers and rotators: those of each vendor's `trials.py`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esc_operator.testing import Trial

HERE = Path(__file__).parent


def all_trials() -> list[Trial]:
    found: list[Trial] = []
    for path in sorted(HERE.glob("*/trials.py")):
        found += importlib.import_module(f"unit.providers.{path.parent.name}.trials").TRIALS
    return found
