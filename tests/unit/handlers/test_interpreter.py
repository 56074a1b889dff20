"""How the interpreter is divided; in a process of its own, because it holds for a process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys
from esc_operator.handlers.interpreter import favour_loop, settle
favour_loop()
assert sys.getswitchinterval() < 0.002
assert gc.get_freeze_count() == 0
before = len(gc.get_objects())
settle()
assert len(gc.get_objects()) < before / 10
print("settled")
"""


def test_the_loop_has_its_turn_soon_and_what_is_loaded_is_not_searched() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "settled\n"), done.stderr[-500:]
