"""Revisions, their tags, retractions, and the tags of environments."""

from typing import Any

from local_https import Answer
from local_pulumi.calls import NO_CONTENT, Call, shown_tag, stamp
from local_pulumi.environments import Environment, Revision, Tag, newest_first

_LAST_PAGE = "0"
"""What nextToken says on the last page of tags; Pulumi's own command asks on and on until it does."""


def list_revisions(call: Call) -> Answer:
    environment = call.environment
    before = call.number("before")
    shown = [_revision(environment, one) for one in newest_first(environment, before)]
    return Answer(shown[: call.count])


def _revision(environment: Environment, revision: Revision) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "number": revision.number,
        "created": stamp(revision.created),
        "creatorLogin": revision.creator,
        "creatorName": revision.creator,
        "tags": environment.tags_of(revision.number),
    }
    retracted = revision.retracted
    if retracted is not None:
        shown["retracted"] = {
            "replacement": retracted.replacement,
            "at": stamp(retracted.at),
            "byLogin": retracted.by,
            "byName": retracted.by,
            "reason": retracted.reason,
        }
    return shown


def retract(call: Call) -> Answer:
    given = call.content(replacement=(int, False), reason=(str, False))
    replacement, reason = given["replacement"], given["reason"] or ""
    call.environment.retract(call.version, replacement, reason, call.cloud.now(), call.login)
    return NO_CONTENT


# Tags of revisions


def list_revision_tags(call: Call) -> Answer:
    environment = call.environment
    tags = environment.all_revision_tags()
    if call.version:
        number = environment.at(environment.resolve(call.version).number).number
        tags = {name: tag for name, tag in tags.items() if tag.value == number}
    page, following = _page(call, tags)
    return Answer({"tags": [_revision_tag(tag) for tag in page], "nextToken": following})


def read_revision_tag(call: Call) -> Answer:
    return Answer(_revision_tag(call.environment.revision_tag(call.parts["tag"])))


def create_revision_tag(call: Call) -> Answer:
    given = call.content(name=(str, True), revision=(int, False))
    call.environment.create_revision_tag(given["name"], given["revision"], call.cloud.now(), call.login)
    return NO_CONTENT


def move_revision_tag(call: Call) -> Answer:
    given = call.content(revision=(int, False))
    call.environment.move_revision_tag(call.parts["tag"], given["revision"], call.cloud.now(), call.login)
    return NO_CONTENT


def delete_revision_tag(call: Call) -> Answer:
    call.environment.delete_revision_tag(call.parts["tag"])
    return NO_CONTENT


def _revision_tag(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "revision": tag.value,
        "created": stamp(tag.created),
        "modified": stamp(tag.modified),
        "editorLogin": tag.editor,
        "editorName": tag.editor,
    }


# Tags of environments


def list_tags(call: Call) -> Answer:
    page, following = _page(call, call.environment.tags)
    return Answer({"tags": {tag.name: shown_tag(tag) for tag in page}, "nextToken": following})


def read_tag(call: Call) -> Answer:
    return Answer(shown_tag(call.environment.tag(call.parts["tag"])))


def create_tag(call: Call) -> Answer:
    given = call.content(name=(str, True), value=(str, True))
    return Answer(shown_tag(call.environment.create_tag(given["name"], given["value"], call.cloud.now(), call.login)))


def update_tag(call: Call) -> Answer:
    given = call.content(currentTag=(dict, True), newTag=(dict, True))
    name = call.parts["tag"]
    current, new = str(given["currentTag"].get("value", "")), given["newTag"]
    new_name, value = str(new.get("name") or name), str(new.get("value", ""))
    made = call.environment.update_tag(name, current, new_name, value, call.cloud.now(), call.login)
    return Answer(shown_tag(made))


def delete_tag(call: Call) -> Answer:
    call.environment.delete_tag(call.parts["tag"])
    return NO_CONTENT


def _page(call: Call, tags: dict[str, Tag]) -> tuple[list[Tag], str]:
    after = call.query.get("after", "")
    rest = [tags[name] for name in sorted(tags) if name > after]
    page = rest[: call.count]
    return page, page[-1].name if len(rest) > len(page) and page else _LAST_PAGE
