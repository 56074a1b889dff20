"""What is made once and then found in the cache, however many processes ask for it at the same time."""

import fcntl
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def made_once(path: Path, make: Callable[[Path], Path]) -> Path:
    """`path`, made first where it is missing: by `make`, in a temporary folder, where it says what to keep.

    Others wait meanwhile; what fails or is killed leaves nothing at `path`.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                # Beside its destination, so that the rename stays within one file system.
                with tempfile.TemporaryDirectory(dir=path.parent, prefix="making-") as temporary:
                    make(Path(temporary)).rename(path)
    return path


def say(line: str) -> None:
    """Progress is for people: standard output carries what was asked for."""
    print(line, file=sys.stderr, flush=True)
