"""Which Vault is meant, where in it, and with which token: what inputs have to look like. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.addresses import parse_origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS_FORM = "write a scheme and a host, such as https://vault.example.com:8200, without a path"

_MOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_VERSION = re.compile(r"version=[0-9]{1,9}")


def host_of(address: str) -> str:
    """The host of a parsed address, with its port if given, for messages."""
    return urlsplit(address).netloc


def namespace_of(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("namespace") or "").strip("/")


def address_problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    """What is wrong with an address and a namespace."""
    if isinstance(address := inputs.get("address"), str):
        try:
            parse_origin(address)
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
