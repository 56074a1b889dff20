"""Which Vault is meant, where in it, and with which token: what inputs have to look like. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS_FORM = "write a scheme and a host, such as https://vault.example.com:8200, without a path"

_PORTS = {"https": 443, "http": 80}
_MOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_VERSION = re.compile(r"version=[0-9]{1,9}")


def parse_address(text: str) -> str:
    """The origin of Vault's URL: in lower case, without the default port. Raises ValueError."""
    parts = urlsplit(text)
    scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    is_plain = text.isascii() and text.isprintable() and not any(sign in text for sign in " \\@?#%")
    if not is_plain or scheme not in _PORTS or not host or parts.path not in {"", "/"} or port == 0:
        raise ValueError(ADDRESS_FORM)
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" + ("" if port in {None, _PORTS[scheme]} else f":{port}")


def host_of(address: str) -> str:
    """The host of a parsed address, with its port if given, for messages."""
    return urlsplit(address).netloc


def namespace_of(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("namespace") or "").strip("/")


def address_problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    """What is wrong with an address and a namespace."""
    if isinstance(address := inputs.get("address"), str):
        try:
            parse_address(address)
        except ValueError:
            message = f"`address` is not the address of a Vault: {ADDRESS_FORM}"
            yield InputProblem(("address",), message, reasons.INVALID_INPUTS)
    namespace = inputs.get("namespace")
    if isinstance(namespace, str) and namespace and not is_mount(namespace.strip("/")):
        message = "`namespace` is not a namespace of Vault: write its path, such as team-a or team-a/web"
        yield InputProblem(("namespace",), message, reasons.INVALID_INPUTS)


def is_mount(text: str) -> bool:
    """Whether this can be the path of an auth method, or of a namespace: it becomes part of a URL."""
    return bool(_MOUNT.fullmatch(text))


def is_token(text: str) -> bool:
    """Whether this can be a token: it becomes a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def token_problems(text: str, *path: str) -> Iterator[InputProblem]:
    """What is wrong with a given token, which no message shows."""
    if not is_token(text):
        message = f"`{'.'.join(path)}` has a space, a line break or another sign that is in no token: write it without"
        yield InputProblem(path, message, reasons.INVALID_INPUTS)


def path_problem(path: str) -> str:
    """Why this is not a path of Vault; "" if it is one. `?version=2` at its end pins a version of a KV 2 secret."""
    place, mark, query = path.partition("?")
    if mark and not _VERSION.fullmatch(query):
        return "only ?version=N may follow a path"
    if place.startswith(("v1/", "/v1/")):
        return "leave out v1/: a path begins with the mount of a secrets engine, such as secret/data/web"
    parts = place.strip("/").split("/")
    if not place.isprintable() or "\\" in place or any(part in {"", ".", ".."} for part in parts):
        return "this is not a path: write one such as secret/data/web or database/creds/web"
    return ""
