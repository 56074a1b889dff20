"""What a kubeconfig says of its contexts, read without the Kubernetes client: importing that takes a second."""

# ruff: noqa: PTH111, PTH123 - os.path, as in the rest of the command line
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts by name, each with its namespace, and the current one's name or ""."""

    namespaces: Mapping[str, str]
    current: str

    def resolve(self, name: str) -> str:
        """The name of an existing context; "" means the current one. Raises ConfigurationError."""
        if not (name or self.current):
            raise ConfigurationError("the kubeconfig has no current context: name one, as in kubernetes://CONTEXT")
        chosen = name or self.current
        if chosen not in self.namespaces:
            known = ", ".join(sorted(self.namespaces)) or "none at all"
            raise ConfigurationError(f'the kubeconfig has no context "{chosen}"; it has {known}')
        return chosen


def read_contexts(settings: Mapping[str, str]) -> Contexts:
    """The contexts of all files in KUBECONFIG, or of ~/.kube/config; the first file wins. Raises ConfigurationError."""
    namespaces: dict[str, str] = {}
    current = ""
    for path in _paths(settings):
        data = _read(path)
        current = current or str(data.get("current-context") or "")
        for name, namespace in _contexts(data):
            namespaces.setdefault(name, namespace)
    return Contexts(namespaces, current)


def _paths(settings: Mapping[str, str]) -> list[str]:
    named = [path for path in settings.get("KUBECONFIG", "").split(os.pathsep) if path]
    return named or [os.path.expanduser("~/.kube/config")]


def _read(path: str) -> Mapping[str, Any]:
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            data = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"could not read the kubeconfig {path}: {error}") from error
    except yaml.YAMLError as error:
        # Its own words would quote the file, which may hold keys.
        raise ConfigurationError(f"the kubeconfig {path} is not YAML") from error
    return data if isinstance(data, dict) else {}


def _contexts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in data.get("contexts") or ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            context = entry.get("context")
            yield entry["name"], str((context if isinstance(context, dict) else {}).get("namespace") or "default")
