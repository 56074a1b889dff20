from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from esc_operator import __version__
from esc_operator.cli.commands.run import command
from esc_operator.cli.entry import guard
from esc_operator.cli.group import LazyGroup, root
from esc_operator.cli.run_arguments import split
from esc_operator.cli.usage import Choice, Seconds
from esc_operator.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    assert answer.err.endswith('Error: there is no command "opne"; did you mean "open"?\n')


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("frobnicate",), 'there is no command "frobnicate"; the commands are env, login, logout, open, rotate, run, '),
        (("env", "lst"), 'there is no command "lst"; did you mean "ls"?'),
        (("open", "a/b", "--fromat", "json"), 'there is no option "--fromat"; did you mean "--format"?'),
        (("rotate", "--frobnicate"), 'there is no option "--frobnicate"; the options are --all, --allow-none, '),
        (("run", "--interactve", "a/b", "--", "x"), 'there is no option "--interactve"; did you mean "--interactive"?'),
        (("open", "a/b", "-f", "ymal"), '"ymal" is none of the choices; did you mean "yaml"?'),
        (
            ("env", "ls", "-o", "acme"),
            '"acme" is none of the choices; they are json, text; an organization is named with --organization',
        ),
    ],
)
def test_what_was_probably_meant_is_suggested_and_else_what_there_is(
    esc: Esc, call: tuple[str, ...], words: str
) -> None:
    answer = esc(*call)
    assert (answer.status, answer.out) == (2, "")
    assert words in answer.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("10m", 600), ("1h30m", 5400), ("PT1H", 3600), ("1d", 86400)]
)
def test_a_time_to_wait_is_a_number_of_seconds_or_a_duration(text: str, seconds: float) -> None:
    assert Seconds(1).convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["soon", "", "10 min", "0", "-5", "0.5s", "nan", "inf"])
def test_any_other_time_to_wait_is_refused_with_a_sentence(esc: Esc, text: str) -> None:
    answer = esc("rotate", "a/b", "--wait", "--timeout", text)
    assert answer.status == 2
    assert ": write" in answer.err


def test_every_choice_of_every_command_suggests() -> None:
    def walk(command: click.Command) -> Iterator[click.Command]:
        yield command
        if isinstance(command, LazyGroup):
            context = click.Context(command)
            for name in command.list_commands(context):
                if found := command.get_command(context, name):
                    yield from walk(found)

    choices = [param.type for one in walk(root) for param in one.params if isinstance(param.type, click.Choice)]
    assert len(choices) >= 2
    assert all(isinstance(choice, Choice) for choice in choices)


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
