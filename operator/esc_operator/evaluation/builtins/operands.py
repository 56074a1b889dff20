"""Typed operands: the first step of most builtins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation.values import PENDING_VALUE, Value

if TYPE_CHECKING:
    from collections.abc import Generator

    from esc_operator.evaluation.frames import Frame
    from esc_operator.evaluation.tasks import Task
    from esc_operator.lang.declarations import Call
    from esc_operator.schema import Schema

Operands = tuple[Value, ...] | Value


def read_operands(
    frame: Frame, call: Call, accepted: dict[str, Schema], result: Schema
) -> Generator[Task, Value, Operands]:
    """The values of the named operands, all known and each of the type it must have.

    Where that cannot be, the call's value instead: pending, or unknown with the schema `result`. A wrong type is
    reported.
    """
    values = []
    for name in accepted:
        values.append((yield frame.operand(call, name)))  # noqa: PERF401  (a comprehension cannot yield)
    if not all(value.is_complete for value in values):
        return PENDING_VALUE
    conforming = [frame.conforms(value, schema) for value, schema in zip(values, accepted.values(), strict=True)]
    if not all(conforming):
        return frame.unknown(result)
    if any(value.contains_unknowns for value in values):
        return frame.unknown(result, *values)
    return tuple(values)


def text_of(value: Value) -> str:
    """The text of a known string."""
    return str(value.reveal_scalar())
