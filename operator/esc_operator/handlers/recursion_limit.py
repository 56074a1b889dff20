"""A recursion limit for the deepest object that the API server accepts: no tenant's object stops the work on others.

The API server refuses JSON that is more than 10,000 levels deep. kopf and the standard library read what it accepted by
recursion, in lists and watches of all objects: with Python's default limit of 1,000 frames, one deep definition in one
namespace would end the watch, and every later list. Definitions have a limit of their own (`lang.limits`), which their
author sees.
"""

from __future__ import annotations

import resource
import sys

FRAMES = 60_000
"""A copy takes two frames a level, a comparison up to three."""

STACK_BYTES = 64 * 1024 * 1024
"""The maximum size of the main thread's stack.  A level of C takes less than a kilobyte, a frame half of that."""


def raise_recursion_limit() -> None:
    """Raise it for the main thread; the stack grows only when needed. A smaller hard limit stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    if wanted == STACK_BYTES:
        sys.setrecursionlimit(FRAMES)
