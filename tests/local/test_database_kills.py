"""The process that rotates a database's password is killed, at each step and at any moment: nothing is lost.

Real databases. ROTATION_KILLS=50 kills it as often as that at each step.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import pytest

from local.rotating import STEPS, Task, kept_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.databases import Database

KILLS = int(os.environ.get("ROTATION_KILLS", "2"))


class Processes:
    """Makes processes that rotate, within its `with` block."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "local.rotating"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, task: Task, seconds: float | None) -> int:
        """The exit code; of a process that is killed, at its step or after some seconds, -9."""
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(json.dumps([*task, seconds]) + "\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._forks:
            self._forks.terminate()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


class Rotations:
    """One environment's rotations, each in a process of its own."""

    def __init__(self, processes: Processes, database: Database, folder: Path) -> None:
        self.processes = processes
        self.database = database
        self.folder = folder
        self.number = 0

    def run(self, killed: str = "", seconds: float | None = None) -> int:
        task = Task(self.database.engine, self.database.inputs(), str(self.folder), f"request-{self.number}", killed)
        return self.processes.run(task, seconds)

    def ask(self) -> None:
        self.number += 1

    @property
    def target(self) -> dict[str, str]:
        """What pods hold."""
        found: dict[str, str] = json.loads((self.folder / "target").read_text())
        return found

    @property
    def state(self) -> dict[str, Any]:
        return kept_state(self.folder)

    def works(self, user: dict[str, str]) -> bool:
        return self.database.admits(user["username"], user["password"])

    def assert_nobody_is_locked_out(self) -> None:
        assert self.works(self.target), "what pods hold does not work"
        assert self.works(self.state["current"]), "what is kept as current does not work"

    def assert_all_agree(self, before: dict[str, str]) -> None:
        assert self.run() == 0, "the next process does not end the rotation"
        state = self.state
        assert "pending" not in state
        assert self.target == state["current"]
        assert self.works(state["current"])
        assert state["previous"] == before
        assert self.works(state["previous"])


@pytest.fixture
def rotations(processes: Processes, database: Database, tmp_path: Path) -> Rotations:
    rotations = Rotations(processes, database, tmp_path)
    for _ in range(2):
        rotations.ask()
        assert rotations.run() == 0
    assert rotations.works(rotations.state["previous"])
    return rotations


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_killed_at_a_step_leaves_nobody_locked_out(rotations: Rotations, step: str) -> None:
    for _ in range(KILLS):
        before = rotations.target
        rotations.ask()
        assert rotations.run(killed=step) == -9, "it was not killed there"
        rotations.assert_nobody_is_locked_out()
        rotations.assert_all_agree(before)


def test_a_process_that_is_killed_at_any_moment_leaves_nobody_locked_out(rotations: Rotations) -> None:
    chance = random.Random(7)
    for _ in range(KILLS):
        before = rotations.target
        rotations.ask()
        rotations.run(seconds=chance.uniform(0.0, 0.06))
        rotations.assert_nobody_is_locked_out()
        rotations.assert_all_agree(before)


def test_a_process_that_is_killed_again_and_again_makes_one_password(rotations: Rotations) -> None:
    before = rotations.target
    rotations.ask()
    assert rotations.run(killed="after the change") == -9
    pending = rotations.state["pending"]
    for step in ("before the change", "after the change", "before the state is stored"):
        assert rotations.run(killed=step) == -9
        assert rotations.state["pending"] == pending
        rotations.assert_nobody_is_locked_out()
    rotations.assert_all_agree(before)
    assert rotations.state["current"] == pending


def test_a_first_rotation_that_is_killed_is_done_by_the_next_process(
    processes: Processes, database: Database, tmp_path: Path
) -> None:
    rotations = Rotations(processes, database, tmp_path)
    rotations.ask()
    assert rotations.run(killed="after the change") == -9
    made = rotations.state["pending"]
    assert rotations.run() == 0
    assert rotations.state == {"current": made}
    assert rotations.works(made)


def test_one_request_rotates_once(rotations: Rotations) -> None:
    before = rotations.state
    assert rotations.run() == 0
    assert rotations.state == before
