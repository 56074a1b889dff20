"""A small file that several programs change: read and written under the lock that Pulumi's commands take.

They lock the file itself (`flock`); so do we. They write into it; we replace it by a new one while we hold the lock, so
that whoever is killed, or finds the disk full, leaves the old text or the new one. Each of several waiting changes is
made on what the last one left.
"""

# ruff: noqa: PTH103, PTH105, PTH107, PTH116, PTH120 - os.path, as in the rest of the command line
from __future__ import annotations

import fcntl
import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST: Final = 1 << 20
"""Bytes: what is larger is none of these files."""

LOCK_SECONDS: Final = 10.0
"""How long to wait for the lock: others hold it for milliseconds."""

_PAUSE: Final = 0.02
_OTHERS: Final = 0o077
_AS_SCRATCH: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class LockedFile:
    """One such file. If it `is_secret`, rights of others are taken away from it, and that is said."""

    def __init__(self, path: str, *, is_secret: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
        self.path: Final = path
        self._is_secret: Final = is_secret
        self._sleep: Final = sleep

    def read(self) -> bytes:
        """What the file holds, b"" if there is none. Raises ConfigurationError."""
        try:
            with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                return self._content(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise ConfigurationError(f"could not read {self.path}: {error.strerror}") from error

    def change(self, change: Callable[[bytes], bytes | None], *, creates: bool = True) -> None:
        """Replace what the file holds by what `change` makes of it; None removes the file.

        Without `creates`, a file that does not exist stays so. Raises ConfigurationError, and what `change` raises,
        which leaves the file as it was.
        """
        try:
            if creates:
                os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            with self._opened(os.O_RDWR | (os.O_CREAT if creates else 0), fcntl.LOCK_EX) as descriptor:
                before = self._content(descriptor)
                after = change(before)
                if after is None:
                    os.remove(self.path)
                elif after != before:
                    _replace(self.path, after)
        except (FileNotFoundError, NotADirectoryError) as error:
            if creates:
                raise ConfigurationError(f"could not write {self.path}: {error.strerror}") from error
        except OSError as error:
            raise ConfigurationError(f"could not write {self.path}: {error.strerror}") from error

    @contextmanager
    def _opened(self, flags: int, kind: int) -> Iterator[int]:
        """The locked file. Raises OSError."""
        while True:
            descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
            try:
                self._lock(descriptor, kind)
                if _is_still(descriptor, self.path):
                    self._close_to_others(descriptor)
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    def _lock(self, descriptor: int, kind: int) -> None:
        for _ in range(int(LOCK_SECONDS / _PAUSE)):
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                self._sleep(_PAUSE)
            except OSError:
                # A file system without locks: the other programs have none there either.
                return
            else:
                return
        raise ConfigurationError(
            f"{self.path} is locked by another program for more than {LOCK_SECONDS:g} s: look for a command of "
            "Pulumi's that hangs, and end it"
        )

    def _close_to_others(self, descriptor: int) -> None:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if not (self._is_secret and mode & _OTHERS):
            return
        try:
            os.fchmod(descriptor, mode & ~_OTHERS)
            done = "esc took these rights away"
        except OSError:
            done = "take these rights away with chmod 600"
        sys.stderr.write(f"Warning: {self.path}, which holds access tokens, had rights for others ({mode:o}): {done}\n")

    def _content(self, descriptor: int) -> bytes:
        found = os.read(descriptor, LONGEST + 1)
        if len(found) > LONGEST:
            raise ConfigurationError(f"{self.path} is larger than {LONGEST} bytes: it is none of Pulumi's files")
        return found


def _is_still(descriptor: int, path: str) -> bool:
    """Whether the path still leads to this file: another process may have removed it while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _replace(path: str, text: bytes) -> None:
    """Replace a file, where a link leads to, by one with the text. Raises OSError, and leaves nothing then."""
    target = os.path.realpath(path)
    # The lock is held, so nobody else writes it, and what a killed process left is written over.
    scratch = f"{target}.new"
    try:
        with os.fdopen(os.open(scratch, _AS_SCRATCH, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, target)
    except BaseException:
        with suppress(OSError):
            os.remove(scratch)
        raise
