"""Work is done only within the lease: begun once it is held, ended before it is given back, cut off if it is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import ConfigurationError
from esc_operator.handlers.leading import leading, make_elector, require
from esc_operator.handlers.options import Options
from unit.election.lease_server import LeaseServer, Line, candidate, simulate

if TYPE_CHECKING:
    from pathlib import Path


def test_without_an_election_everybody_leads() -> None:
    async def story() -> None:
        async with leading(None, asyncio.Event()) as leads:
            assert leads
        require(None)

    simulate(story)


def test_the_lease_is_held_within_the_block_and_given_back_after_it() -> None:
    async def story() -> None:
        server = LeaseServer()
        elector = candidate(Line(server), "a")
        async with leading(elector, asyncio.Event()) as leads:
            assert leads
            await asyncio.sleep(60)
            require(elector)
            assert server.body is not None
            assert server.body["spec"]["holderIdentity"] == "a"
        assert "holderIdentity" not in server.body["spec"]

    simulate(story)


def test_work_that_fails_gives_the_lease_back_as_well() -> None:
    async def story() -> None:
        server = LeaseServer()
        with pytest.raises(ConfigurationError):
            async with leading(candidate(Line(server), "a"), asyncio.Event()):
                raise ConfigurationError("no")
        assert server.body is not None
        assert "holderIdentity" not in server.body["spec"]

    simulate(story)


def test_one_that_is_asked_to_stop_while_it_stands_by_never_leads() -> None:
    async def story() -> None:
        server, stopping = LeaseServer(), asyncio.Event()
        await candidate(Line(server), "a").acquire()
        asyncio.get_running_loop().call_later(3, stopping.set)
        async with leading(candidate(Line(server), "b"), stopping) as leads:
            assert not leads
        assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.1)
        assert server.holders == ["a"]

    simulate(story)


def test_one_that_was_asked_to_stop_before_does_not_even_begin() -> None:
    async def story() -> None:
        server, stopping = LeaseServer(), asyncio.Event()
        stopping.set()
        async with leading(candidate(Line(server), "a"), stopping) as leads:
            assert not leads
        assert server.body is None or "holderIdentity" not in server.body["spec"]

    simulate(story)


def test_outside_of_a_cluster_the_lease_needs_a_place(tmp_path: Path) -> None:
    file = tmp_path / "namespace"
    with pytest.raises(ConfigurationError, match=r"--lease-namespace.*--no-leader-election"):
        make_elector(Line(LeaseServer()), Options(), file)
    file.write_text("esc-system\n")
    make_elector(Line(LeaseServer()), Options(), file)


# In a process of its own: what ends it would end the tests.


def play(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_the_last_resort_ends_a_process_that_is_too_busy_to_look_at_the_clock() -> None:
    busy = "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')"  # one call that holds the interpreter for ages
    ended = play(f"from esc_operator.handlers.watchdog import end_after; end_after(0.3); {busy}")
    assert ended.wait(20) == signal.SIGALRM
    assert ended.stdout is not None
    ended.stdout.close()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, and unshare")
def test_the_last_resort_ends_the_first_process_of_a_container_too() -> None:
    code = (
        "import os, time\n"
        "from esc_operator.handlers.watchdog import end_after\n"
        "end_after(0.3)\n"
        "time.sleep(5)\n"
        "print('still here as', os.getpid())\n"
    )
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in ended.stderr:
        pytest.skip(ended.stderr)
    assert (ended.returncode, ended.stdout) == (signal.SIGALRM, "")


def test_the_last_resort_can_be_put_off_and_called_off() -> None:
    code = "import time; from esc_operator.handlers.watchdog import end_after as end; end(0.2); "
    for rest in ("end(60); time.sleep(0.5)", "end(None); time.sleep(0.5)"):
        ended = play(code + rest)
        assert ended.wait(20) == 0
        assert ended.stdout is not None
        ended.stdout.close()


def test_a_process_that_was_stopped_past_its_last_resort_does_nothing_more_when_it_goes_on() -> None:
    writing = "import os\nn = 0\nwhile True:\n    n += 1\n    os.write(1, b'.')\n"
    process = play(f"from esc_operator.handlers.watchdog import end_after\nend_after(2.0)\n{writing}")
    assert process.stdout is not None
    os.read(process.stdout.fileno(), 1)
    os.kill(process.pid, signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    while _has_more(process.stdout.fileno()):
        os.read(process.stdout.fileno(), 65536)
    time.sleep(2.2)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(20) == signal.SIGALRM
    assert process.stdout.read() == ""
    process.stdout.close()


def _has_more(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


@pytest.mark.parametrize("how", ["require(elector)", "end_at_once('so')"])
def test_one_that_has_lost_ends_at_once_without_any_clean_up(how: str) -> None:
    code = (
        "import atexit, logging\n"
        "from esc_operator.handlers.leading import end_at_once, require\n"
        "class elector: holds = False\n"
        "atexit.register(print, 'cleaned up')\n"
        "try:\n"
        f"    {how}\n"
        "finally:\n"
        "    print('went on')\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (1, "")
    assert "The lease is lost" in process.stderr
