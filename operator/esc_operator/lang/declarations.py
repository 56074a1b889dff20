"""The declarations of an environment: what its author wrote, read but not evaluated.

Immutable once parsed and free of evaluation state, so one parse serves any number of evaluations. Every expression
knows its place.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from esc_operator.formats.paths import path_text
from esc_operator.lang.access import Accessor
from esc_operator.lang.diagnostics import Range
from esc_operator.lang.nodes import Node, ScalarNode
from esc_operator.lang.scalars import Scalar
from esc_operator.lang.templates import Part


class Expression:
    """Anything that has a value. Missing parts of a broken definition are None instead."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def range(self) -> Range | None:
        return self.node.range

    @property
    def path(self) -> str:
        return path_text(self.node.path)

    def __repr__(self) -> str:
        # A literal may be a secret: an expression is shown by its place only.
        return f"<{type(self).__name__} at {self.path or 'the root'}>"


class Literal(Expression):
    """null, a boolean, a number or a string without interpolations."""

    __slots__ = ("value",)

    def __init__(self, node: Node, value: Scalar) -> None:
        self.node = node
        self.value: Final = value


class Interpolation(Expression):
    """A string with accesses in it; its value is always a string."""

    __slots__ = ("parts",)

    def __init__(self, node: Node, parts: tuple[Part, ...]) -> None:
        super().__init__(node)
        self.parts: Final = parts


class Reference(Expression):
    """A string that is one access and nothing else; its value is the referent's, of whatever type."""

    __slots__ = ("accessors",)

    def __init__(self, node: Node, accessors: tuple[Accessor, ...]) -> None:
        super().__init__(node)
        self.accessors: Final = accessors


class Array(Expression):
    __slots__ = ("elements",)

    def __init__(self, node: Node, elements: tuple[Expression, ...]) -> None:
        super().__init__(node)
        self.elements: Final = elements


class Entry(NamedTuple):
    """A key and its value. `key_node` is where the key stands."""

    key: str
    key_node: ScalarNode
    value: Expression


class Object(Expression):
    """Entries in the order they were written, duplicates included."""

    __slots__ = ("entries",)

    def __init__(self, node: Node, entries: tuple[Entry, ...]) -> None:
        super().__init__(node)
        self.entries: Final = entries


class Call(Expression):
    """A call of a builtin: its name without a provider (`fn::open`), the name as written, and its operands by name.

    `provider` is what follows `fn::open::`, or the literal under `provider:`; None where it is missing.
    """

    __slots__ = ("builtin", "operands", "provider", "written_name")

    def __init__(
        self,
        node: Node,
        builtin: str,
        written_name: str,
        operands: Mapping[str, Expression | None],
        provider: str | None = None,
    ) -> None:
        super().__init__(node)
        self.builtin: Final = builtin
        self.written_name: Final = written_name
        self.operands: Final = operands
        self.provider: Final = provider


class Import(NamedTuple):
    """An item of `imports`. `name` goes to the loader as it stands; it is None where the item could not be read."""

    name: str | None
    merge: bool
    node: Node
    name_node: Node


class Environment(NamedTuple):
    """A parsed definition, named as in ranges and diagnostics; `root` holds what stands under `values`.

    `service` is the name of the service that holds and evaluates the environment, and then there is no definition here:
    its value is opened as a whole. "" for one that is evaluated here.
    """

    name: str
    root: Object
    imports: tuple[Import, ...] = ()
    description: str | None = None
    service: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to evaluate."""
        return not self.imports and not self.root.entries and not self.service
