"""How the interpreter switches between the event loop and threads, and which objects it searches for cycles.

All environments share the loop; a thread computes for one of them: a provider's call, or large work of an evaluation.
"""

from __future__ import annotations

import gc
import sys

SWITCH_SECONDS = 0.001
"""How long a computing thread keeps the interpreter while another one waits. The loop waits for that each time after it
slept, and an attempt needs a dozen such turns: with Python's default of 5 ms this was most of its time during a large
evaluation."""


def favour_loop() -> None:
    """Let the loop get the interpreter quickly."""
    sys.setswitchinterval(SWITCH_SECONDS)


def settle() -> None:
    """Treat all loaded objects as permanent: otherwise each search of old objects for cycles would visit all modules
    and classes, and block the loop meanwhile."""
    gc.collect()
    gc.freeze()
