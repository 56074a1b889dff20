"""Plays faults on stages: each lane has a stage of its own, which takes as many runs at once as a fault lets it."""

from __future__ import annotations

import contextlib
import math
import queue
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from faults.run import Run
from faults.scenario import Fault, Findings
from faults.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence


def play_all(chosen: Sequence[Fault], *, lanes: int, runs: int | None = None) -> list[Findings]:
    """What was found of each fault, in the order they were given."""
    findings = {fault.name: Findings(fault) for fault in chosen}
    waiting: queue.SimpleQueue[Fault] = queue.SimpleQueue()
    for fault in sorted(chosen, key=_length, reverse=True):
        waiting.put(fault)

    def play_lane() -> None:
        with Stage() as stage:
            while True:
                try:
                    fault = waiting.get_nowait()
                except queue.Empty:
                    return
                play(stage, findings[fault.name], runs or fault.runs)

    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        for lane in [pool.submit(play_lane) for _ in range(min(lanes, len(chosen)))]:
            lane.result()
    return list(findings.values())


def _length(fault: Fault) -> float:
    """About how long it takes: the longest are begun first, so that all lanes end at the same time."""
    # Nothing is as long as waiting for somebody to look at a clock, and the operator is changed for it only once.
    return math.inf if fault.clock else fault.runs / fault.at_once * (fault.lifetime or 5)


def play(stage: Stage, findings: Findings, runs: int) -> None:
    """All runs of one fault. A play that fails is a finding, and never the end of the others."""
    began = time.monotonic()
    fault = findings.fault
    with ThreadPoolExecutor(fault.at_once, thread_name_prefix=f"{threading.current_thread().name}-run") as pool:
        for first in range(0, runs, fault.at_once):
            try:
                stage.prepare(fault)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the table
                findings.add("wrong", f"the stage could not be put in order: {type(error).__name__}: {error}")
                break
            numbers = range(first, min(first + fault.at_once, runs))
            list(pool.map(lambda number: play_once(stage, findings, number), numbers))
            _look_for_bugs(stage, findings)
    findings.seconds = time.monotonic() - began
    state = "ok" if findings.is_good else "NOT OK"
    for kind, what in findings.told():
        print(f"{'':10}  {kind}: {what[:1500]}", file=sys.stderr)
    print(f"{findings.seconds:6.1f} s  {state:7} {fault.name} ({findings.runs})", file=sys.stderr, flush=True)


def play_once(stage: Stage, findings: Findings, number: int) -> None:
    run = Run(stage, number, findings)
    try:
        findings.fault.play(run)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the table
        run.wrong(f"run {number}: {type(error).__name__} at {_where(error)}: {str(error)[:1500]}")
    finally:
        findings.count(environments=len(run.subjects))
        with contextlib.suppress(Exception):  # the stage is put in order before the next run
            run.clean_up()


def _where(error: BaseException) -> str:
    return " > ".join(str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[-4:])


def _look_for_bugs(stage: Stage, findings: Findings) -> None:
    """An operator that ended by itself, or met something that it did not foresee."""
    if not stage.operator.is_running():
        findings.add("wrong", f"the operator has ended: {stage.log_of_operator()[-400:]}")
    unforeseen = stage.read_new_log_lines("internal error", "Traceback", "unexpectedly")
    for line in unforeseen[:3]:
        findings.add("wrong", f"in the operator's log: {line}")
