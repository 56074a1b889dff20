"""JSON-like data → syntax tree: the front end for a definition that stands inside a Kubernetes resource.

There are no lines to point at, so nodes have no range; paths begin with the prefix that leads to the definition in its
resource.
"""

from collections.abc import Mapping, Sequence

from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
from esc_operator.lang.limits import Limits
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.numbers import number_of
from esc_operator.lang.paths import Path
from esc_operator.lang.scalars import Scalar
from esc_operator.lang.source import Source
from esc_operator.lang.surrogates import without_surrogates


def compose_data(name: str, data: object, path_prefix: str, limits: Limits) -> tuple[Node | None, Diagnostics]:
    """The tree of `data`, or None with the findings where it holds something that JSON cannot."""
    reader = _Reader(Source(name, None), limits)
    root = reader.node(path_prefix, data, 0)
    return (None if reader.diagnostics else root), tuple(reader.diagnostics)


class _Reader:
    def __init__(self, source: Source, limits: Limits) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._source = source
        self._limits = limits
        self._nodes = 0

    def node(self, path: Path, data: object, depth: int) -> Node:
        self._nodes += 1
        if depth > self._limits.levels:
            return self._problem(
                path, f"the definition is nested more than {self._limits.levels} levels deep", reasons.LIMIT_EXCEEDED
            )
        if self._nodes > self._limits.nodes:
            return self._problem(
                path, f"the definition has more than {self._limits.nodes} values", reasons.LIMIT_EXCEEDED
            )
        if isinstance(data, Mapping):
            return self._mapping(path, data, depth)
        if isinstance(data, Sequence) and not isinstance(data, str | bytes | bytearray):
            return self._sequence(path, data, depth)
        return self._scalar(path, data)

    def _mapping(self, path: Path, data: Mapping[object, object], depth: int) -> Node:
        node = MappingNode(self._source, path, 0, 0)
        for key, value in data.items():
            if not isinstance(key, str):
                self._problem((path, str(key)), "mapping keys must be strings", reasons.INVALID_YAML)
                continue
            name = without_surrogates(key)
            child: Path = (path, name)
            node.entries.append((self._leaf(child, name), self.node(child, value, depth + 1)))
            if self._nodes > self._limits.nodes:
                break
        return node

    def _sequence(self, path: Path, data: Sequence[object], depth: int) -> Node:
        node = SequenceNode(self._source, path, 0, 0)
        for index, value in enumerate(data):
            node.items.append(self.node((path, index), value, depth + 1))
            if self._nodes > self._limits.nodes:
                break
        return node

    def _scalar(self, path: Path, data: object) -> Node:
        if isinstance(data, str):
            return self._leaf(path, without_surrogates(data))
        if data is None or isinstance(data, bool):
            return self._leaf(path, data)
        if isinstance(data, int | float):
            number = number_of(data)
            if number is not None:
                return self._leaf(path, number)
        return self._problem(path, f"cannot represent a value of type {type(data).__name__}", reasons.INVALID_YAML)

    def _leaf(self, path: Path, value: Scalar) -> ScalarNode:
        return ScalarNode(self._source, path, 0, 0, value, value if isinstance(value, str) else "", inline=False)

    def _problem(self, path: Path, summary: str, reason: str) -> ScalarNode:
        node = self._leaf(path, None)
        if reason not in (found.reason for found in self.diagnostics) or reason != reasons.LIMIT_EXCEEDED:
            self.diagnostics.append(node.error(summary, reason))
        return node
