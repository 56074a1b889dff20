"""Kubeconfigs: their contexts, and how to reach the cluster of one, for both transports.

The only reader of them, with kubectl's rules: several files are merged, the first of equal names counts, paths are
relative to the file that names them, inline data takes precedence over a file, a token over a program. It caches
nothing: callers read again when credentials are refused. Its errors quote names and paths, never content.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from esc_operator.errors import ConfigurationError
from esc_operator.formats.spelling import Known, hint
from esc_operator.kube.client_config import ClientConfig, Credentials, bearer
from esc_operator.kube.exec_plugin import NO_TERMINAL, Terminal, run_plugin
from esc_operator.kube.proxies import proxy_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

DEFAULT = "~/.kube/config"
IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


class Contexts(NamedTuple):
    """The contexts by name, each with its namespace, and the current one's name or ""."""

    namespaces: Mapping[str, str]
    current: str

    def resolve(self, name: str) -> str:
        """The name of an existing context; "" means the current one. Raises ConfigurationError."""
        if not (name or self.current):
            raise ConfigurationError("the kubeconfig has no current context: name one, as in kubernetes://CONTEXT")
        chosen = name or self.current
        if chosen not in self.namespaces:
            raise _unknown("context", chosen, self.namespaces)
        return chosen


def read_contexts(settings: Mapping[str, str]) -> Contexts:
    """The contexts of all files in KUBECONFIG, or of ~/.kube/config. Raises ConfigurationError."""
    kubeconfig = _read_files(None, settings)
    namespaces = {entry.name: entry.text("namespace") or "default" for entry in kubeconfig.all("context")}
    return Contexts(namespaces, kubeconfig.current)


def read_kubeconfig(
    files: str | None, context: str | None, settings: Mapping[str, str], terminal: Terminal = NO_TERMINAL
) -> ClientConfig:
    """How to reach the cluster of a context, or of the current one. May run a program, which may take long.

    `files` are separated as in PATH, and must exist; None: those of KUBECONFIG, or ~/.kube/config. Raises
    ConfigurationError.
    """
    kubeconfig = _read_files(files, settings)
    chosen = kubeconfig.find("context", context or kubeconfig.current)
    if not (named := chosen.text("cluster")):
        raise ConfigurationError(f"{chosen} has no cluster: name one in it")
    cluster = kubeconfig.find("cluster", named)
    user = kubeconfig.find("user", name) if (name := chosen.text("user")) else Entry("user", "", {}, Path())
    server = cluster.text("server").rstrip("/")
    if not server:
        raise ConfigurationError(f"{cluster} has no server: add a URL with https://")
    if not _is_address(server):
        raise ConfigurationError(f"{cluster} has a server that is not a URL, such as https://HOST:PORT")
    authority, insecure = cluster.pem("certificate-authority"), cluster.flag("insecure-skip-tls-verify")
    if authority and insecure:
        raise ConfigurationError(
            f"{cluster} has a certificate-authority, and insecure-skip-tls-verify, which ignores it: leave one out"
        )
    login = _log_in(user, cluster, authority, settings, terminal)
    return ClientConfig(
        server,
        Credentials(
            authority=authority,
            certificate=login.certificate,
            key=login.key,
            authorization=login.authorization,
            files=(*kubeconfig.files, *_files(cluster, "certificate-authority"), *_files(user, *USER_FILES)),
        ),
        insecure=insecure,
        server_name=cluster.text("tls-server-name") or None,
        proxy=_proxy(server, cluster, settings),
    )


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def current_context(files: str | None, settings: Mapping[str, str]) -> str:
    """The name of the current context, or "". Raises ConfigurationError."""
    return _read_files(files, settings).current


USER_FILES = ("client-certificate", "client-key", "tokenFile")


class UserLogin(NamedTuple):
    """The credentials of a user; see `Credentials`."""

    authorization: str = ""
    certificate: str | None = None
    key: str | None = None


def _log_in(
    user: Entry, cluster: Entry, authority: str | None, settings: Mapping[str, str], terminal: Terminal
) -> UserLogin:
    if any(user.fields.get(field) for field in IMPERSONATION):
        # Ignoring it would give more rights than kubectl has.
        raise ConfigurationError(
            f"{user} impersonates another user (as), which is not supported: use a user of its own"
        )
    certificate, key = user.pem("client-certificate"), user.pem("client-key")
    if bool(certificate) != bool(key):
        raise ConfigurationError(f"{user} has a client certificate without its key, or a key without its certificate")
    if header := _static_header(user):
        return UserLogin(header, certificate, key)
    if user.fields.get("exec"):
        made = run_plugin(user.mapping("exec"), str(user), user.folder, _told(cluster, authority), settings, terminal)
        return UserLogin(bearer(made.token), made.certificate or certificate, made.key or key)
    if user.fields.get("auth-provider"):
        from esc_operator.kube.auth_provider import read_auth_provider  # it imports the Kubernetes client

        header = read_auth_provider(user.mapping("auth-provider"), str(user), user.folder)
        return UserLogin(header, certificate, key)
    return UserLogin("", certificate, key)


def _static_header(user: Entry) -> str:
    if path := user.path("tokenFile"):
        return bearer(_read_text(path, f"tokenFile of {user}"))
    if token := user.text("token"):
        return bearer(token)
    if name := user.text("username"):
        return "Basic " + base64.b64encode(f"{name}:{user.text('password')}".encode()).decode()
    return ""


