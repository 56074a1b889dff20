"""A recursion limit for the deepest object that the API server takes: nobody's object stops the work on all others.

The API server refuses JSON that is more than 10,000 deep. What it took is read by recursion, by kopf and the standard
library, in lists and watches of everybody's objects: with Python's own limit of 1,000 frames, one deep definition in
one namespace would be the end of the watch, and of every later list. Definitions have a limit of their own
(`lang.limits`), which is told to their author.
"""

from __future__ import annotations

import resource
import sys

FRAMES = 60_000
"""A copy takes two frames a level, a comparison up to three."""

STACK_BYTES = 64 * 1024 * 1024
"""The most that the main thread's stack may grow to. A level of C takes less than a kilobyte, a frame half of that."""


def raise_recursion_limit() -> None:
    """For the main thread; the stack grows only when it is needed. A smaller hard limit is taken as it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    if wanted == STACK_BYTES:
        sys.setrecursionlimit(FRAMES)
