"""Trims the objects that kopf gets to a name and, if it is small, the object as a text.

kopf keeps every parsed event in a queue for each object and for some seconds after, and parses a whole page of a list
before it handles the first object. A parsed object takes ten times the memory of its text, and a page of large ones
more than the process may have. So answers are read here, one object at a time, and only what the handler needs is
passed on: kopf itself uses only the identity."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.kube.pages import ItemReader
from esc_operator.resources.extent import LARGEST_KEPT, without_definition

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Mapping, MutableMapping

PAGE_TEXT = 4 * 1024 * 1024
"""Characters of all objects of a page that are passed on whole; larger objects are read again at their turn."""

TEXT = "text"
"""The field of a trimmed object that holds the JSON of the object."""

_IDENTITY = ("namespace", "name", "uid", "resourceVersion")


class TrimmedPage(NamedTuple):
    """A page of a list as kopf gets it, and its original size in bytes."""

    body: dict[str, Any]
    size: int

    @property
    def objects(self) -> int:
        return len(self.body["items"])

    @property
    def goes_on(self) -> bool:
        """Whether more of the list follows."""
        return bool(self.body["metadata"].get("continue"))


async def trim_list(chunks: AsyncIterable[bytes]) -> TrimmedPage:
    """Read a page. Raises MalformedListError."""
    reader, room = ItemReader(chunks), PAGE_TEXT
    items: list[dict[str, Any]] = []
    async for one in reader.items():
        item = trim(one.body, one.text, LARGEST_KEPT if room > 0 else 0)
        room -= len(item[TEXT])
        items.append(item)
    return TrimmedPage({**reader.fields, "items": items}, reader.size)


def trim_line(line: bytes, is_echo: Callable[[Mapping[str, Any]], bool] = lambda _: False) -> bytes:
    """A line of a watch. A line without an object, such as an error, stays unchanged. An object that is the echo of our
    own write becomes a bookmark: kopf takes longer for an event than we do."""
    text = line.decode()
    event = json.loads(text)
    kind, body = event["type"], event["object"]
    if kind in {"BOOKMARK", "ERROR"}:
        return line
    if kind == "MODIFIED" and is_echo(body):
        place = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}}
        return _encoded({"type": "BOOKMARK", "object": place})
    return _encoded({"type": kind, "object": trim(body, _text_of_object(text, kind, body), LARGEST_KEPT)})


def _text_of_object(line: str, kind: str, body: Mapping[str, Any]) -> str:
    """The object's text unchanged, if the line has the form that API servers write."""
    begin, end = f'{{"type":"{kind}","object":', "}"
    if line.startswith(begin) and line.endswith(end):
        return line[len(begin) : -len(end)]
    return json.dumps(body, separators=(",", ":"))


def _encoded(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def trim(body: Mapping[str, Any], text: str, largest: int) -> dict[str, Any]:
    """An object for kopf, with its JSON as a text; without its definition if it is larger than `largest`."""
    metadata = body["metadata"]
    if len(text) > largest:
        text = json.dumps(without_definition(body, len(text)), separators=(",", ":"))
    kind = {name: body[name] for name in ("apiVersion", "kind") if name in body}
    return {**kind, "metadata": {name: metadata[name] for name in _IDENTITY if name in metadata}, TEXT: text}


def take_text(trimmed: MutableMapping[str, Any]) -> str:
    """Remove and return the JSON of a trimmed object: kopf keeps the object for some seconds more."""
    text: str = trimmed.pop(TEXT)
    return text
