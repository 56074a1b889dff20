"""The revisions of an environment, and the tags that name some of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.formats.phrases import printable
from esc_operator.providers.answers import without_secrets
from esc_operator.stores.pulumi.answers import DamagedError, Fields, json_fields, read_json
from esc_operator.stores.pulumi.names import check_segment, check_version
from esc_operator.stores.pulumi.paging import PAGE, Pages
from esc_operator.stores.pulumi.records import Retraction, Revision
from esc_operator.stores.pulumi.requests import Call, about, json_body

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.sending import Calls


class RevisionTag(NamedTuple):
    """A name for a revision, which can be moved to another; `by` moved it last."""

    name: str
    revision: int
    created: datetime | None
    modified: datetime | None
    by: str


class Revisions:
    """The revisions of environments."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(
        self, environment: EnvironmentName, *, before: int = 0, most: int | None = None
    ) -> tuple[Revision, ...]:
        """The newest first, those below the number `before` if it is not 0, at most so many."""
        pages: Pages[Revision] = Pages(str(before))
        while pages.following is not None and (most is None or len(pages.found) < most):
            wanted = PAGE if most is None else min(PAGE, most - len(pages.found))
            query = {"before": pages.following, "count": str(wanted)}
            call = Call(about("list the revisions of", environment), "GET", _path(environment), query)
            await self._calls.read(call, lambda answer: _take_revisions(pages, answer))
        return tuple(pages.found[:most])

    async def find(self, environment: EnvironmentName, number: int) -> Revision | None:
        """The revision of this number, also one that was retracted; None if there is none."""
        found = await self.list(environment, before=number + 1, most=1)
        return found[0] if found and found[0].number == number else None

    async def retract(
        self, environment: EnvironmentName, version: str, *, replacement: int | None = None, reason: str = ""
    ) -> None:
        """Let a revision be neither read nor opened any more. Its tags move to the replacement: the latest before it
        that was not retracted, if none is named."""
        content = {"replacement": replacement} if replacement is not None else {}
        path = (*_path(environment), check_version(version), "retract")
        asked = about("retract a revision of", environment, version)
        await self._calls.succeed(
            Call(asked, "POST", path, body=json_body(content | ({"reason": reason} if reason else {})))
        )


class RevisionTags:
    """The tags of environments' revisions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, environment: EnvironmentName) -> tuple[RevisionTag, ...]:
        pages: Pages[RevisionTag] = Pages()
        while pages.following is not None:
            query = {"count": str(PAGE)} | ({"after": pages.following} if pages.following else {})
            call = Call(about("list the revision tags of", environment), "GET", _tags(environment), query)
            await self._calls.read(call, lambda answer: _take_tags(pages, answer))
        return tuple(pages.found)

    async def read(self, environment: EnvironmentName, name: str) -> RevisionTag:
        call = _on_tag("read", "GET", environment, name)
        return await self._calls.read(call, lambda answer: _tag(json_fields(answer)))

    async def create(self, environment: EnvironmentName, name: str, revision: int | None = None) -> None:
        """Name a revision, the latest if none is given."""
        check_version(name)
        body = json_body({"name": name} | ({"revision": revision} if revision is not None else {}))
        asked = about(f"tag a revision as {name} in", environment)._replace(
            creates=f"tag {name} of environment {environment}"
        )
        await self._calls.succeed(Call(asked, "POST", _tags(environment), body=body))

    async def move(self, environment: EnvironmentName, name: str, revision: int) -> None:
        """Let the tag name another revision."""
        call = _on_tag("move", "PATCH", environment, name)
        await self._calls.succeed(call._replace(body=json_body({"revision": revision})))

    async def delete(self, environment: EnvironmentName, name: str) -> None:
        await self._calls.succeed(_on_tag("delete", "DELETE", environment, name))


def _path(environment: EnvironmentName) -> tuple[str, ...]:
    return (*environment.path(), "versions")


def _tags(environment: EnvironmentName) -> tuple[str, ...]:
    return (*_path(environment), "tags")


def _on_tag(verb: str, method: str, environment: EnvironmentName, name: str) -> Call:
    asked = about(f"{verb} revision tag {name} of", environment)._replace(thing=f"tag {name}", missing="thing")
    return Call(asked, method, (*_tags(environment), check_segment("tag", name)))


def _take_revisions(pages: Pages[Revision], answer: HttpAnswer) -> None:
    found = read_json(answer.body)
    if not isinstance(found, list):
        raise DamagedError("the answer is not a list")
    page = [_revision(Fields(each, f"[{index}]")) for index, each in enumerate(found)]
    if any(later.number >= earlier.number for earlier, later in pairwise((*pages.found[-1:], *page))):
        raise DamagedError("the revisions are not in order")
    # Nothing is before the first revision: no page more is asked for.
    pages.take(page, str(page[-1].number) if page and page[-1].number > 1 else None)


def _revision(fields: Fields) -> Revision:
    retracted = fields.object("retracted")
    return Revision(
        fields.whole("number"),
        fields.time("created"),
        printable(fields.text("creatorLogin", "")),
        fields.texts("tags"),
        _retraction(retracted) if retracted else None,
    )


def _retraction(fields: Fields) -> Retraction:
    return Retraction(
        fields.whole("replacement"),
        fields.time("at"),
        printable(fields.text("byLogin", "")),
        printable(without_secrets(fields.text("reason", ""))),
    )


def _take_tags(pages: Pages[RevisionTag], answer: HttpAnswer) -> None:
    page = [_tag(each) for each in json_fields(answer).objects("tags")]
    # The end is an empty page: `nextToken` is not set by every service.
    pages.take(page, page[-1].name if page else None)


def _tag(fields: Fields) -> RevisionTag:
    return RevisionTag(
        fields.filled("name"),
        fields.whole("revision"),
        fields.time("created"),
        fields.time("modified"),
        printable(fields.text("editorLogin", "")),
    )
