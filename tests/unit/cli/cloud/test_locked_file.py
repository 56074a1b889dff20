"""The lock, the rights and the whole text of a file that other programs change too."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from esc_operator.cli.cloud.locked_file import LONGEST, LockedFile
from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_folder_are_made_for_the_user_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.json"
    LockedFile(str(path)).change(lambda before: before + b"{}")
    assert (path.read_bytes(), mode(path), mode(path.parent)) == (b"{}", 0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("after", [b"", b"{}", b'{"longer": "than before, by far"}'])
def test_a_change_replaces_all_of_the_text_where_a_link_leads_to(tmp_path: Path, after: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b'{"before": true}')
    link = tmp_path / "link.json"
    link.symlink_to(path)
    LockedFile(str(link)).change(lambda _: after)
    assert (path.read_bytes(), mode(path), link.is_symlink()) == (after, 0o600, True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file.json", "link.json"]


def test_nothing_is_made_of_a_file_that_is_not_there_unless_it_is_to_be(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    file = LockedFile(str(path))
    assert file.read() == b""
    file.change(lambda _: b"{}", creates=False)
    assert not path.parent.exists()


def test_none_removes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"{}")
    LockedFile(str(path)).change(lambda _: None)
    assert not path.exists()


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"{}")

    def change(before: bytes) -> bytes:
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError, match="no"):
        LockedFile(str(path)).change(change)
    assert path.read_bytes() == b"{}"


def test_who_holds_the_lock_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"{}")
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3 and releases:
            # As Pulumi's commands do it: into the same file.
            os.write(descriptor, b'{"theirs": 1}')
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    releases = False
    with pytest.raises(ConfigurationError, match="is locked by another program for more than 10 s: look for a command"):
        LockedFile(str(path), sleep=sleep).read()
    assert 9.9 < sum(slept) < 10.1
    slept.clear()
    releases = True
    LockedFile(str(path), sleep=sleep).change(lambda before: before + b" ")
    assert path.read_bytes() == b'{"theirs": 1} '
    os.close(descriptor)


def test_readers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"{}")
    slept: list[float] = []
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert (LockedFile(str(path), sleep=slept.append).read(), slept) == (b"{}", [])


def test_a_file_that_was_removed_while_we_waited_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def sleep(_: float) -> None:
        path.unlink(missing_ok=True)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    LockedFile(str(path), sleep=sleep).change(lambda before: before + b"new")
    os.close(descriptor)
    assert path.read_bytes() == b"new"


def test_rights_of_others_are_taken_from_a_secret_file_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"{}")
    path.chmod(0o644)
    assert LockedFile(str(path)).read() == b"{}"
    assert (mode(path), capsys.readouterr().err) == (0o644, "")
    assert LockedFile(str(path), is_secret=True).read() == b"{}"
    said = f"Warning: {path}, which holds access tokens, had rights for others (644): esc took these rights away\n"
    assert (mode(path), capsys.readouterr().err) == (0o600, said)
    LockedFile(str(path), is_secret=True).read()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", [b"x" * (LONGEST + 1)])
def test_what_is_too_large_is_none_of_these_files(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match="is larger than 1048576 bytes"):
        LockedFile(str(path)).read()


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    for act in (LockedFile(str(tmp_path)).read, lambda: LockedFile(str(tmp_path)).change(bytes)):
        with pytest.raises(ConfigurationError, match=f"could not (read|write) {tmp_path}: Is a directory"):
            act()


MANY = """
import sys
from esc_operator.cli.cloud.locked_file import LockedFile
for number in range(100):
    LockedFile(sys.argv[1]).change(lambda before: before + b"x" if number % 2 else before.rstrip(b"y") + b"xy")
"""


def test_changes_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    command = [sys.executable, "-c", textwrap.dedent(MANY), str(path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert path.read_bytes().count(b"x") == 300


FULL = """
import resource, sys
from esc_operator.cli.cloud.locked_file import LockedFile
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
LockedFile(sys.argv[1]).change(lambda before: b"x" * 40)
"""


def test_a_full_disk_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b'{"old": 1}')
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"could not write {path}: File too large" in answer.stderr
    assert path.read_bytes() == b'{"old": 1}'
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]


ENDLESS = """
import sys
from esc_operator.cli.cloud.locked_file import LockedFile
LONG, SHORT = b'"' + b"l" * 50_000 + b'"', b'"short"'
print("ready", flush=True)
while True:
    LockedFile(sys.argv[1]).change(lambda before: SHORT if before == LONG else LONG)
"""


def test_a_kill_at_any_moment_leaves_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b'"short"')
    for tenth in range(12):
        command = [sys.executable, "-c", textwrap.dedent(ENDLESS), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.003 + tenth / 1000)
            process.kill()
        assert path.read_bytes() in {b'"' + b"l" * 50_000 + b'"', b'"short"'}
    LockedFile(str(path)).change(lambda _: b"{}")
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"], "the next change takes what a kill left"
