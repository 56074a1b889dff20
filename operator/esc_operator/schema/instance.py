"""What validation needs to see of a value, and what it reports back."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from esc_operator.schema.jsontext import Json
from esc_operator.schema.model import Schema, TypeName


class Instance(Protocol):
    """A value under validation. For an unknown one only `schema` says anything; for a known one it is not asked."""

    @property
    def is_unknown(self) -> bool: ...

    @property
    def schema(self) -> Schema: ...

    @property
    def json_type(self) -> TypeName: ...

    def reveal_scalar(self) -> Json:
        """The value of a scalar, numbers as `NumberText`; None for arrays and objects."""

    @property
    def elements(self) -> Sequence["Instance"]: ...

    @property
    def properties(self) -> Mapping[str, "Instance"]: ...


class Finding(NamedTuple):
    """A failure: the value to blame, and the way from it to the part that is wrong (empty where it is the value
    itself). `within` is the object of which the summary quotes a key; the key may be as secret as the object.
    """

    instance: Instance
    path: str
    summary: str
    within: "Instance | None" = None

    @property
    def message(self) -> str:
        return f"{self.path}: {self.summary}" if self.path else self.summary
