"""Nothing half built is handed out: neither `self` by an `__init__` that has more to set, nor a name that is not there
yet, in a lambda."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PACKAGE = places.REPOSITORY / "operator" / "esc_operator"
MODULES = sorted(PACKAGE.rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def handed_out(tree: ast.AST) -> Iterator[str]:
    """Where an `__init__` hands out its `self`, itself or one of its methods, before its last statement: what is made
    there is all that may be missing."""
    for owner in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        methods = {one.name for one in owner.body if isinstance(one, FUNCTIONS) and not one.decorator_list}
        for one in owner.body:
            if isinstance(one, ast.FunctionDef) and one.name in {"__init__", "__post_init__"}:
                me = one.args.args[0].arg
                for statement in one.body[:-1]:
                    yield from (f"{owner.name}, line {line}" for line in _leaks(statement, me, methods))


def _leaks(statement: ast.stmt, me: str, methods: set[str]) -> Iterator[int]:
    parents = {child: node for node in ast.walk(statement) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(statement):
        if not (isinstance(node, ast.Name) and node.id == me):
            continue
        above = parents.get(node)
        if not isinstance(above, ast.Attribute):
            yield node.lineno
        elif above.attr in methods:
            call = parents.get(above)
            if not (isinstance(call, ast.Call) and call.func is above):
                yield node.lineno
        elif any(isinstance(outer, (*FUNCTIONS, ast.Lambda)) for outer in _outer(node, parents)):
            yield node.lineno


def _outer(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node := parents.get(node):  # type: ignore[assignment]
        yield node


def not_there_yet(tree: ast.AST) -> Iterator[str]:
    """Where a lambda takes a name of the function around it that this one sets only later."""
    for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        first: dict[str, int] = {}
        for name in names:
            if isinstance(name.ctx, ast.Store):
                first[name.id] = min(first.get(name.id, name.lineno), name.lineno)
        parameters = {one.arg for node in ast.walk(function) if isinstance(node, ast.arguments) for one in _all(node)}
        for one in (node for node in ast.walk(function) if isinstance(node, ast.Lambda)):
            for name in (node for node in ast.walk(one.body) if isinstance(node, ast.Name)):
                if name.id not in parameters and first.get(name.id, 0) > one.end_lineno:  # type: ignore[operator]
                    yield f"{function.name}, line {name.lineno}: {name.id}"


def _all(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def found(look: Callable[[ast.AST], Iterator[str]]) -> list[str]:
    return [f"{relative(module)}: {place}" for module in MODULES for place in look(ast.parse(module.read_text()))]


def test_no_init_hands_out_itself_before_all_is_set() -> None:
    assert found(handed_out) == []


def test_no_lambda_takes_what_is_made_only_later() -> None:
    assert found(not_there_yet) == []


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 200


@pytest.mark.parametrize(
    "statement",
    [
        "self.part = Part(self)",
        "self.parts = [self]",
        "self.part = Part(self.work)",
        "self.part = Part(lambda: self.name)",
        "self.part = Part(on_due=self.work)",
    ],
)
def test_it_sees_each_way_to_hand_it_out(statement: str) -> None:
    first = f"class A:\n def __init__(self):\n  {statement}\n  self.name = 1\n def work(self): ..."
    last = f"class A:\n def __init__(self):\n  self.name = 1\n  {statement}\n def work(self): ..."
    assert list(handed_out(ast.parse(first))) == ["A, line 3"]
    assert list(handed_out(ast.parse(last))) == []


def test_it_sees_a_lambda_that_is_ahead_of_its_time() -> None:
    assert list(not_there_yet(ast.parse("def f():\n a = lambda: b\n b = 1"))) == ["f, line 2: b"]
    assert list(not_there_yet(ast.parse("def f():\n b = 1\n a = lambda: b"))) == []
