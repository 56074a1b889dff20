"""The temporary files of a command: only its user can read them, and they do not outlive it.

Each run has a folder of its own (0700), which is locked as long as esc or the command lives. A folder that a SIGKILL
left is no longer locked, and the next run removes it. Names are random, and folders of other users are never touched.
"""

# Importing pathlib takes longer than starting the command.
# ruff: noqa: PTH100, PTH102, PTH112, PTH116, PTH117, PTH118, PTH120
from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def temporary_files(contents: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write each content to a file of its own (0600) for the duration of the block; name → path.

    Raises ConfigurationError if they cannot be written.
    """
    if not contents:
        yield {}
        return
    with private_folder(settings) as folder:
        try:
            paths = {name: _write(folder, number, text) for number, (name, text) in enumerate(contents.items())}
        except OSError as error:
            raise _refusal(os.path.dirname(folder), error) from error
        yield paths


@contextmanager
def private_folder(settings: Mapping[str, str]) -> Iterator[str]:
    """A folder for the duration of the block. Raises ConfigurationError if it cannot be created."""
    folder, lock = _create_folder(settings)
    try:
        yield folder
    finally:
        # The command may have added files.
        _remove(folder)
        os.close(lock)
        if os.path.lexists(folder):
            sys.stderr.write(f"Warning: temporary files in {folder} could not be removed: remove them by hand\n")


def remove_leftovers(settings: Mapping[str, str]) -> None:
    """Remove the folders of killed runs from every place that settings may name; never a folder in use."""
    prefix = _prefix()
    for place in _places(settings):
        try:
            with os.scandir(place) as entries:
                found = [entry.path for entry in entries if entry.name.startswith(prefix)]
        except OSError:
            continue
        for folder in found:
            _remove_unless_locked(folder)


def _places(settings: Mapping[str, str]) -> Iterator[str]:
    """Places for temporary files: first the one that a log-out empties, if the system has it."""
    # On macOS that is TMPDIR.
    runtime = settings.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _is_private(runtime):
        yield runtime
    named = (settings.get("TMPDIR", ""), "/tmp", "/var/tmp")  # noqa: S108 - names in them are random
    yield from dict.fromkeys(os.path.abspath(place) for place in named if place and os.access(place, os.W_OK | os.X_OK))


def _is_private(folder: str) -> bool:
    """Whether only this user has rights in it: one that was inherited through sudo, say, belongs to another user."""
    try:
        found = os.stat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _prefix() -> str:
    return f"esc-{os.geteuid()}-"


def _create_folder(settings: Mapping[str, str]) -> tuple[str, int]:
    """A new folder, and the descriptor that locks it."""
    place = next(_places(settings), None)
    if place is None:
        raise ConfigurationError("there is no folder for temporary files: set TMPDIR to one that you can write to")
    while True:
        folder = os.path.join(place, f"{_prefix()}{os.urandom(8).hex()}")
        try:
            os.mkdir(folder, 0o700)
        except OSError as error:
            raise _refusal(place, error) from error
        if (lock := _lock(folder)) is not None:
            return folder, lock


def _lock(folder: str) -> int | None:
    """Lock a new folder; None if another run has already removed it as a leftover."""
    import fcntl

    try:
        lock = os.open(folder, _AS_FOLDER)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        # A file system without locks: no other run can take the folder for a leftover either.
        return lock
    if not os.path.isdir(folder):
        os.close(lock)
        return None
    # The command holds the lock too: if we are killed, it may continue, and needs its files.
    os.set_inheritable(lock, True)
    return lock


def _remove_unless_locked(folder: str) -> None:
    import fcntl

    try:
        lock = os.open(folder, _AS_FOLDER)
    except OSError:
        return
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
    except OSError:
        return
    finally:
        os.close(lock)


def _remove(folder: str) -> None:
    # Importing it is slow, and most environments have no files.
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def _refusal(place: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"temporary files cannot be written in {place}: {error.strerror}; make room there, or name another folder "
        "with XDG_RUNTIME_DIR or TMPDIR"
    )


def _write(folder: str, number: int, text: str) -> str:
    # A variable's name may contain characters that a file's name cannot.
    path = os.path.join(folder, f"file-{number}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    return path
