"""`python -m failover`: how long nobody works after the leader went, and whether anything is doubled or wrong then."""

from __future__ import annotations

import argparse
import sys
import time

from failover.findings import draw
from failover.show import Plan, play
from failover.stage import Stage, delete_left_over


def main() -> int:
    parser = argparse.ArgumentParser(prog="failover", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="in all (default: %(default)s)")
    parser.add_argument("--slow-kills", type=int, default=10, help="of them with the default lease (%(default)s)")
    parser.add_argument("--hand-overs", type=int, default=20, help="by SIGTERM (default: %(default)s)")
    parser.add_argument("--stops", type=int, default=10, help="by SIGSTOP (default: %(default)s)")
    options = parser.parse_args()
    slow = min(options.slow_kills, options.kills)
    began = time.monotonic()
    delete_left_over()
    with Stage() as stage:
        found = play(stage, Plan(options.kills - slow, slow, options.hand_overs, options.stops))
    print(f"\n{draw(found)}\n")
    for wrong in found.wrong:
        print(f"WRONG: {wrong}")
    print(f"{'not ' if found.wrong else ''}as it has to be, in {time.monotonic() - began:.0f} s")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
