"""An evaluation that holds the event loop is told while somebody can, and left on the Lease, whatever comes then."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.election.record import NOTE
from esc_operator.handlers.loop_thread import LoopThread
from esc_operator.handlers.memory_limit import used_share
from esc_operator.handlers.watchdog import (
    BUSY_SECONDS,
    LONGEST_ASIDE,
    LOOK_SECONDS,
    NEARLY_ALL,
    NOT_MEANT,
    Watchdog,
    reporter,
)
from esc_operator.reconciliation.controller.interruptions import Interruptions, parse_interruptions
from esc_operator.reconciliation.controller.under_way import Definition, Stretch, UnderWay
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from pathlib import Path

BOMB = Definition(Key("apps", "bomb"), "uid-1", 3)
LONGEST = 4.0


class Scene:
    """A watchdog, and what it looks at."""

    def __init__(self) -> None:
        self.seconds = self.cpu = self.memory = 0.0
        self.asleep = False
        self.told: list[str] = []
        self.under_way = UnderWay(lambda: self.seconds)
        self.watchdog = Watchdog(
            self.under_way,
            lambda definition, what: self.told.append(f"{definition.key}: {what}"),
            longest=LONGEST,
            memory=lambda: self.memory,
            thread=LoopThread(lambda: self.cpu, lambda: self.asleep),
        )

    def hold(self, seconds: float, cpu: float) -> None:
        """The evaluation goes on without a wait."""
        if self.under_way.stretch is None:
            self.under_way.stretch = Stretch(BOMB, self.seconds)
        self.watchdog.look()
        self.seconds += seconds
        self.cpu += cpu
        self.watchdog.look()


def test_what_holds_the_loop_for_long_is_reported_once() -> None:
    scene = Scene()
    scene.hold(LONGEST - 0.1, cpu=BUSY_SECONDS)
    assert scene.told == []
    for _ in range(3):
        scene.hold(0.1, cpu=0)
    assert scene.told == ["apps/bomb: it has blocked everything else for 4 s"]


def test_what_waits_between_its_stretches_holds_nothing() -> None:
    scene = Scene()
    for _ in range(5):
        scene.hold(LONGEST / 2, cpu=BUSY_SECONDS)
        scene.under_way.stretch = None
        scene.watchdog.look()
    assert scene.told == []


def test_a_process_that_is_given_no_time_is_not_its_environments_fault() -> None:
    scene = Scene()
    scene.hold(LONGEST * 10, cpu=BUSY_SECONDS - 0.1)
    assert scene.told == []


def test_what_waits_without_letting_the_loop_go_on_is_reported() -> None:
    scene = Scene()
    scene.asleep = True
    while scene.seconds < LONGEST:
        assert scene.told == []
        scene.hold(LOOK_SECONDS, cpu=0)
    assert scene.told == ["apps/bomb: it has blocked everything else for 4 s"]


def test_a_process_that_was_stopped_as_a_whole_is_not_its_environments_fault() -> None:
    scene = Scene()
    scene.asleep = True
    scene.hold(LONGEST * 10, cpu=0)
    assert scene.told == []


def test_what_has_run_in_between_does_not_wait() -> None:
    scene = Scene()
    scene.hold(LOOK_SECONDS, cpu=0)
    scene.asleep = True
    for _ in range(100):
        scene.hold(LOOK_SECONDS, cpu=0)
    assert scene.told == []


def test_what_takes_nearly_all_memory_is_reported_before_the_kernel_ends_the_process_without_a_word() -> None:
    scene = Scene()
    scene.hold(NOT_MEANT, cpu=NOT_MEANT)
    assert scene.told == []
    scene.memory = NEARLY_ALL
    scene.hold(0.1, cpu=0.1)
    assert scene.told == ["apps/bomb: 90% of the operator's memory is used"]


def test_memory_that_somebody_else_takes_is_not_held_against_what_is_under_way() -> None:
    scene = Scene()
    scene.memory = 1.0
    scene.hold(NOT_MEANT - 0.1, cpu=0.1)
    assert scene.told == []


def test_what_has_the_thread_for_large_work_is_reported_when_it_takes_far_too_long_or_nearly_all_memory() -> None:
    scene = Scene()
    scene.under_way.large = Stretch(BOMB, scene.seconds)
    scene.seconds += LONGEST_ASIDE - 1
    scene.watchdog.look()
    assert scene.told == []
    scene.seconds += 1
    for _ in range(3):
        scene.watchdog.look()
    assert scene.told == ["apps/bomb: it has blocked all other large environments for 60 s"]
    scene.under_way.large = Stretch(BOMB, scene.seconds)
    scene.memory = 1.0
    scene.watchdog.look()
    scene.seconds += NOT_MEANT
    for _ in range(3):
        scene.watchdog.look()
    assert scene.told[1:] == ["apps/bomb: 90% of the operator's memory is used"]


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"own": "0::/pod/one\n", "root/pod/one/memory.max": "max\n", "root/pod/memory.max": "8192000\n"}, 8192000),
        ({"own": "0::/\n", "root/memory.max": "4096000\n"}, 4096000),
        ({"own": "4:memory:/\n", "root/memory/memory.limit_in_bytes": "2048000\n"}, 2048000),
        ({"own": "4:memory:/\n", "root/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0),
        ({}, 0),
    ],
)
def test_the_limit_is_that_of_the_cgroup_whichever_version_it_has(
    tmp_path: Path, files: dict[str, str], limit: int
) -> None:
    import os

    for name, text in {**files, "statm": "900 100 1 1 0 1 0\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    share = used_share(tmp_path / "root", tmp_path / "own", tmp_path / "statm")
    assert share() == (100 * os.sysconf("SC_PAGE_SIZE") / limit if limit else 0)


class LeaseServer:
    """Takes what is written to it."""

    def __init__(self, status: int = 200) -> None:
        taken: list[tuple[str, str, Any]] = []
        self.taken = taken

        class Handler(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> LeaseServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime
from esc_operator.handlers import logs
from esc_operator.handlers.loop_thread import this_thread
from esc_operator.handlers.watchdog import Watchdog, end_after, reporter
from esc_operator.kube.client_config import ClientConfig, Credentials
from esc_operator.kube.connection import Connection
from esc_operator.reconciliation.controller.interruptions import Interruptions
from esc_operator.reconciliation.controller.under_way import Definition, UnderWay
from esc_operator.resources.environment import Key

async def bomb():
    while True:
        sum(range(100_000))

async def main():
    under_way = UnderWay()
    config = ClientConfig(sys.argv[1], Credentials(authorization="Bearer own"))
    lease = Connection(config), Key("esc-system", "esc-operator")
    report = reporter(Interruptions(), lease, lambda: datetime.now(UTC), 1.0)

    def tell(definition, what):
        report(definition, what)
        end_after(0.3)

    dog = Watchdog(under_way, tell, longest=1.2, memory=lambda: 0.0, thread=this_thread())
    logs.configure("info", "text")
    end_after(50.0)
    with dog.watching():
        await under_way.of(Definition(Key("apps", "bomb"), "uid-1", 3), bomb())

asyncio.run(main())
"""


