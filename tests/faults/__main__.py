"""`python -m faults [NAME ...]`: play the faults whose names begin so, or all of them."""

from __future__ import annotations

import argparse
import sys

from faults.playing import play_all
from faults.scenario import all_faults
from faults.stage import delete_left_over
from faults.table import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the beginning of a fault's name; default: all")
    parser.add_argument("--runs", type=int, help="play each so many times (default: each its own number)")
    parser.add_argument("--lanes", type=int, default=3, help="clusters to play on at once (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="only tell the names")
    options = parser.parse_args()
    known = all_faults()
    chosen = [one for one in known.values() if not options.names or any(map(one.name.startswith, options.names))]
    if options.list or not chosen:
        print("\n".join(known))
        return 0 if options.list else 2
    delete_left_over()
    findings = play_all(chosen, lanes=options.lanes, runs=options.runs)
    print(draw(findings))
    return 0 if all(one.is_good for one in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
