"""The temporary files of a command: only its user can read them, and nothing of them outlives it."""

# Importing pathlib takes longer than starting the command.
# ruff: noqa: PTH118
from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def temporary_files(contents: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write each content to a file of its own (0600, in a folder 0700) for the length of the block; name → path."""
    if not contents:
        yield {}
        return
    # Slow to import, and most environments have no files.
    from shutil import rmtree
    from tempfile import mkdtemp

    folder = mkdtemp(prefix="esc-")
    try:
        yield {name: _write(folder, number, text) for number, (name, text) in enumerate(contents.items())}
    finally:
        # The command may have put more beside them.
        rmtree(folder, ignore_errors=True)
        if os.path.lexists(folder):
            sys.stderr.write(f"Warning: temporary files in {folder} could not be removed: remove them by hand\n")


def _write(folder: str, number: int, text: str) -> str:
    # The name of a variable can hold what the name of a file cannot.
    path = os.path.join(folder, f"file-{number}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    return path
