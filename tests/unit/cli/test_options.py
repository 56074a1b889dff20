"""An option means the same for every command that has it, and the README's table says so."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from esc_operator import __version__
from esc_operator.cli import run_arguments
from esc_operator.cli.group import root
from esc_operator.cli.options import CONTEXT, NAMESPACE, OUTPUT
from esc_operator.handlers.main import main as operator
from unit.cli.machine import Esc, FakeSession

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (Path(__file__).parents[3] / "README.md").read_text()
STATIC = {"environment": {"values": {"environmentVariables": {"WHERE": "here"}}}}


def commands_of(group: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands_of(found, f"{path} {name}")


COMMANDS = [*commands_of(root, "esc"), ("esc-operator", operator)]


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def named(command: click.Command, spelling: str) -> click.Option | None:
    return next((each for each in options_of(command) if spelling in each.opts), None)


@pytest.mark.parametrize("spellings", [NAMESPACE, OUTPUT, ("-f", "--format"), ("-l", "--selector"), CONTEXT])
def test_spellings_of_one_option_go_together_in_every_command(spellings: tuple[str, ...]) -> None:
    found = {path: {named(command, spelling) for spelling in spellings} for path, command in COMMANDS}
    assert [path for path, options in found.items() if len(options) > 1] == []
    assert any(options != {None} for options in found.values())


def test_a_short_option_stands_for_the_same_long_one_everywhere() -> None:
    meanings: dict[str, set[str]] = {}
    for _, command in COMMANDS:
        for option in options_of(command):
            shorts = [each for each in option.opts if re.fullmatch("-[a-zA-Z]", each)]
            for short in shorts:
                meanings.setdefault(short, set()).add(next(each for each in option.opts if each.startswith("--")))
    assert {short: longs for short, longs in meanings.items() if len(longs) > 1} == {}


def test_whatever_reads_environments_takes_a_namespace_and_a_context() -> None:
    reading = [(path, command) for path, command in COMMANDS if "reference" in {each.name for each in command.params}]
    reading += [(path, command) for path, command in COMMANDS if path == "esc env ls"]
    assert len(reading) == 7
    for path, command in reading:
        assert named(command, "--namespace"), path
        assert named(command, "--context"), path


def test_every_option_has_a_help() -> None:
    silent = [(path, each.opts) for path, command in COMMANDS for each in options_of(command) if not each.help]
    assert silent == []


def test_the_table_in_the_readme_is_that_of_the_commands() -> None:
    rows = re.findall(r"^\| `((?:--?[\w-]+(?:`, `)?)+)` \| .* \| (.+) \|$", README, re.MULTILINE)
    told = {tuple(spellings.split("`, `")): re.findall(r"`(.+?)`", where) for spellings, where in rows}
    have = {
        spellings: [path for path, command in COMMANDS if named(command, spellings[0])]
        for spellings in (NAMESPACE, CONTEXT, OUTPUT)
    }
    assert {key: sorted(value) for key, value in told.items()} == {key: sorted(value) for key, value in have.items()}


def test_options_of_run_that_take_a_value_are_those_of_its_command() -> None:
    (run,) = (command for path, command in COMMANDS if path == "esc run")
    takes = {each for option in options_of(run) if not option.is_flag for each in option.opts}
    assert takes == run_arguments.WITH_VALUE
    flags = set(chain.from_iterable(option.opts for option in options_of(run) if option.is_flag))
    assert flags - set(run_arguments.INTERACTIVE) <= {"--help", "-h"}


@pytest.fixture
def cluster(esc: Esc) -> FakeSession:
    """Two clusters with an environment `web` each, in namespaces of their own."""
    there = FakeSession({("apps", "web"): STATIC, ("else", "web"): {"environment": {"values": {"a": "else"}}}})
    esc.clusters["kind"] = there
    esc.clusters["arn:aws:eks:x/prod"] = FakeSession({("default", "web"): {"environment": {"values": {"a": "prod"}}}})
    return there


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("web", "--context", "kind"), "here"),
        (("web", "--context", "kind", "-n", "else"), "else"),
        (("else/web", "--context", "kind", "--namespace=else"), "else"),
        (("kind/apps/web", "-n", "apps", "--context", "kind"), "here"),
        (("web", "--context", "arn:aws:eks:x/prod"), "prod"),
    ],
)
def test_a_context_and_a_namespace_complete_a_reference(
    esc: Esc, cluster: FakeSession, arguments: tuple[str, ...], shown: str
) -> None:
    answer = esc("open", *arguments)
    assert (answer.status, answer.err) == (0, "")
    assert f'"{shown}"' in answer.out


def test_run_takes_them_before_and_after_its_reference(esc: Esc, cluster: FakeSession) -> None:
    esc.clusters["kind"].environments["apps", "web"] = {
        "environment": {"values": {"environmentVariables": {"WHERE": {"fn::secret": "the-cluster"}}}}
    }
    for arguments in (("-n", "apps", "--context", "kind", "web"), ("web", "--context=kind", "-n", "apps")):
        answer = esc("run", *arguments, "--", "sh", "-c", 'test -n "$WHERE"')
        assert (answer.status, answer.err) == (0, "")


def test_the_namespace_of_a_folder_is_its_project(esc: Esc) -> None:
    esc.write("apps/web", "values: {a: here}")
    esc.write("else/web", "values: {a: else}")
    assert '"else"' in esc("open", "web", "-n", "else").out
    for spelling in ("-n", "--namespace", "-p", "--project"):
        assert esc("env", "ls", spelling, "apps").out == "apps/web\n"


def test_a_list_is_of_the_namespace_and_the_context_that_are_named(esc: Esc, cluster: FakeSession) -> None:
    assert esc("env", "ls", "--context", "kind").out == "apps/web\nelse/web\n"
    assert esc("env", "ls", "--organization", "kind", "-n", "else").out == "else/web\n"


def test_a_rotation_of_one_takes_its_namespace_from_the_option(esc: Esc, cluster: FakeSession) -> None:
    assert esc("rotate", "web", "-n", "else", "--context", "kind").out == "else/web: requested new credentials\n"
    assert [call[:2] for call in cluster.annotated] == [("else", "web")]
    assert cluster.created == []


@pytest.mark.parametrize("command", ["open", "rotate", "run"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("kind/apps/web", "--context", "prod"),
            "kind/apps/web names the context kind, and --context prod another one: leave one of them out",
        ),
        (
            ("apps/web", "--context", "kind", "-n", "other"),
            "apps/web names the namespace apps, and --namespace other another one: leave one of them out",
        ),
        (
            ("ClusterEscEnvironment/web", "--context", "kind", "-n", "apps"),
            "ClusterEscEnvironment/web belongs to no namespace: leave --namespace apps out",
        ),
    ],
)
def test_what_contradicts_the_reference_is_refused(
    esc: Esc, cluster: FakeSession, command: str, arguments: tuple[str, ...], message: str
) -> None:
    answer = esc(command, *arguments, *(("--", "true") if command == "run" else ()))
    assert (answer.status, answer.out, answer.err) == (1, "", f"Error: {message}\n")


@pytest.mark.parametrize("spelling", OUTPUT)
def test_the_form_of_the_output_has_both_spellings(esc: Esc, spelling: str) -> None:
    esc.write("apps/web", "values: {a: here}")
    assert esc("open", "apps/web", "a", spelling, "string").out == "here\n"
    assert '"name": "web"' in esc("env", "ls", spelling, "json").out


def test_the_version_is_shown_by_both_programs(esc: Esc, monkeypatch: pytest.MonkeyPatch) -> None:
    assert esc("--version").out == f"esc v{__version__}\n"
    assert esc("version").out == f"v{__version__}\n"
    monkeypatch.setattr("sys.argv", ["/usr/bin/kubectl-esc"])
    assert esc("--version").out == f"kubectl esc v{__version__}\n"


def test_the_operator_shows_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    asked: Any = operator.main(["--version"], standalone_mode=False)
    assert (asked, capsys.readouterr().out) == (0, f"esc-operator v{__version__}\n")
