"""How the interpreter divides itself between the event loop and threads, and what it searches for cycles.

The loop belongs to everybody, and a thread computes for one: a provider's call, or what is large in an evaluation.
"""

from __future__ import annotations

import gc
import sys

SWITCH_SECONDS = 0.001
"""After so long a thread that computes gives the interpreter to another one that wants it. Each time that the loop has
slept it waits for that, and an attempt takes a dozen of such turns: with Python's own 5 ms that was most of its time
while a large evaluation went on."""


def favour_loop() -> None:
    """Let the loop have its turn soon."""
    sys.setswitchinterval(SWITCH_SECONDS)


def settle() -> None:
    """Take what has been loaded by now for what will stay: each search of old objects for cycles would go through all
    modules and classes, and hold the loop meanwhile."""
    gc.collect()
    gc.freeze()
