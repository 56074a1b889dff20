"""Finds providers and rotators by name among the installed distributions, and loads them on first use.

A plug-in is an entry point, such as `aws-login = "package.module:PROVIDER"` in the group `esc_operator.providers`.
Nothing is read or imported before the first look-up, so a command that opens nothing pays nothing. A plug-in that
cannot be loaded is an error that names it; it never silently disappears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import EntryPoint

    from esc_operator.providers.port import Provider, Rotator, Service

Plugin = TypeVar("Plugin")


class Registry(Generic[Plugin]):
    """The plug-ins of one entry point group.

    `kind` is the word for them in messages, `unknown` the reason for a name that is not registered. `discover` lists
    the group's entry points; tests pass their own.
    """

    def __init__(
        self, group: str, kind: str, unknown: str, discover: Callable[[str], Iterable[EntryPoint]] | None = None
    ) -> None:
        self._group = group
        self._kind = kind
        self._unknown = unknown
        self._discover = discover or _installed
        self._entries: dict[str, list[EntryPoint]] | None = None
        self._loaded: dict[str, Plugin] = {}

    def find(self, name: str) -> Plugin:
        """The plug-in of that name. Raises ProviderError."""
        if name not in self._loaded:
            self._loaded[name] = self._load(self._entry(name))
        return self._loaded[name]

    def names(self) -> tuple[str, ...]:
        """All registered names, sorted; loads none of them."""
        return tuple(sorted(self._by_name()))

    def _by_name(self) -> dict[str, list[EntryPoint]]:
        if self._entries is None:
            self._entries = {}
            for entry in self._discover(self._group):
                self._entries.setdefault(entry.name, []).append(entry)
        return self._entries

    def _entry(self, name: str) -> EntryPoint:
        entries = self._by_name().get(name, [])
        if not entries:
            raise ProviderError(f'unknown {self._kind} "{name}"', reason=self._unknown)
        # A distribution that is on the path twice (an editable checkout and its metadata) registers itself twice.
        if len({entry.value for entry in entries}) > 1:
            origins = " and ".join(sorted({_origin(entry) for entry in entries}))
            raise ProviderError(
                f'the {self._kind} "{name}" is registered more than once, by {origins}: uninstall one of them',
                reason=reasons.PLUGIN_AMBIGUOUS,
            )
        return entries[0]

    def _load(self, entry: EntryPoint) -> Plugin:
        try:
            plugin: Any = entry.load()
        except Exception as error:  # importing a plug-in may raise anything
            raise ProviderError(
                f'the {self._kind} "{entry.name}" ({_origin(entry)}) could not be loaded:'
                f" {type(error).__name__}: {error}",
                reason=reasons.PLUGIN_NOT_LOADED,
            ) from error
        return plugin  # type: ignore[no-any-return]  # an entry point is untyped; the port is its contract


def provider_registry() -> Registry[Provider]:
    return Registry("esc_operator.providers", "provider", reasons.UNKNOWN_PROVIDER)


def rotator_registry() -> Registry[Rotator]:
    return Registry("esc_operator.rotators", "rotator", reasons.UNKNOWN_ROTATOR)


def service_registry() -> Registry[Service]:
    """The services that hold environments. They are part of this package: no definition names one."""
    return Registry("esc_operator.services", "service", reasons.UNKNOWN_PROVIDER, _own_services)


def _own_services(group: str) -> Iterable[EntryPoint]:
    from importlib.metadata import EntryPoint

    return (EntryPoint("pulumi", "esc_operator.stores.pulumi.service:SERVICE", group),)


def _installed(group: str) -> Iterable[EntryPoint]:
    # Importing importlib.metadata takes longer than opening a static environment.
    from importlib.metadata import entry_points

    return entry_points(group=group)


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name}: {entry.value}" if entry.dist else entry.value
