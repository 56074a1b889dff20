"""What the watchdog sees of the event loop's thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from esc_operator.handlers.loop_thread import sleep_of, this_thread

if TYPE_CHECKING:
    from pathlib import Path


def test_the_main_thread_s_time_is_its_own() -> None:
    clock = this_thread().cpu
    before = clock()
    busy = threading.Thread(target=lambda: sum(range(5_000_000)))
    busy.start()
    busy.join()
    assert clock() - before < 0.05


def test_whether_the_main_thread_sleeps_can_be_seen_from_another() -> None:
    sleeps = this_thread().asleep
    seen: list[bool] = []

    def look() -> None:
        time.sleep(0.1)
        seen.append(sleeps())

    looking = threading.Thread(target=look)
    looking.start()
    time.sleep(0.3)
    looking.join()
    assert seen == [True]
    assert not sleeps()  # it is the one that asks


@pytest.mark.parametrize(("stat", "asleep"), [("7 (a ) R b) S 1 2", True), ("7 (a ) S b) R 1 2", False), ("", False)])
def test_a_thread_s_state_stands_behind_its_name(tmp_path: Path, stat: str, asleep: bool) -> None:
    (tmp_path / "stat").write_text(stat)
    assert sleep_of(tmp_path / "stat")() == asleep
    assert not sleep_of(tmp_path / "none")()
