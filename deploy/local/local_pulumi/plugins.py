"""The providers and rotators that this service has beside the operator's own: what a test needs, and nothing real.

`fn::open::timed` outputs what it is given, and says when that expires. `fn::rotate::numbered` counts its rotations.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from esc_operator.driver.catalogue import Catalogue
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Opened, Rotated, Secret
from esc_operator.formats.durations import parse_duration
from esc_operator.formats.times import format_time
from esc_operator.providers.port import OpenContext, Provider, Rotator
from esc_operator.providers.registry import Registry

_TEXT = {"type": "string"}


class Timed:
    """`{value, lifetime}`: outputs `value`, a secret, a number that is another at each open, and `expiration`."""

    name: ClassVar[str] = "timed"
    inputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"value": True, "lifetime": {"type": "string", "default": "1h"}, "failing": {"type": "string"}},
        "required": ["value"],
        "additionalProperties": False,
    }
    outputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"value": True, "opened": {"type": "number"}, "expiration": _TEXT},
        "required": ["expiration", "opened", "value"],
    }

    def __init__(self) -> None:
        self._opened = 0

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        if inputs.get("failing"):
            raise ProviderError(str(inputs["failing"]), reason="AskedToFail")
        self._opened += 1
        now = context.now()
        expires_at = now + parse_duration(inputs.get("lifetime", "1h"))
        content = {"value": Secret(inputs["value"]), "opened": self._opened, "expiration": format_time(expires_at)}
        return Opened(content, Lease(now, max(expires_at, now + timedelta(seconds=1))), secret=False)


class Numbered:
    """`{prefix}`: outputs `current`, a secret of the prefix and how often it was rotated."""

    name: ClassVar[str] = "numbered"
    inputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"prefix": _TEXT, "failing": _TEXT},
        "required": ["prefix"],
        "additionalProperties": False,
    }
    state: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"number": {"type": "number"}},
        "required": ["number"],
    }
    outputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"current": _TEXT},
        "required": ["current"],
    }

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        del context
        number = int(state["number"]) if state else 0
        return Opened({"current": Secret(f"{inputs['prefix']}{number}")}, secret=False)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        del context
        if inputs.get("failing"):
            raise ProviderError(str(inputs["failing"]), reason="AskedToFail")
        return Rotated({"number": int(state["number"]) + 1 if state else 1})


@dataclass(frozen=True)
class _Entry:
    """What a registry reads of an entry point."""

    name: str
    plugin: Any
    value: str = ""
    dist: None = None

    def load(self) -> Any:
        return self.plugin


def make_catalogue(providers: Iterable[Provider] = (), rotators: Iterable[Rotator] = ()) -> Catalogue:
    """The operator's own plug-ins, these, and those given, which win."""
    return Catalogue(
        Registry("esc_operator.providers", "provider", "UnknownProvider", _discover([Timed(), *providers])),
        Registry("esc_operator.rotators", "rotator", "UnknownRotator", _discover([Numbered(), *rotators])),
    )


def _discover(plugins: Iterable[Any]) -> Callable[[str], Iterable[EntryPoint]]:
    own = {plugin.name: _Entry(plugin.name, plugin, plugin.name) for plugin in plugins}

    def discover(group: str) -> Iterable[Any]:
        return [*own.values(), *(one for one in entry_points(group=group) if one.name not in own)]

    return discover
