"""The worst definitions that are known: each asks for as much of one kind as the API server lets it, and some for many
kinds at once. What is in here was found by a person or by a generator, and stays.
"""

from __future__ import annotations

import base64
import json
import random
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST: Final = 1_500_000
"""Bytes of the largest object that the API server takes, about."""


class Bomb(NamedTuple):
    """A definition, and those that it can import, by name."""

    definition: dict[str, Any]
    imports: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed

    @property
    def size(self) -> int:
        return len(compact(self.definition))


def compact(definition: Any) -> bytes:
    """The text that an API server keeps."""
    return json.dumps(definition, ensure_ascii=False, separators=(",", ":")).encode()


def _values(**values: Any) -> Bomb:
    return Bomb({"values": values})


def _doubled(first: Any, times: int, make: Callable[[str], Any]) -> dict[str, Any]:
    """`a0` is `first`, each further one twice the one before."""
    return {"a0": first} | {f"a{number + 1}": make(f"${{a{number}}}") for number in range(times)}


def _list_twice(name: str) -> Any:
    return [name, name]


def _text_twice(name: str) -> Any:
    return name + name


def _each(count: int, value: Any) -> dict[str, Any]:
    return {f"b{number}": value for number in range(count)}


def _text(length: int, kind: str = "x") -> str:
    return (kind * (length // len(kind.encode()) + 1))[: length // len(kind.encode())]


ROOM: Final = LARGEST - 20_000


def _fill(piece: Any, room: int = ROOM) -> list[Any]:
    size = len(json.dumps(piece, separators=(",", ":"))) + 1
    return [piece] * (room // size)


def _nested(depth: int, inner: Any, wrap: Callable[[Any], Any]) -> Any:
    for _ in range(depth):
        inner = wrap(inner)
    return inner


def _validations(count: int) -> dict[str, Any]:
    schema = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number", "minimum": 1}]}}
    return {f"v{number}": {"fn::validate": {"schema": schema, "value": "${list}"}} for number in range(count)}


def _shared(count: int) -> dict[str, Any]:
    return {"values": {f"k{number}": {"x": number, "y": [number]} for number in range(count)}}


def _kinds(seed: int) -> Bomb:
    """Random calls of every kind on random operands, as many as fit."""
    choose = random.Random(seed)
    values: dict[str, Any] = {
        "t0": _text(5_000),
        "t1": _text(2_000, '"<\\'),
        "l0": {"fn::split": ["", "${t0}"]},
        "l1": [["a"], ["b"]],
    }
    for number in range(1_200):
        text, other = (choose.choice([name for name in values if name[0] == "t"]) for _ in range(2))
        items = choose.choice([name for name in values if name[0] == "l"])
        name, made = choose.choice(
            [
                ("t", f"${{{text}}}${{{other}}}"),
                ("t", {"fn::toJSON": [f"${{{items}}}", f"${{{text}}}"]}),
                ("t", {"fn::toString": [f"${{{items}}}", f"${{{text}}}"]}),
                ("t", {"fn::toBase64": f"${{{text}}}"}),
                ("t", {"fn::join": [",", {"fn::split": ["x", f"${{{text}}}"]}]}),
                ("l", {"fn::split": [choose.choice(["", "x", "xx"]), f"${{{text}}}"]}),
                ("l", {"fn::concat": [f"${{{items}}}", f"${{{items}}}"]}),
                ("l", {"fn::fromJSON": {"fn::toJSON": f"${{{items}}}"}}),
                ("l", {"fn::validate": {"schema": {"type": "array", "items": {}}, "value": f"${{{items}}}"}}),
                ("l", [f"${{{items}}}", f"${{{text}}}"]),
                ("l", {"fn::final": f"${{{items}}}"}),
            ]
        )
        values[f"{name}{number + 2}"] = made
    return Bomb({"values": values})


def _sum_of_all() -> Bomb:
    """A little of every bomb, so that each alone would be let through."""
    values: dict[str, Any] = {}
    imports: dict[str, dict[str, Any]] = {}
    for number, (name, make) in enumerate(BOMBS.items()):
        if name.startswith(("the sum", "a mixture", "imports of each")):
            continue
        small = {key: value for key, value in make().definition.get("values", {}).items() if _size(value) < 8_000}
        imports[f"s{number}"] = {"values": dict(list(small.items())[:40])}
        values[f"s{number}"] = f"${{imports.s{number}}}"
    return Bomb({"imports": [{name: {"merge": False}} for name in imports], "values": values}, imports)


BOMBS: Final[dict[str, Callable[[], Bomb]]] = {
    # What a definition holds
    "plain values": lambda: _values(**{f"v{number}": number for number in range(90_000)}),
    "empty lists": lambda: _values(a=_fill([])),
    "lists of lists": lambda: _values(a=_fill([[[]]])),
    "objects": lambda: _values(a=_fill({"a": 1})),
    "strings": lambda: _values(a=_fill("")),
    "one text": lambda: _values(a=_text(ROOM)),
    "one text of emoji": lambda: _values(a=_text(ROOM, "\U0001f600"), b="${a}${a}", c="${b}${b}", d="${c}${c}"),
    "long keys": lambda: _values(**{_text(3_900) + str(number): {"fn::join": 0} for number in range(370)}),
    "a long key": lambda: _values(**{_text(700_000): {str(number): {"fn::join": 0} for number in range(10_000)}}),
    "accesses": lambda: _values(a=_text(ROOM, "${a}")),
    "steps of an access": lambda: _values(a="${" + _text(ROOM, "a.") + "}"),
    "subscripts": lambda: _values(a="${" + _text(ROOM, "[0]") + "}"),
    "a quoted key": lambda: _values(a='${["' + _text(ROOM // 2, '\\"') + '"]}'),
    "a long name": lambda: _values(a="${" + _text(ROOM)),
    "open braces": lambda: _values(a=_text(ROOM, "${")),
    "dollars": lambda: _values(a=_text(ROOM, "$")),
    "doubled dollars": lambda: _values(a=_fill("$$")),
    "mistakes": lambda: _values(**{f"m{number}": {"fn::join": 0} for number in range(60_000)}),
    "misspelt names": lambda: _values(**{f"key{number}": f"${{key{number}x}}" for number in range(50_000)}),
    "misspelt long names": lambda: _values(
        o={"fn::fromJSON": json.dumps({_text(10_000) + str(number): 1 for number in range(50)})},
        a=["${o." + _text(10_000) + str(number) + "x}" for number in range(90)],
    ),
    "cycles": lambda: _values(**{f"a{number}": f"${{a{(number + 1) % 40_000}}}" for number in range(40_000)}),
    "references": lambda: _values(big=_fill("", 60_000), a=_fill("${big}", 500_000)),
    "references into an object": lambda: Bomb(
        {"imports": ["b1"], "values": {f"k{number}": f"${{k{number + 1}}}" for number in range(20_000)}},
        {"b1": {"values": {f"k{number}": 1 for number in range(20_000)}}},
    ),
    "secrets": lambda: _values(a=_fill({"fn::secret": "x"})),
    "finals": lambda: _values(big=_fill("", 60_000), a=_fill({"fn::final": "${big}"}, 500_000)),
    "unknown finals": lambda: _values(
        big=[*_fill("", 60_000), {"fn::open::nothing": {}}], a=_fill({"fn::final": "${big}"}, 500_000)
    ),
    "unknown providers": lambda: _values(a=_fill({"fn::open::nothing": {}})),
    "logins": lambda: _values(a=_fill({"fn::open::aws-login": {"oidc": {"roleArn": "x", "sessionName": "y"}}})),
    "large inputs": lambda: _values(**_doubled(["x"], 18, _list_twice), l={"fn::open::aws-login": {"oidc": "${a18}"}}),
    "unknown rotators": lambda: _values(a=_fill({"fn::rotate::nothing": {"inputs": {}, "state": {}}})),
    # What it builds
    "a list doubled, then toJSON": lambda: _values(
        **_doubled(["x"], 19, _list_twice), **_each(10, {"fn::toJSON": "${a19}"})
    ),
    "a list doubled less, then toJSON": lambda: _values(
        **_doubled(["x"], 16, _list_twice), **_each(100, {"fn::toJSON": "${a16}"})
    ),
    "a string doubled, then split": lambda: _values(
        **_doubled(_text(64), 14, _text_twice), **_each(10, {"fn::split": ["", "${a14}"]})
    ),
    "interpolation": lambda: _values(**_doubled(_text(64), 16, _text_twice), **_each(20, "${a16}" * 20)),
    "join": lambda: _values(
        **_doubled(_text(64), 14, _text_twice), **_each(10, {"fn::join": ["${a14}", ["${a14}"] * 100]})
    ),
    "join of many": lambda: _values(
        **_doubled(["x"], 16, _list_twice),
        s={"fn::split": ["", _text(60_000)]},
        **_each(100, {"fn::join": [",", "${s}"]}),
    ),
    "concat": lambda: _values(
        a0=_fill("x", 1_000), **{f"a{n + 1}": {"fn::concat": [f"${{a{n}}}"] * 10} for n in range(6)}
    ),
    "concat of many": lambda: _values(
        s={"fn::split": ["", _text(60_000)]}, **_each(200, {"fn::concat": ["${s}", "${s}"]})
    ),
    "toString in toString": lambda: _values(
        **{"a0": '"', **{f"a{n + 1}": {"fn::toString": [f"${{a{n}}}"]} for n in range(24)}}
    ),
    "toString of control characters": lambda: _values(
        a=_text(200_000, "\x01"), **_each(100, {"fn::toString": ["${a}"]})
    ),
    "toString of a deep list": lambda: _values(
        a=_nested(90, '"' * 10_000, lambda inner: [inner]), **_each(20, {"fn::toString": "${a}"})
    ),
    "toJSON in toJSON": lambda: _values(
        **{"a0": '"<\x01', **{f"a{n + 1}": {"fn::toJSON": [f"${{a{n}}}"] * 2} for n in range(24)}}
    ),
    "toJSON of control characters": lambda: _values(a=_text(200_000, "\x01"), **_each(50, {"fn::toJSON": "${a}"})),
    "toYAML of a list": lambda: _values(**_doubled(["x"], 16, _list_twice), **_each(100, {"fn::toYAML": "${a16}"})),
    "toYAML of control characters": lambda: _values(a=_text(200_000, "\x01"), **_each(50, {"fn::toYAML": ["${a}"]})),
    "toYAML of emoji": lambda: _values(a=_text(400_000, "\U0001f600"), **_each(50, {"fn::toYAML": ["${a}"]})),
    "toYAML of lines": lambda: _values(a=_text(200_000, "\n"), **_each(50, {"fn::toYAML": [["${a}"]]})),
    "toYAML of a deep list": lambda: _values(
        a=_nested(90, ["x"] * 500, lambda inner: [inner, *["x"] * 50]), **_each(50, {"fn::toYAML": "${a}"})
    ),
    "toYAML of keys alike": lambda: _values(
        a={"fn::fromJSON": json.dumps({f"{'k' * 900}{number}": 0 for number in range(1_000)})},
        **_each(50, {"fn::toYAML": "${a}"}),
    ),
    "toJSON of markup": lambda: _values(a=_text(400_000, "<é"), **_each(50, {"fn::toJSON": "${a}"})),
    "fromJSON of numbers": lambda: _values(a={"fn::fromJSON": "[" + _text(ROOM, "0,") + "0]"}),
    "fromJSON of less numbers": lambda: _values(
        a="[" + _text(100_000, "0,") + "0]", **_each(9, {"fn::fromJSON": "${a}"})
    ),
    "fromJSON of lists": lambda: _values(a="[" + "[]," * 40_000 + "0]", **_each(9, {"fn::fromJSON": "${a}"})),
    "fromJSON of objects": lambda: _values(
        a={"fn::fromJSON": json.dumps({f"k{number}": {} for number in range(40_000)})},
        **_each(9, {"fn::fromJSON": {"fn::toJSON": "${a}"}}),
    ),
    "fromJSON of blanks": lambda: _values(a="[" + _text(400_000, " ") + "0]", **_each(200, {"fn::fromJSON": "${a}"})),
    "fromJSON of escapes": lambda: _values(a='"' + _text(300_000, "\\n") + '"', **_each(9, {"fn::fromJSON": "${a}"})),
    "fromJSON of code points": lambda: _values(
        a='"' + "\\ud83d\\ude00" * 25_000 + '"', **_each(9, {"fn::fromJSON": "${a}"})
    ),
    "fromJSON of depth": lambda: _values(a={"fn::fromJSON": _text(ROOM // 2, "[") + _text(ROOM // 2, "]")}),
    "fromJSON of digits": lambda: _values(a="1" * 700_000, **_each(200, {"fn::fromJSON": "${a}"})),
    "toBase64": lambda: _values(a=_text(1_000_000), **_each(100, {"fn::toBase64": "${a}"})),
    "fromBase64": lambda: _values(a="AAAA" * 250_000, **_each(100, {"fn::fromBase64": "${a}"})),
    "fromBase64 of lines": lambda: _values(a="AAAA\n" * 100_000, **_each(100, {"fn::fromBase64": "${a}"})),
    "fromBase64 of no text": lambda: _values(
        a=base64.b64encode(b"\xff\x00" * 200_000).decode(), **_each(50, {"fn::fromBase64": "${a}"})
    ),
    # Schemas
    "validations": lambda: _values(list=_fill("x", 40_000), **_validations(100)),
    "validations of mistakes": lambda: _values(list=_fill([], 30_000), **_validations(100)),
    "a schema of many words": lambda: _values(
        v={"fn::validate": {"schema": {"enum": _fill("abcdefgh", 200_000)}, "value": "x"}},
        w={"fn::validate": {"schema": {"items": {"enum": _fill("abcd", 60_000)}}, "value": _fill(1, 60_000)}},
    ),
    "a schema of many names": lambda: _values(
        w={
            "fn::validate": {
                "schema": {"items": {"required": [f"n{number}" for number in range(20_000)]}},
                "value": _fill({}, 60_000),
            }
        }
    ),
    "a schema of itself": lambda: _values(
        **_each(
            200,
            {
                "fn::validate": {
                    "schema": {
                        "$ref": "#/$$defs/a",
                        "$$defs": {"a": {"items": {"anyOf": [{"$ref": "#/$$defs/a"}] * 9}}},
                    },
                    "value": _nested(40, "x", lambda inner: [inner]),
                }
            },
        )
    ),
    "a large schema": lambda: _values(
        **_each(3, {"fn::validate": {"schema": {"anyOf": _fill({"type": "null"}, 300_000)}, "value": [1]}})
    ),
    "alternatives in alternatives": lambda: _values(
        v={
            "fn::validate": {
                "schema": _nested(12, {"type": "null"}, lambda inner: {"oneOf": [inner, {"anyOf": [inner]}]}),
                "value": _fill("x", 3_000),
            }
        }
    ),
    "patterns": lambda: _values(
        t=_text(200_000, "ab"),
        **_each(100, {"fn::validate": {"schema": {"type": "string", "pattern": r"\b(a|b|ab)*\bc$"}, "value": "${t}"}}),
    ),
    "a pattern of many states": lambda: _values(
        t="".join(random.Random(1).choice("abcdefgh") for _ in range(100_000)),
        v={"fn::validate": {"schema": {"type": "string", "pattern": "(a|b).{900}c.{900}d"}, "value": "${t}"}},
    ),
    "a pattern of many characters": lambda: _values(
        t="".join(chr(0x4E00 + number) for number in range(20_000)),
        v={
            "fn::validate": {
                "schema": {
                    "type": "string",
                    "pattern": "[" + "".join(chr(0x4E00 + 2 * n) for n in range(5_000)) + "]{500}z",
                },
                "value": "${t}",
            }
        },
    ),
    "a long pattern": lambda: _values(
        v={"fn::validate": {"schema": {"type": "string", "pattern": "(" + "()" * 400_000 + "){1000}"}, "value": "x"}}
    ),
    "a number of many digits": lambda: _values(
        n={"fn::fromJSON": "1" * 400_000},
        **_each(200, {"fn::validate": {"schema": {"type": "number", "multipleOf": 0.7}, "value": "${n}"}}),
    ),
    # Imports
    "imports again and again": lambda: Bomb(
        {"imports": ["b1", "b2"] * 200}, {"b1": _shared(1_000), "b2": _shared(1_000)}
    ),
    "imports of large definitions": lambda: Bomb(
        {"imports": [f"b{number}" for number in range(256)]},
        {f"b{number}": {"values": {f"k{n}": n for n in range(60_000)}} for number in range(8)}
        | {f"b{number}": {"values": {"a": _fill([], 1_040_000)}} for number in range(8, 16)},
    ),
    "imports of empty lists": lambda: Bomb(
        {"imports": [f"b{number}" for number in range(256)]},
        {f"b{number}": {"values": {"a": _fill([], 1_040_000)}} for number in range(8)},
    ),
    "imports of many small definitions": lambda: Bomb(
        {"imports": [f"b{number}" for number in range(256)]},
        {f"b{number}": _shared(30) for number in range(256)},
    ),
    "a chain of imports": lambda: Bomb(
        {"imports": ["b0"]},
        {f"b{number}": {"imports": [f"b{number + 1}"], **_shared(60)} for number in range(256)},
    ),
    "imports by name": lambda: Bomb(
        {"values": {f"k{number}": f"${{environments.p.e{number % 256}}}" for number in range(20_000)}},
        {f"p/e{number}": _shared(10) for number in range(256)},
    ),
    "imports of each other's bombs": lambda: Bomb(
        {"imports": ["b0", "b1", "b2", "b3"], "values": {"x": {"fn::toJSON": "${imports}"}}},
        {f"b{number}": _kinds(number).definition for number in range(4)},
    ),
    # What comes out
    "variables": lambda: _values(environmentVariables={f"V{number}": str(number) for number in range(25_000)}),
    "variables of one text": lambda: _values(
        t=_text(900_000), environmentVariables={f"V{number}": "${t}" for number in range(5_000)}
    ),
    "bad variables": lambda: _values(environmentVariables={f"{number}=": "\0" for number in range(25_000)}),
    "files": lambda: _values(files={f"F{number}": "x\0" for number in range(25_000)}, environmentVariables={"A": "b"}),
    # Many kinds together
    "the sum of all": _sum_of_all,
    **{f"a mixture ({seed})": partial(_kinds, seed) for seed in range(1, 7)},
}
"""What each builtin, each kind of value and each import can be made to cost."""


def _size(value: Any) -> int:
    return len(json.dumps(value))
