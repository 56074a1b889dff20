"""Processes that outlive the command that started them.

Owns their records: a pid together with what tells that process from a later one with the same number. Never signals a
process that it cannot recognise, so a stale record after a restart of the machine harms nobody.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Recorded:
    """One started process: its pid, and when it began, which no other process of that pid shares."""

    name: str
    pid: int
    began: str

    def is_alive(self) -> bool:
        return _began(self.pid) == self.began


def start(name: str, command: list[str], records: Path, log: Path) -> Recorded:
    """Start `command` in a session of its own, with its output in `log`, and record it in the folder `records`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The terminal's Ctrl-C is meant for the command that is running, not for the cluster.
            start_new_session=True,
        )
    recorded = Recorded(name, process.pid, _began(process.pid) or "")
    records.mkdir(parents=True, exist_ok=True)
    (records / f"{name}.json").write_text(json.dumps(asdict(recorded)))
    # It is meant to outlive its Popen object, which would warn about that.
    process.returncode = 0
    return recorded


def read_records(records: Path) -> list[Recorded]:
    found = []
    for path in sorted(records.glob("*.json")):
        with contextlib.suppress(ValueError, TypeError):  # cut short by a full disk or a crash: nothing to recognise
            found.append(Recorded(**json.loads(path.read_text())))
    return found


def stop(process: Recorded, grace: float) -> None:
    """SIGTERM, and SIGKILL where that took longer than `grace` seconds."""
    for sign, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        if not process.is_alive():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, sign)
        deadline = time.monotonic() + patience
        while process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)


def _began(pid: int) -> str | None:
    """When the process began, in words that hold across reboots; None where it is gone or only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return _began_by_ps(pid) if not _BOOT_ID.exists() else None
    except ProcessLookupError:
        return None
    # The second field is the program's name in parentheses and may itself contain spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return f"{_BOOT_ID.read_text().strip()}/{fields[19]}"


def _began_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return answer[1].strip() if len(answer) == 2 and not answer[0].startswith("Z") else None
