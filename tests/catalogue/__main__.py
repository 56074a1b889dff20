"""`python -m catalogue [TEXT]`: try every provider and rotator, or those with the text in their names, in a table."""

from __future__ import annotations

import argparse
import sys
import time

from catalogue.bringing import measure
from catalogue.rows import INEXPRESSIBLE, messages, rows
from catalogue.table import draw, draw_failed, draw_messages
from catalogue.trying import try_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="catalogue", description=__doc__)
    parser.add_argument("text", nargs="?", default="", help="a part of a name; default: all")
    text = parser.parse_args().text
    began = time.monotonic()
    tried = try_all(text)
    print(draw(rows(tried, lambda kind, name: str(measure(kind, name)), whole=not text)))
    if not text:
        print("\n".join(["", *(f"{name}: {why}" for (_, name), why in INEXPRESSIBLE.items())]))
    print("\nWhat a user reads:\n")
    print(draw_messages(messages(tried)))
    failed = [one for one in tried if one.error]
    if failed:
        print(f"\n{draw_failed(tried)}")
    print(f"\n{len(tried)} checks, {len(failed)} failed, in {time.monotonic() - began:.0f} s")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
