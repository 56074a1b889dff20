"""`python -m tenants [TEXT]`: try everything, or what has the text in its name, and print who has refused it."""

from __future__ import annotations

import argparse
import sys
import time

from tenants.attempt import all_attempts, play
from tenants.stage import Stage
from tenants.table import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="tenants", description=__doc__)
    parser.add_argument("text", nargs="*", help="a part of an attempt's name; default: all")
    text = " ".join(parser.parse_args().text)
    began = time.monotonic()
    chosen = [one for one in all_attempts() if text in one.name]
    with Stage() as stage:
        rows = [(one, play(one, stage)) for one in chosen]
    print(draw(rows))
    print(f"in {time.monotonic() - began:.0f} s")
    return 0 if rows and all(verdict.good for _, verdict in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
