"""Runs one command transparently: its signals, its exit status, its streams with secrets redacted.

It uses `os`, not subprocess: importing that takes as long as starting the command.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from esc_operator.cli.filters import Filter
    from esc_operator.cli.redaction import Matcher
    from esc_operator.cli.signals import HeldSignals

NOT_FOUND = 127
NOT_EXECUTABLE = 126
KILLED = 128

# The interpreter ignores these, and an ignored signal stays ignored across exec.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)


class CommandError(ConfigurationError):
    """The command could not be started; `status` is the exit status that a shell would return."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def replace_process(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become the command. Raises CommandError."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number in _RESTORED:
        signal.signal(number, signal.SIG_DFL)
    _start(command, environment, os.execve)
    raise AssertionError("exec returned")


def run_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    held: HeldSignals,
    secrets: Callable[[], Matcher] | None = None,
) -> int:
    """Run the command to its end and return its exit status, 128 + N if signal N killed it. Raises CommandError.

    With `secrets`, which is called once the command runs, its output goes through a filter. The call then returns when
    the output ends too, whichever process writes it.
    """
    pipes = [(descriptor, *os.pipe()) for descriptor in (1, 2)] if secrets else []
    actions = [(os.POSIX_SPAWN_DUP2, entrance, descriptor) for descriptor, _, entrance in pipes]

    def spawn(path: str, argv: list[str], env: dict[str, str]) -> int:
        return os.posix_spawn(path, argv, env, file_actions=actions, setsigmask=held.mask, setsigdef=_RESTORED)

    try:
        child = _start(command, environment, spawn)
    finally:
        for _, _, entrance in pipes:
            os.close(entrance)
    return _wait(child, _start_filters(pipes, secrets() if secrets else None), held)


def _start_filters(pipes: Sequence[tuple[int, int, int]], secrets: Matcher | None) -> list[Filter]:
    if secrets is None:
        return []
    from esc_operator.cli.filters import Filter

    filters = [Filter(source, descriptor, secrets) for descriptor, source, _ in pipes]
    for each in filters:
        each.start()
    return filters


def _wait(child: int, filters: Sequence[Filter], held: HeldSignals) -> int:
    status: int | None = None
    while True:
        if status is None:
            status = _reap(child)
        if status is not None and all(each.done for each in filters):
            return status
        arrived = held.wait()
        if arrived.number == signal.SIGCHLD:
            continue
        if status is not None and arrived.ends:
            # We wait only for the output of other processes, and the signal asks us to end.
            return KILLED + arrived.number
        if status is None and not arrived.everywhere:
            _pass_on(child, arrived.number)
        if arrived.stops:
            held.stop(arrived.number)


def _pass_on(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except PermissionError:
        # The command acts as another user, such as sudo, which gets such signals in its own way.
        return


def _reap(child: int) -> int | None:
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else KILLED - code


def _start(command: Sequence[str], environment: Mapping[str, str], start: Callable[..., int]) -> int:
    """Start the first executable file that the command's name may mean, as a shell would."""
    refused: CommandError | None = None
    for path in _candidates(command[0], environment):
        try:
            return start(path, list(command), dict(environment))
        except (FileNotFoundError, NotADirectoryError):
            if os.path.isfile(path):  # noqa: PTH113 - see the module
                refused = refused or _not_executable(path, "the interpreter that its first line names is missing")
        except OSError as error:
            refused = refused or _not_executable(path, error.strerror or "it is not a program")
        except ValueError as error:
            why = "an argument or a variable contains a NUL or half a surrogate pair; remove it"
            raise CommandError(f"{command[0]} cannot be run: {why}", NOT_EXECUTABLE) from error
    raise refused or CommandError(f"command not found: {command[0]}", NOT_FOUND)


def _not_executable(path: str, why: str) -> CommandError:
    return CommandError(f"{path} cannot be run: {why}", NOT_EXECUTABLE)


def _candidates(name: str, environment: Mapping[str, str]) -> Iterator[str]:
    if "/" in name:
        yield name
        return
    for folder in os.get_exec_path(environment):
        yield f"{folder or '.'}/{name}"
