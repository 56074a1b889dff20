"""`python -m e2e`: pods of three kinds on a real node, through several rotations of their keys; prints the counts."""

from __future__ import annotations

import argparse
import sys
import time

from e2e.findings import draw
from e2e.show import play, say
from e2e.stage import set_up, why_no_node


def main() -> int:
    parser = argparse.ArgumentParser(prog="e2e", description=__doc__)
    parser.add_argument("--rotations", type=int, default=5, help="at least so many (default: %(default)s)")
    parser.add_argument("--lifetime", type=float, default=90.0, help="of a key, in seconds (default: %(default)s)")
    options = parser.parse_args()
    if reason := why_no_node():
        print(f"skipped: {reason}")
        return 0
    began = time.monotonic()
    with set_up() as stage:
        say(f"cluster, AWS and operator run after {time.monotonic() - began:.0f} s")
        found = play(stage, lifetime=options.lifetime, rotations=options.rotations)
    print(f"\n{draw(found)}\n")
    for wrong in found.wrong:
        print(f"WRONG: {wrong}")
    print(f"{'not ' if found.wrong else ''}as it has to be, in {time.monotonic() - began:.0f} s")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
