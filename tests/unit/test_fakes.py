"""Tests put fakes in through parameters: none of them patches a module, a class or a function of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = "esc_operator"
PATCHING = {"setattr", "delattr", "setitem", "delitem", "object", "dict", "patch"}
"""Methods of pytest's MonkeyPatch and of mock.patch."""


def imported_names(nodes: list[ast.AST]) -> set[str]:
    """What in a module names something of ours."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if alias.name.split(".")[0] == PACKAGE]
            names |= {alias.asname or PACKAGE for alias in ours}
    return names


def is_current(argument: ast.expr) -> bool:
    """Whether something of ours is named in so many words."""
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return False
    return argument.value.split(".")[0] == PACKAGE


def is_ours(argument: ast.expr, names: set[str]) -> bool:
    while isinstance(argument, ast.Attribute):
        argument = argument.value
    return isinstance(argument, ast.Name) and argument.id in names


def patches(text: str) -> list[int]:
    """The lines that patch something of ours: by a call, or by an assignment to an attribute of a module's name."""
    nodes = list(ast.walk(ast.parse(text)))
    names = imported_names(nodes)
    calls = [node for node in nodes if isinstance(node, ast.Call) and name_of(node.func) in PATCHING]
    found = {
        call.lineno
        for call in calls
        for argument in call.args[:2]
        # Something else may have a method `patch`, and be given what is ours.
        if is_current(argument) or (name_of(call.func) != "patch" and is_ours(argument, names))
    }
    assigned = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    return sorted(found | {one.lineno for one in assigned if isinstance(one, ast.Attribute) and is_ours(one, names)})


def name_of(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def test_no_test_patches_what_is_ours() -> None:
    found = {str(path.relative_to(TESTS)): patches(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}
    assert len(found) > 200
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'monkeypatch.setattr(kube.api, "LIMIT", 1)',
        'monkeypatch.setattr("esc_operator.kube.api.LIMIT", 1)',
        'monkeypatch.setitem(sys.modules, "esc_operator.handlers.spans", None)',
        'mock.patch("esc_operator.kube.api.LIMIT")',
        'patch.object(kube, "LIMIT", 1)',
        'setattr(kube, "LIMIT", 1)',
        "kube.api.LIMIT = 1",
    ],
)
def test_a_patch_is_found_however_it_is_written(line: str) -> None:
    assert patches(f"from esc_operator import kube\n{line}\n") == [2]


@pytest.mark.parametrize(
    "line", ['monkeypatch.setattr("sys.argv", [])', 'monkeypatch.setenv("A", "b")', "world.api.lost = 1", "kube = 1"]
)
def test_what_is_nobodys_of_ours_may_be_patched(line: str) -> None:
    assert patches(f"from esc_operator import kube\n{line}\n") == []
