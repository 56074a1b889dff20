"""`python -m e2e`: pods on a real node, through several rotations of their keys, with leases of a database that are
renewed and taken anew, and through revisions of an environment in Pulumi Cloud; prints the counts."""

from __future__ import annotations

import argparse
import sys
import time

from e2e import leases
from e2e.findings import draw
from e2e.following import follow
from e2e.show import play, say
from e2e.stage import Stage, set_up, why_no_node

SHOWS = ("keys", "pulumi", "leases")


def main() -> int:
    parser = argparse.ArgumentParser(prog="e2e", description=__doc__)
    parser.add_argument("--rotations", type=int, default=5, help="at least so many (default: %(default)s)")
    parser.add_argument("--lifetime", type=float, default=90.0, help="of a key, in seconds (default: %(default)s)")
    parser.add_argument("--renewals", type=int, default=10, help="of leases, at least (default: %(default)s)")
    parser.add_argument("--ttl", type=int, default=60, help="of a lease, in seconds (default: %(default)s)")
    parser.add_argument("--only", choices=SHOWS, help="one of the shows")
    options = parser.parse_args()
    if reason := why_no_node():
        print(f"skipped: {reason}")
        return 0
    began = time.monotonic()
    with set_up() as stage:
        say(f"cluster, AWS and operator run after {time.monotonic() - began:.0f} s")
        wrong: list[str] = []
        if options.only in {None, "keys"}:
            found = play(stage, lifetime=options.lifetime, rotations=options.rotations)
            print(f"\n{draw(found)}\n")
            wrong += found.wrong
        if options.only in {None, "pulumi"}:
            followed = follow(stage, times=options.rotations, lifetime=options.lifetime / 2)
            print(f"\n{followed.draw()}\n")
            wrong += followed.wrong
        if options.only in {None, "leases"}:
            leased = _play_leases(stage, options.ttl, options.renewals, options.rotations)
            print(f"\n{leases.draw(leased)}\n")
            wrong += leased.wrong
    for one in wrong:
        print(f"WRONG: {one}")
    print(f"{'not ' if wrong else ''}as it has to be, in {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _play_leases(stage: Stage, ttl: int, renewals: int, recreations: int) -> leases.Findings:
    tenant = stage.tenant("leases", "apps")
    tenant.create_service_account("apps")
    with stage.vault() as (vault, postgres):
        return leases.play(stage, tenant, vault, postgres, ttl, renewals, 1 + recreations)


if __name__ == "__main__":
    sys.exit(main())
