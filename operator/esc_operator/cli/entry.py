"""Turns the process's arguments into a command, and a command's errors into an exit status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from esc_operator.cli.output import OutputError
from esc_operator.errors import EscError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.cli.outside import Outside
    from esc_operator.stores.pulumi import Api

FAILED = 1
INTERRUPTED = 130


def run(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """Run one command of `esc` and return its exit status; without arguments, those of the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return guard(lambda: _dispatch(given, outside or _real_outside()), debug="--debug" in given[:1])


def guard(command: Callable[[], int], *, debug: bool = False) -> int:
    """Run a command; an error becomes one line on stderr, never a traceback."""
    try:
        return command()
    except OutputError as error:
        _drop_output()
        _print_line(f"Error: {error.message}", error if debug else None)
        return FAILED
    except EscError as error:
        _print_line(f"Error: {error.message}", error if debug else None)
        return getattr(error, "status", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence: report a bug without the values it met
        hint = "" if debug else "; `esc --debug ...` shows where"
        _print_line(f"Error: this is a bug in esc ({type(error).__name__}){hint}", error if debug else None)
        return FAILED


def _dispatch(arguments: list[str], outside: Outside) -> int:
    if arguments[:1] == ["run"]:
        from esc_operator.cli.run_arguments import split

        words = split(arguments[1:])
        if words.is_plain:
            # click would have nothing to report about this call of `run`, and importing it would double the wait.
            from esc_operator.cli.running import run_in_environment

            return run_in_environment(str(words.reference), words.command, outside, interactive=words.interactive)
    from esc_operator.cli.group import run_group

    return run_group(arguments, outside)


def _drop_output() -> None:
    """The rest of the buffer must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _real_outside() -> Outside:
    from esc_operator.cli.outside import Outside

    return Outside(os.environ, _connect, _open_cloud, _ask_secret)


def _open_cloud(url: str, insecure: bool) -> Api:
    from esc_operator.cli.cloud.transport import open_api

    return open_api(url, os.environ, insecure=insecure)


def _ask_secret(prompt: str) -> str:
    from esc_operator.cli.asking import ask_secret

    return ask_secret(prompt)


def _connect(context: str) -> ClusterSession:
    from esc_operator.cli.cluster import connect

    return connect(context)


def _print_line(line: str, error: BaseException | None) -> None:
    sys.stderr.write(f"{line}\n")
    if error is not None:
        from traceback import format_tb

        # Frames and types only: the text of a foreign exception may hold a secret.
        sys.stderr.write("".join(format_tb(error.__traceback__)) + f"{type(error).__name__}\n")
