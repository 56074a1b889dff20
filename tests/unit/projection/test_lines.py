from __future__ import annotations

import subprocess
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.projection.lines import dotenv_lines, quote, shell_lines
from esc_operator.projection.variables import Variable

AWKWARD = ["", "a b", "it's", '"', "$HOME `id` $(id)", "\\", "a\nb\n", "  ", "#", "é", "a'\n\"$x", "!", "*"]


def through_a_shell(lines: str, name: str) -> str:
    script = f'{lines}\nprintf %s "${name}"'
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("value", AWKWARD)
def test_a_shell_reads_every_value_back(value: str) -> None:
    assert through_a_shell(shell_lines([Variable("A", value)])[0], "A") == value
    assert through_a_shell(dotenv_lines([Variable("A", value)])[0], "A") == value


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_quoted_word_is_one_word_and_the_same(value: str) -> None:
    answer = subprocess.run(["/bin/sh", "-c", f"printf %s {quote(value)}"], capture_output=True, check=True)
    assert answer.stdout.decode() == value


@pytest.mark.parametrize("value", ["", "plain", "a b", "it's", "a\nb", 'say "hi"', "a=b#c"])
def test_a_reader_of_env_files_reads_values_back(value: str) -> None:
    dotenv = pytest.importorskip("dotenv", reason="python-dotenv comes with moto only")
    lines, diagnostics = dotenv_lines([Variable("A", value), Variable("B", "end")])
    assert dotenv.dotenv_values(stream=StringIO(lines)) == {"A": value, "B": "end"}
    assert diagnostics == ()


def test_simple_values_look_as_upstreams() -> None:
    assert dotenv_lines([Variable("A", "1"), Variable("B", "")])[0] == 'A="1"\nB=""\n'
    assert shell_lines([Variable("A", "1")])[0] == "export A='1'\n"


@pytest.mark.parametrize("name", ["", "1A", "A;rm -rf /", "A B", "$(id)", "a-b", "é"])
def test_a_name_that_would_be_a_command_is_left_out_and_reported(name: str) -> None:
    lines, (problem,) = shell_lines([Variable(name, "x"), Variable("B", "y")])
    assert lines == "export B='y'\n"
    assert problem.reason == "InvalidVariableName"