def test_the_last_line_of_a_process_that_is_ended_names_what_was_under_way_and_so_does_the_lease() -> None:
    with LeaseServer() as server:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == signal.SIGALRM
    *_, last = ended.stderr.splitlines()
    assert 'CRITICAL EscEnvironment "apps/bomb" is being evaluated (generation 3), and it has blocked' in last
    ((path, authorization, body),) = server.taken
    assert path == "/apis/coordination.k8s.io/v1/namespaces/esc-system/leases/esc-operator"
    assert authorization == "Bearer own"
    (found,) = parse_interruptions(body["metadata"]["annotations"][NOTE], datetime.now(UTC))
    assert (found.definition, found.times) == (BOMB, 1)


@pytest.mark.parametrize("status", [403, None])
def test_word_that_cannot_be_left_is_reported(status: int | None, caplog: pytest.LogCaptureFixture) -> None:
    from esc_operator.kube.client_config import ClientConfig
    from esc_operator.kube.connection import Connection

    with LeaseServer(status or 200) as server:
        place = Key("esc-system", "esc-operator")
        url = server.url if status else "http://127.0.0.1:9"
        interruptions = Interruptions()
        began = time.monotonic()
        reporter(interruptions, (Connection(ClientConfig(url)), place), lambda: datetime.now(UTC), 1.0)(
            BOMB, "it was long"
        )
    assert time.monotonic() - began < 2
    assert "The note for the next leader was not written" in caplog.text
    assert [one.definition for one in interruptions] == [BOMB]
