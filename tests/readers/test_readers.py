"""Every value that esc writes is read back unchanged by the programs it is written for, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.projection.lines import MAX_LINE, docker_lines, dotenv_lines, fish_lines, shell_lines
from esc_operator.projection.variables import Variable
from readers import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from esc_operator.lang.diagnostics import Diagnostics

    Write = Callable[[Iterable[Variable]], tuple[str, Diagnostics]]

AWKWARD = """'"`$#\\ =:{}!%&;,~\n\t\r\x0b\x0c\x1b\x1c\x85\xa0\u2028\u2029\ufeffabfnrtvx01é😀"""
FIXED = ["", " ", "a ", " a", "pa$w0rd", "it's", "it's $5", "it's a\\b", "a\\", "\\n", "#", "a #b", "a\n", "export A=b"]
VALUES = st.text(st.sampled_from(AWKWARD), max_size=8) | st.sampled_from(FIXED)
FILES = st.lists(VALUES, max_size=150)

DOTENV = {"python-dotenv": programs.python_dotenv, "node": programs.node, "npm's dotenv": programs.npm_dotenv}
ENV_FILE = {"docker": programs.docker, "kubectl": programs.kubectl}
SHELLS = [("sh",), ("bash", "--norc"), ("bash", "--posix"), ("zsh", "-f"), ("zsh", "-f", "-o", "RC_QUOTES")]


def check(write: Write, read: programs.Reader, values: list[str]) -> None:
    """Each value that can be written comes back, however many others are in the file."""
    fits = [value for value in values if write([Variable("A", value)])[0]]
    variables = [Variable(f"V{number}", value) for number, value in enumerate(fits)]
    text, problems = write(variables)
    assert problems == ()
    back = read(text)
    assert [value for one in variables if (value := back.get(one.name)) != one.text] == []


@pytest.mark.parametrize("name", DOTENV)
@settings(max_examples=15)
@given(FILES)
def test_a_dotenv_file_means_the_same_to_each_of_its_readers(name: str, values: list[str]) -> None:
    check(dotenv_lines, DOTENV[name], values)


@pytest.mark.parametrize("name", DOTENV)
def test_nothing_but_the_variables_is_read(name: str) -> None:
    variables = [Variable(f"V{number}", value) for number, value in enumerate(FIXED)]
    assert DOTENV[name](dotenv_lines(variables)[0]) == {one.name: one.text for one in variables}


@pytest.mark.parametrize("name", ENV_FILE)
@settings(max_examples=8)
@given(FILES)
def test_a_file_without_quotes_is_read_by_docker_and_by_kubectl(name: str, values: list[str]) -> None:
    check(docker_lines, ENV_FILE[name], values)


@pytest.mark.parametrize("name", ENV_FILE)
def test_the_longest_line_is_still_read(name: str) -> None:
    longest = "x" * (MAX_LINE - len("A="))
    lines = docker_lines([Variable("A", longest), Variable("B", "end")])[0]
    assert ENV_FILE[name](lines) == {"A": longest, "B": "end"}
    assert docker_lines([Variable("A", longest + "x")])[0] == ""


@pytest.mark.parametrize("command", SHELLS, ids=" ".join)
@settings(max_examples=8)
@given(FILES)
def test_each_shell_reads_every_value_back(command: tuple[str, ...], values: list[str]) -> None:
    check(shell_lines, programs.shell(*command), values)


@settings(max_examples=8)
@given(FILES)
def test_fish_reads_every_value_back(values: list[str]) -> None:
    check(fish_lines, programs.shell("fish", "--no-config"), values)


@pytest.mark.parametrize("write", [shell_lines, fish_lines])
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_shell_is_refused_nothing(write: Write, values: list[str]) -> None:
    assert write([Variable(f"V{number}", value) for number, value in enumerate(values)])[1] == ()
