"""The tags of an environment: a name and a value each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.formats.phrases import printable
from esc_operator.stores.pulumi.answers import json_fields
from esc_operator.stores.pulumi.names import check_segment
from esc_operator.stores.pulumi.paging import PAGE, Pages
from esc_operator.stores.pulumi.requests import Call, about, json_body

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.answers import Fields
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.sending import Calls

_ENDS: Final = ("", "0")
"""`nextToken` after the last page: the service writes 0."""


class Tag(NamedTuple):
    """One tag; `by` is the login of who changed it last."""

    name: str
    value: str
    created: datetime | None
    modified: datetime | None
    by: str


class Tags:
    """The tags of environments."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, environment: EnvironmentName) -> tuple[Tag, ...]:
        pages: Pages[Tag] = Pages()
        while pages.following is not None:
            query = {"count": str(PAGE)} | ({"after": pages.following} if pages.following else {})
            call = Call(about("list the tags of", environment), "GET", _path(environment), query)
            await self._calls.read(call, lambda answer: _take(pages, answer))
        return tuple(pages.found)

    async def read(self, environment: EnvironmentName, name: str) -> Tag:
        call = _on_tag("read", "GET", environment, name)
        return await self._calls.read(call, lambda answer: _tag(json_fields(answer)))

    async def create(self, environment: EnvironmentName, name: str, value: str) -> Tag:
        asked = about(f"create tag {name} of", environment)._replace(creates=f"tag {name} of environment {environment}")
        call = Call(asked, "POST", _path(environment), body=json_body({"name": name, "value": value}))
        return await self._calls.read(call, lambda answer: _tag(json_fields(answer)))

    async def update(self, environment: EnvironmentName, current: Tag, *, name: str = "", value: str = "") -> Tag:
        """Give a tag another name or value, if it still has the value that it had; "" leaves one as it is."""
        new = {"name": name or current.name, "value": value or current.value}
        body = json_body({"currentTag": {"value": current.value}, "newTag": new})
        call = _on_tag("update", "PATCH", environment, current.name)._replace(body=body)
        return await self._calls.read(call, lambda answer: _tag(json_fields(answer)))

    async def delete(self, environment: EnvironmentName, name: str) -> None:
        await self._calls.succeed(_on_tag("delete", "DELETE", environment, name))


def _path(environment: EnvironmentName) -> tuple[str, ...]:
    return (*environment.path(), "tags")


def _on_tag(verb: str, method: str, environment: EnvironmentName, name: str) -> Call:
    asked = about(f"{verb} tag {name} of", environment)._replace(thing=f"tag {name}", missing="thing")
    return Call(asked, method, (*_path(environment), check_segment("tag", name)))


def _take(pages: Pages[Tag], answer: HttpAnswer) -> None:
    fields = json_fields(answer)
    tags = fields.object("tags")
    following = fields.text("nextToken", "")
    page = [_tag(each) for _, each in tags.members()] if tags else []
    pages.take(page, following if page and following not in _ENDS else None)


def _tag(fields: Fields) -> Tag:
    return Tag(
        fields.filled("name"),
        fields.text("value"),
        fields.time("created"),
        fields.time("modified"),
        printable(fields.text("editorLogin", "")),
    )