def _told(cluster: Entry, authority: str | None) -> Mapping[str, Any]:
    """The cluster's information for programs that request it."""
    fields = {
        "server": cluster.text("server"),
        "tls-server-name": cluster.text("tls-server-name"),
        "insecure-skip-tls-verify": cluster.flag("insecure-skip-tls-verify"),
        "certificate-authority-data": base64.b64encode((authority or "").encode()).decode(),
        "proxy-url": cluster.text("proxy-url"),
        "config": _extension(cluster, "client.authentication.k8s.io/exec"),
    }
    return {name: value for name, value in fields.items() if value}


def _extension(cluster: Entry, name: str) -> Any:
    found = cluster.fields.get("extensions")
    entries = found if isinstance(found, list) else ()
    return next((one.get("extension") for one in entries if isinstance(one, dict) and one.get("name") == name), None)


def _proxy(server: str, cluster: Entry, settings: Mapping[str, str]) -> str | None:
    """The cluster's own proxy, else that of the terminal's settings."""
    own = cluster.text("proxy-url")
    named = own or proxy_of(settings, server)
    if named and not _is_proxy(named):
        # It may hold a password.
        what = f"{cluster} has a proxy-url" if own else "HTTPS_PROXY or HTTP_PROXY is a URL"
        raise ConfigurationError(f"{what} other than http://, https:// or socks5://: use such a proxy")
    return named


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


# Files


class Entry(NamedTuple):
    """An entry of a kubeconfig, and the folder to which its paths are relative."""

    kind: str
    name: str
    fields: Mapping[str, Any]
    folder: Path

    def __str__(self) -> str:
        return f'the kubeconfig\'s {self.kind} "{self.name}"'

    def __repr__(self) -> str:
        return f"<{self}>"

    def text(self, field: str) -> str:
        """A text, "" for none. Raises ConfigurationError for anything else."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{self} has a {field} that is not a text")
        return value or ""

    def flag(self, field: str) -> bool:
        value = self.fields.get(field, False)
        if not isinstance(value, bool):
            raise ConfigurationError(f"{self} has a {field} that is neither true nor false")
        return value

    def mapping(self, field: str) -> Mapping[str, Any]:
        value = self.fields[field]
        if not isinstance(value, dict):
            raise ConfigurationError(f"{self} has a {field} that is not a mapping")
        return value

    def path(self, field: str) -> Path | None:
        named = self.text(field)
        return self.folder / named if named else None

    def pem(self, field: str) -> str | None:
        """The contents of `field`: inline, in base64, or from a file."""
        if inline := self.text(f"{field}-data"):
            try:
                return base64.b64decode(inline, validate=True).decode()
            except ValueError as error:
                raise ConfigurationError(f"{self} has a {field}-data that is not base64 of a text") from error
        path = self.path(field)
        return _read_text(path, f"{field} of {self}") if path else None


def _files(entry: Entry, *fields: str) -> Iterator[Path]:
    return (path for path in map(entry.path, fields) if path)


class _Kubeconfig:
    """Several files, merged."""

    def __init__(self, files: list[Path]) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self.files = tuple(files)
        self.current = ""
        for file in files:
            content = _read(file)
            current = content.get("current-context")
            self.current = self.current or (current if isinstance(current, str) else "")
            for entry in _entries(content, file):
                self._entries.setdefault((entry.kind, entry.name), entry)

    def all(self, kind: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.kind == kind]

    def find(self, kind: str, name: str) -> Entry:
        if found := self._entries.get((kind, name)):
            return found
        if not self.files:
            raise ConfigurationError(
                f"there is no kubeconfig: KUBECONFIG names no file that exists, and there is no {DEFAULT}"
            )
        if not name:
            raise ConfigurationError("the kubeconfig has no current context: name one")
        raise _unknown(kind, name, [entry.name for entry in self.all(kind)])


def _unknown(kind: str, name: str, names: Collection[str]) -> ConfigurationError:
    there = hint(name, Known(names, "it has")) or "; it has none at all"
    return ConfigurationError(f'the kubeconfig has no {kind} "{name}"{there}')


def _read_files(files: str | None, settings: Mapping[str, str]) -> _Kubeconfig:
    if files:
        return _Kubeconfig(_split(files))
    named = _split(settings.get("KUBECONFIG", "")) or _split(DEFAULT)
    return _Kubeconfig([path for path in named if _is_there(path)])


def _split(files: str) -> list[Path]:
    # Path's own method raises if the home is not known.
    return [Path(os.path.expanduser(name)) for name in files.split(os.pathsep) if name]  # noqa: PTH111


def _is_there(path: Path) -> bool:
    """Whether the file exists; if it is not readable, reading it reports that."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _read(file: Path) -> Mapping[str, Any]:
    import yaml

    text = _read_text(file, "kubeconfig")
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML's message would quote the file, which may hold keys.
        raise ConfigurationError(f"the kubeconfig {file} is not YAML") from error
    return content if isinstance(content, dict) else {}


def _read_text(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"could not read the {what}: {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"could not read the {what}: {file} is not a text in UTF-8") from error


def _entries(content: Mapping[str, Any], file: Path) -> Iterator[Entry]:
    for kind in ("context", "cluster", "user"):
        named = content.get(f"{kind}s") or []
        if not isinstance(named, list):
            raise ConfigurationError(f"the kubeconfig {file} is invalid: its {kind}s are not a list")
        for entry in named:
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                fields = entry.get(kind)
                yield Entry(kind, entry["name"], fields if isinstance(fields, dict) else {}, file.parent)
