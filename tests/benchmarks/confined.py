"""An operator that has as much memory as `deploy/base` grants, and is started again when that has ended it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks.process_usage import read_usage
from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_operator import LocalOperator

CONTROLLER = Path("/sys/fs/cgroup/memory")
"""Where control groups of the first version bound memory."""
UNIFIED = Path("/sys/fs/cgroup")

LOOKS_EVERY = 0.2
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def granted_bytes() -> int:
    """The limit of the operator's container in `deploy/base`."""
    documents = yaml.safe_load_all((places.REPOSITORY / "deploy" / "base" / "deployment.yaml").read_text())
    deployment = next(body for body in documents if body["kind"] == "Deployment")
    limit: str = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    return int(limit[:-2]) * UNITS[limit[-2:]]


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """A control group with this limit, in bytes; None where none can be made here."""
    first = CONTROLLER.is_dir()
    group = (CONTROLLER if first else UNIFIED) / f"esc-bench-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(limit))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def launcher(group: Path | None) -> tuple[str, ...]:
    """A command that enters the group and becomes what follows."""
    return ("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh") if group else ()


class Supervised:
    """Starts the operator again whenever it has ended, and counts. Where no control group holds its memory, it is ended
    here when it has more than the limit."""

    def __init__(self, operator: LocalOperator, limit: int, *, held: bool) -> None:
        self._operator = operator
        self._limit = limit
        self._held = held
        self.kills = 0
        self.peak_mb = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            with contextlib.suppress(OSError, KeyError, AssertionError):  # it may end while it is looked at
                usage = read_usage(self._operator.pid)
                self.peak_mb = max(self.peak_mb, usage.peak_rss_mb)
                if not self._held and usage.rss_mb * 2**20 > self._limit:
                    self._operator.kill()
            if not self._operator.is_running():
                self.kills += 1
                began = time.monotonic()
                self._operator.kill()
                await asyncio.to_thread(self._start_again)
                print(f"the operator had ended; it was back after {time.monotonic() - began:.0f} s", flush=True)

    def _start_again(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended again: that is another kill
            self._operator.start()
