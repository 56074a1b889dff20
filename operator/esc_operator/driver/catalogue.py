"""The schemas of providers and rotators, compiled once, for the evaluator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from esc_operator.errors import EscError, ProviderError
from esc_operator.evaluation import UNSEEN, Described, Failed, InputProblem
from esc_operator.formats.spelling import Known
from esc_operator.providers import reasons
from esc_operator.providers.registry import Registry, provider_registry, rotator_registry, service_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.evaluation import Value
    from esc_operator.providers.port import Provider, Rotator, Service
    from esc_operator.schema import Schema


class Catalogue:
    """The installed plug-ins, and the services that hold environments. Loads them, and never opens one; evaluations can
    share it."""

    def __init__(
        self,
        providers: Registry[Provider] | None = None,
        rotators: Registry[Rotator] | None = None,
        services: Registry[Service] | None = None,
    ) -> None:
        self.providers = providers or provider_registry()
        self.rotators = rotators or rotator_registry()
        self.services = services or service_registry()
        self._described: dict[tuple[Registry[Any], str], Described] = {}

    def describe_provider(self, name: str) -> Described | Failed:
        return self._describe(self.providers, name, ("inputs", "outputs"))

    def describe_rotator(self, name: str) -> Described | Failed:
        return self._describe(self.rotators, name, ("inputs", "state", "outputs"))

    def exchanging(self, audience: str, but: str) -> str:
        """Another provider, or a service, that logs in with tokens for that audience; "" if there is none."""
        # Only a provider that outputs a token pays for importing these.
        from esc_operator.providers.port import Exchanges
        from esc_operator.resources.allowances import matches

        every: tuple[Registry[Any], ...] = (self.providers, self.services)
        named = [(name, registry) for registry in every for name in registry.names()]
        for name, registry in named:
            try:
                plugin = None if name == but else registry.find(name)
            except EscError:
                continue  # a plug-in that cannot be loaded logs in nowhere
            patterns: Sequence[str] = plugin.exchanged_audiences if isinstance(plugin, Exchanges) else ()
            if any(matches(pattern, audience) for pattern in patterns):
                return name
        return ""

    def _describe(self, registry: Registry[Any], name: str, parts: Sequence[str]) -> Described | Failed:
        key = registry, name
        if key not in self._described:
            try:
                plugin = registry.find(name)
                schemas = {part: _compile(plugin, name, part) for part in parts}
                self._described[key] = Described(**schemas, problems=partial(_problems, plugin, name))
            except EscError as error:
                return self._failed(registry, name, error)
        return self._described[key]

    def _failed(self, registry: Registry[Any], name: str, error: EscError) -> Failed:
        if error.reason not in {reasons.UNKNOWN_PROVIDER, reasons.UNKNOWN_ROTATOR}:
            return Failed(error.message, error.reason)
        is_provider = registry is self.providers
        if name in (self.rotators if is_provider else self.providers).names():
            there = f"a rotator: write fn::rotate::{name}" if is_provider else f"a provider: write fn::open::{name}"
            return Failed(f"{error.message}; {name} is {there}", error.reason)
        told = "the providers are" if is_provider else "the rotators are"
        return Failed(error.message, error.reason, wanted=name, known=Known(registry.names(), told))


def _problems(plugin: Any, name: str, inputs: Value) -> Sequence[InputProblem]:
    """What is wrong with inputs before the plug-in is called. Raises nothing."""
    from esc_operator.driver.hosts import secret_host
    from esc_operator.providers.extras import missing_extra
    from esc_operator.providers.port import Checked

    found = (*missing_extra(plugin, name), *secret_host(plugin, name, inputs))
    if not isinstance(plugin, Checked):
        return found
    try:
        return (*found, *plugin.problems(_seen(inputs)))
    except Exception as error:  # noqa: BLE001 - a provider's bug must not become the operator's
        message = f'the provider "{name}" failed to check its inputs ({type(error).__name__}): this is a bug in it'
        return (InputProblem((), message, reasons.PROVIDER_CRASHED),)


def _seen(value: Value) -> Any:
    """Plain data, without what is unknown or secret: no message can quote it."""
    if value.is_secret or value.is_unknown:
        return UNSEEN
    if value.is_object:
        return {key: _seen(part) for key, part in value.properties.items()}
    return [_seen(part) for part in value.elements] if value.is_array else value.reveal()


def _compile(plugin: Any, name: str, part: str) -> Schema:
    from esc_operator.schema.compile import SchemaError, from_json  # a static environment asks no provider

    try:
        return from_json(getattr(plugin, part))
    except (SchemaError, AttributeError) as error:
        # The words are upstream's.
        raise ProviderError(
            f'internal error: invalid {part} schema of "{name}" ({error})', reason=reasons.PLUGIN_NOT_LOADED
        ) from error
