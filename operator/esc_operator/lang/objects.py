"""JSON-like data → syntax tree: the front end for a definition inside a Kubernetes resource.

There are no lines to point at, so nodes have no range; paths begin with the prefix that leads to the definition in its
resource.
"""

from collections.abc import Mapping, Sequence

from esc_operator.formats.paths import Path, long_path
from esc_operator.lang import reasons
from esc_operator.lang.budget import Budget, node_units, text_units, weight
from esc_operator.lang.diagnostics import Diagnostics
from esc_operator.lang.findings import READING, Findings
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.numbers import number_of
from esc_operator.lang.scalars import Scalar
from esc_operator.lang.source import Source
from esc_operator.lang.surrogates import without_surrogates

_BEYOND_INTEGERS = 1 << 63
"""Kubernetes keeps whole numbers of 64 bits, and reads others as floating-point numbers of 17 digits."""

_ROUNDED = (
    "the number does not fit into 64 bits, so Kubernetes may have rounded it: put it in quotes, or write the "
    "definition as a text (spec.definition)"
)


def compose_data(name: str, data: object, path_prefix: str, budget: Budget) -> tuple[Node | None, Diagnostics]:
    """The tree of `data`, or None where it holds something that JSON cannot, with the findings. Raises what the budget
    raises.
    """
    reader = _Reader(Source(name, None), budget)
    root = reader.node(path_prefix, data, 0, 0)
    found = reader.diagnostics.found
    return (None if any(one.is_error for one in found) else root), tuple(found)


class _Reader:
    def __init__(self, source: Source, budget: Budget) -> None:
        self.diagnostics = Findings(budget)
        self._source = source
        self._budget = budget
        self._limits = budget.limits
        self._refused = False

    def node(self, path: Path, data: object, depth: int, reach: int) -> Node:
        """`reach`: the characters of the keys that lead to it."""
        if depth > self._limits.levels:
            return self._problem(
                path, f"the definition is nested more than {self._limits.levels} levels deep", reasons.LIMIT_EXCEEDED
            )
        if isinstance(data, Mapping):
            node: Node = MappingNode(self._source, path, 0, 0)
        elif isinstance(data, Sequence) and not isinstance(data, str | bytes | bytearray):
            node = SequenceNode(self._source, path, 0, 0)
        else:
            node = self._scalar(path, data)
        self._budget.charge(node_units(node), READING)
        if isinstance(node, MappingNode) and isinstance(data, Mapping):
            self._fill_mapping(node, data, depth, reach)
        elif isinstance(node, SequenceNode) and isinstance(data, Sequence):
            for index, value in enumerate(data):
                node.items.append(self.node((path, index), value, depth + 1, reach))
        return node

    def _fill_mapping(self, node: MappingNode, data: Mapping[object, object], depth: int, reach: int) -> None:
        path = node.path
        for key, value in data.items():
            if not isinstance(key, str):
                self._problem((path, str(key)), "mapping keys must be strings", reasons.INVALID_YAML)
                continue
            if reach + len(key) > self._limits.path:
                self._problem(path, long_path(self._limits.path), reasons.LIMIT_EXCEEDED)
                continue
            self._budget.charge(text_units(weight(key)), READING)
            name = without_surrogates(key)
            child: Path = (path, name)
            node.entries.append((self._leaf(child, name), self.node(child, value, depth + 1, reach + len(name))))

    def _scalar(self, path: Path, data: object) -> ScalarNode:
        if isinstance(data, str):
            return self._leaf(path, without_surrogates(data))
        if data is None or isinstance(data, bool):
            return self._leaf(path, data)
        if isinstance(data, int | float):
            number = number_of(data)
            if number is not None:
                node = self._leaf(path, number)
                if not -_BEYOND_INTEGERS <= data < _BEYOND_INTEGERS:
                    self.diagnostics.append(node.warning(_ROUNDED, reasons.NUMBER_ROUNDED))
                return node
        return self._problem(path, f"cannot represent a value of type {type(data).__name__}", reasons.INVALID_YAML)

    def _leaf(self, path: Path, value: Scalar) -> ScalarNode:
        return ScalarNode(self._source, path, 0, 0, value, value if isinstance(value, str) else "", False)

    def _problem(self, path: Path, summary: str, reason: str) -> ScalarNode:
        node = self._leaf(path, None)
        if reason != reasons.LIMIT_EXCEEDED or not self._refused:
            self.diagnostics.append(node.error(summary, reason))
        self._refused |= reason == reasons.LIMIT_EXCEEDED
        return node
