from __future__ import annotations

import subprocess
from io import StringIO
from typing import TYPE_CHECKING

import dotenv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.projection.lines import MAX_LINE, docker_lines, dotenv_lines, fish_lines, quote, shell_lines
from esc_operator.projection.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from esc_operator.lang.diagnostics import Diagnostics

    Write = Callable[[Iterable[Variable]], tuple[str, Diagnostics]]

AWKWARD = ["", "a b", "it's", '"', "$HOME `id` $(id)", "\\", "a\nb\n", "  ", "#", "é", "a'\n\"$x", "!", "*"]


def through_a_shell(lines: str, name: str) -> str:
    script = f'{lines}\nprintf %s "${name}"'
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("value", AWKWARD)
def test_a_shell_reads_every_value_back(value: str) -> None:
    assert through_a_shell(shell_lines([Variable("A", value)])[0], "A") == value


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_quoted_word_is_one_word_and_the_same(value: str) -> None:
    answer = subprocess.run(["/bin/sh", "-c", f"printf %s {quote(value)}"], capture_output=True, check=True)
    assert answer.stdout.decode() == value


@given(st.lists(st.text(st.sampled_from("'\"`$#\\ {}:-\n\tabnrx=é") | st.characters(codec="utf-8"), max_size=8)))
def test_a_reader_of_env_files_reads_every_value_that_is_not_refused(values: list[str]) -> None:
    fits = [value for value in values if dotenv_lines([Variable("A", value)])[0]]
    variables = {f"V{number}": value for number, value in enumerate(fits)}
    lines, diagnostics = dotenv_lines(Variable(name, value) for name, value in variables.items())
    assert dotenv.dotenv_values(stream=StringIO(lines)) == variables
    assert diagnostics == ()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("1", 'A="1"'),
        ("", 'A=""'),
        ("it's", 'A="it\'s"'),
        ("pa$w0rd", "A='pa$w0rd'"),
        ("it's $5", 'A="it\'s $5"'),
        ("C:\\", "A=C:\\"),
        ("it's a\\b", "A=it's a\\b"),
        ('{"it\'s": 1}', 'A={"it\'s": 1}'),
        ("a\nb", "A='a\nb'"),
        ("${", "A='${'"),
    ],
)
def test_a_value_has_the_first_form_that_all_readers_take_alike(value: str, line: str) -> None:
    assert dotenv_lines([Variable("A", value)]) == (f"{line}\n", ())


def test_each_format_has_its_own_quotes() -> None:
    variables = [Variable("A", "it's a\\b"), Variable("B", "")]
    assert shell_lines(variables)[0] == "export A='it'\"'\"'s a\\b'\nexport B=''\n"
    assert fish_lines(variables)[0] == "set -gx A 'it\\'s a\\\\b'\nset -gx B ''\n"
    assert docker_lines(variables)[0] == "A=it's a\\b\nB=\n"


@pytest.mark.parametrize(
    ("write", "value", "why"),
    [
        (dotenv_lines, "a\rb", "contains a carriage return, which Node drops from a .env file: remove it"),
        (dotenv_lines, "${HOME}", "contains a ${...}, which python-dotenv replaces and Node does not: start"),
        (dotenv_lines, "x${A:-b}", "contains a ${...}"),
        (dotenv_lines, "it's\n\"", "that readers of .env files (Node, npm's dotenv, python-dotenv) do not read alike"),
        (dotenv_lines, "\udcff", "is not text in UTF-8, which readers of .env files need: start the program with"),
        (docker_lines, "a\nb", "contains a line break, which an env-file of Docker or kubectl cannot hold"),
        (docker_lines, "a\r", "contains a line break"),
        (docker_lines, "\udcff", "is not text in UTF-8, which Docker and kubectl refuse"),
        (docker_lines, "x" * MAX_LINE, f"a line of {MAX_LINE + 2} bytes, and Docker and kubectl read lines of up to"),
        (shell_lines, "a\0", "contains a NUL byte, which no variable can hold"),
        (fish_lines, "\ud800", "contains half of a surrogate pair"),
    ],
)
def test_a_value_that_a_format_cannot_hold_leaves_nothing_to_read_and_is_reported(
    write: Write, value: str, why: str
) -> None:
    text, (problem,) = write([Variable("B", "good"), Variable("A", value)])
    assert text == ""
    assert (problem.reason, problem.path) == ("InvalidVariableValue", "values.environmentVariables.A")
    assert problem.summary.startswith('the value of "A" ')
    assert why in problem.summary
    assert value not in problem.summary


@pytest.mark.parametrize("name", ["", "1A", "A;rm -rf /", "A B", "$(id)", "a-b", "é"])
@pytest.mark.parametrize("write", [shell_lines, fish_lines])
def test_a_name_that_would_be_a_command_leaves_nothing_to_read_and_is_reported(write: Write, name: str) -> None:
    lines, (problem,) = write([Variable(name, "x"), Variable("B", "y")])
    assert lines == ""
    assert problem.reason == "InvalidVariableName"


@pytest.mark.parametrize("write", [dotenv_lines, docker_lines])
def test_names_of_files_may_have_dots_and_dashes(write: Write) -> None:
    assert write([Variable("a.b-c", "x")])[1] == ()
    assert write([Variable("a b", "x")])[1] != ()
