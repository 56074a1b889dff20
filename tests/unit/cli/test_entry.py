from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from esc_operator import __version__
from esc_operator.cli.commands.run import command
from esc_operator.cli.entry import guard
from esc_operator.cli.run_arguments import split
from esc_operator.errors import ProviderError

if TYPE_CHECKING:
    from unit.cli.machine import Esc


def test_version(esc: Esc) -> None:
    assert esc("version").out == f"v{__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_has_examples_and_exit_statuses(esc: Esc, arguments: list[str]) -> None:
    answer = esc(*arguments)
    assert answer.status == 0
    for expected in ("esc run apps/aws -- aws s3 ls", "Exit status:", "128+N", "login", "logout", "open", "env"):
        assert expected in answer.out


@pytest.mark.parametrize(
    "command", ["env", "login", "logout", "open", "run", "version", "env open", "env run", "env ls"]
)
def test_every_command_explains_itself(esc: Esc, command: str) -> None:
    answer = esc(*command.split(), "--help")
    assert answer.status == 0
    assert f"Usage: esc {command}" in answer.out


def test_a_wrong_call_is_two(esc: Esc) -> None:
    answer = esc("opne")
    assert answer.status == 2
    assert "No such command" in answer.err


def test_an_error_of_the_outside_world_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ProviderError("the role refuses; check its trust policy")

    assert guard(fail) == 1
    assert capsys.readouterr().err == "Error: the role refuses; check its trust policy\n"


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_never_shows_the_values_it_met(capsys: pytest.CaptureFixture[str], debug: bool) -> None:
    def fail() -> int:
        raise ValueError("hunter" + "2")

    assert guard(fail, debug=debug) == 1
    told = capsys.readouterr().err
    assert "this is a bug in esc (ValueError)" in told
    assert "hunter2" not in told
    assert ("test_entry.py" in told) is debug


def test_an_interrupt_is_130() -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    assert guard(interrupt) == 130


@pytest.mark.parametrize(
    "arguments", ["run", "run apps/web", "run apps/web --", "run --nope apps/web -- true", "run --"]
)
def test_a_run_that_lacks_something_is_explained(esc: Esc, arguments: str) -> None:
    answer = esc(*arguments.split())
    assert answer.status == 2
    assert "Usage: esc run [OPTIONS] REFERENCE [--] COMMAND [ARG]..." in answer.err


@pytest.mark.parametrize(("program", "name"), [("/usr/bin/esc", "esc"), ("/x/kubectl-esc", "kubectl esc")])
def test_the_plugin_calls_itself_by_its_name(
    esc: Esc, monkeypatch: pytest.MonkeyPatch, program: str, name: str
) -> None:
    monkeypatch.setattr("sys.argv", [program])
    assert f"Usage: {name} run" in esc("run", "--help").out


@pytest.mark.parametrize(
    "words",
    [["a/b", "-i", "--", "cmd", "-x", "--", "${y}"], ["a/b", "cmd", "--help"], ["--", "a/b", "cmd"], ["a", "", ""]],
)
def test_the_short_way_and_clicks_read_the_same(words: list[str]) -> None:
    parsed = split(words)
    assert parsed.is_plain
    assert command.make_context("run", list(words)).params == {
        "context": "",
        "namespace": "",
        "interactive": parsed.interactive,
        "reference": parsed.reference,
        "command_line": parsed.command,
    }
