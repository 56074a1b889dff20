"""A kubeconfig's context, for a process that runs outside of a cluster.

Owns what is common: certificates and tokens, in files or inline. What runs a program or speaks another protocol to log
in is left to the official client.
"""

from __future__ import annotations

import base64
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from esc_operator.errors import ConfigurationError
from esc_operator.kube.connection import Connection, Credentials, bearer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT = "~/.kube/config"
FOREIGN = ("exec", "auth-provider", "username")
"""Ways to log in that are not ours to speak."""


class Named(NamedTuple):
    """An entry of a kubeconfig, and the folder that paths in it start from."""

    fields: Mapping[str, Any]
    folder: Path

    def pem(self, name: str) -> str | None:
        """What `name` says: inline, in base64, or in a file."""
        if inline := self.fields.get(f"{name}-data"):
            return base64.b64decode(inline).decode()
        path = self.path(name)
        return path.read_text() if path else None

    def path(self, name: str) -> Path | None:
        return self.folder / self.fields[name] if self.fields.get(name) else None


async def read_kubeconfig(files: str | None, context: str | None) -> Connection:
    """The connection of a context, or of the current one. `files` are separated like a PATH; None means those of
    KUBECONFIG. Raises ConfigurationError and OSError."""
    try:
        kubeconfig = _Kubeconfig(_paths(files))
        # The name that was current at the start stays: another one would be another cluster.
        name = context or kubeconfig.current
        chosen = kubeconfig.find("context", name).fields
        cluster, user = kubeconfig.find("cluster", chosen.get("cluster")), kubeconfig.find("user", chosen.get("user"))
        if not any(way in user.fields for way in FOREIGN):
            return _connection(cluster, user, kubeconfig.files, files, name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Its own words might quote a key.
        raise ConfigurationError("the kubeconfig is not one") from error
    from esc_operator.kube.foreign_kubeconfig import read_foreign_kubeconfig

    return await read_foreign_kubeconfig(files, name)


def _connection(cluster: Named, user: Named, read: tuple[Path, ...], files: str | None, context: str) -> Connection:
    named = (cluster.path("certificate-authority"), *map(user.path, ("client-certificate", "client-key", "tokenFile")))
    token = user.path("tokenFile")
    credentials = Credentials(
        authority=cluster.pem("certificate-authority"),
        certificate=user.pem("client-certificate"),
        key=user.pem("client-key"),
        authorization=bearer(token.read_text() if token else user.fields.get("token")),
        files=(*read, *filter(None, named)),
    )
    return Connection(
        cluster.fields["server"].rstrip("/"),
        credentials,
        insecure=bool(cluster.fields.get("insecure-skip-tls-verify")),
        server_name=cluster.fields.get("tls-server-name"),
        proxy=cluster.fields.get("proxy-url"),
        reread=partial(read_kubeconfig, files, context),
    )


def _paths(files: str | None) -> list[Path]:
    named = files or os.environ.get("KUBECONFIG", "")
    return [Path(name).expanduser() for name in named.split(os.pathsep) if name] or [Path(DEFAULT).expanduser()]


class _Kubeconfig:
    """Some files as one: of two entries of one name, the first counts."""

    def __init__(self, files: list[Path]) -> None:
        self._entries: dict[tuple[str, str], Named] = {}
        self.files = tuple(files)
        self.current = ""
        for file in files:
            content = _read(file)
            self.current = self.current or content.get("current-context") or ""
            for kind, name, fields in _entries(content):
                self._entries.setdefault((kind, name), Named(fields, file.parent))

    def find(self, kind: str, name: str | None) -> Named:
        if (kind, name) not in self._entries:
            raise ConfigurationError(f'the kubeconfig has no {kind} "{name or ""}"')
        return self._entries[kind, name or ""]


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Its own words would quote the file, which may hold keys.
        raise ConfigurationError(f"the kubeconfig {file} is not YAML") from error
    return content if isinstance(content, dict) else {}


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for kind in ("context", "cluster", "user"):
        for entry in content.get(f"{kind}s") or ():
            yield kind, entry["name"], entry.get(kind) or {}
