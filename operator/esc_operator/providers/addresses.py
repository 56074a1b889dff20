"""The address of a service that an input names: a scheme and a host. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[0-9]{1,5})?")


def parse_origin(text: str) -> str:
    """The origin of a URL without a path: in lower case, without the default port. Raises ValueError."""
    parts = urlsplit(text)
    scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    is_plain = text.isascii() and text.isprintable() and not any(sign in text for sign in " \\@?#%")
    if not is_plain or scheme not in _PORTS or not host or parts.path not in {"", "/"} or port == 0:
        raise ValueError("no scheme and host")
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" + ("" if port in {None, _PORTS[scheme]} else f":{port}")


def origin_problems(inputs: Mapping[str, Any], *path: str, example: str) -> Iterator[InputProblem]:
    """What is wrong with the URL at the end of the path; `inputs` are those around it."""
    text = inputs.get(path[-1])
    if isinstance(text, str):
        try:
            parse_origin(text)
        except ValueError:
            message = (
                f"`{'.'.join(path)}` is not an address: write a scheme and a host, such as {example}, without a path"
            )
            yield InputProblem(path, message, reasons.INVALID_INPUTS)


def host_problems(inputs: Mapping[str, Any], *path: str, example: str) -> Iterator[InputProblem]:
    """What is wrong with the host at the end of the path, which may have a port."""
    text = inputs.get(path[-1])
    if isinstance(text, str) and not _HOST.fullmatch(text.lower()):
        message = (
            f"`{'.'.join(path)}` is not the name of a host: write one such as {example}, without a scheme or a path"
        )
        yield InputProblem(path, message, reasons.INVALID_INPUTS)
