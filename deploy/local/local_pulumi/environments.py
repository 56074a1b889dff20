"""An environment as Pulumi Cloud keeps it: immutable, numbered revisions, tags that point to them, and what is beside.

Owns the rules of versions: what a number, a tag or nothing means, and what a retraction moves. Does no I/O, and times
are arguments.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local_pulumi.refusals import bad_request, conflict, not_found

LATEST = "latest"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_TAG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_MOST_TAG_VALUE = 256


@dataclass(frozen=True)
class Retraction:
    """`replacement` is the revision that stands in for the one that was retracted."""

    replacement: int
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Revision:
    """`sealed` is the definition with its secrets encrypted, as it is read; `plain` is the one that is evaluated."""

    number: int
    sealed: str = field(repr=False)
    plain: str = field(repr=False)
    created: datetime
    creator: str
    retracted: Retraction | None = None

    @property
    def etag(self) -> str:
        return hashlib.sha256(f"{self.number}\n{self.plain}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Tag:
    """A tag of an environment (a value) or of a revision (its number)."""

    name: str
    value: str | int
    created: datetime
    modified: datetime
    editor: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Environment:
    """`name` is `project/name`."""

    organization: str
    name: str
    created: datetime
    owner: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    revisions: list[Revision] = field(default_factory=list)
    revision_tags: dict[str, Tag] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    deletion_protected: bool = False
    deleted_at: datetime | None = None
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    deliveries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    rotations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.organization}/{self.name}"

    @property
    def latest(self) -> Revision:
        return self.revisions[-1]

    def revise(self, sealed: str, plain: str, now: datetime, by: str) -> Revision:
        """The new revision; the latest one where nothing changed."""
        if self.revisions and self.latest.plain == plain:
            return self.latest
        self.revisions.append(Revision(len(self.revisions) + 1, sealed, plain, now, by))
        return self.latest

    def resolve(self, version: str = LATEST) -> Revision:
        """The revision that a number or a tag names. Raises RefusedError, also where it was retracted."""
        revision = self.at(self._number(version))
        if revision.retracted is not None:
            why = f" ({revision.retracted.reason})" if revision.retracted.reason else ""
            raise bad_request(
                f"revision {revision.number} of environment '{self.full_name}' has been retracted{why}; its replacement"
                f" is revision {revision.retracted.replacement}"
            )
        return revision

    def at(self, number: int) -> Revision:
        """The revision of that number, retracted or not. Raises RefusedError."""
        if not 0 < number <= len(self.revisions):
            raise not_found(f"revision {number} of environment '{self.full_name}'")
        return self.revisions[number - 1]

    def _number(self, version: str) -> int:
        if version in ("", LATEST):
            return self.latest.number
        if re.fullmatch("[0-9]{1,18}", version, re.ASCII):
            return int(version)
        return int(self.revision_tag(version).value)

    # Retraction

    def retract(self, version: str, replacement: int | None, reason: str, now: datetime, by: str) -> None:
        """Withdraw a revision; tags that point to it point to its replacement. Raises RefusedError."""
        revision = self.resolve(version)
        if revision is self.latest:
            raise bad_request("the latest revision of an environment cannot be retracted; update the environment first")
        replacing = self._nearest_before(revision) if replacement is None else self.resolve(str(replacement))
        if replacing is None or replacing.number == revision.number:
            raise bad_request(f"revision {revision.number} has no replacement; name another revision")
        self.revisions[revision.number - 1] = replace(revision, retracted=Retraction(replacing.number, now, by, reason))
        for tag in list(self.revision_tags.values()):
            if tag.value == revision.number:
                self.revision_tags[tag.name] = replace(tag, value=replacing.number, modified=now, editor=by)

    def _nearest_before(self, revision: Revision) -> Revision | None:
        earlier = (one for one in reversed(self.revisions[: revision.number - 1]) if one.retracted is None)
        return next(earlier, None)

    # Tags of revisions

    def all_revision_tags(self) -> dict[str, Tag]:
        """With `latest`, which is built in."""
        newest = self.latest
        latest = Tag(LATEST, newest.number, self.created, newest.created, newest.creator, id=f"{self.id}-{LATEST}")
        return {LATEST: latest, **self.revision_tags}

    def revision_tag(self, name: str) -> Tag:
        found = self.all_revision_tags().get(name)
        if found is None:
            raise not_found(f"revision tag '{name}' of environment '{self.full_name}'")
        return found

    def tags_of(self, number: int) -> list[str]:
        return sorted(tag.name for tag in self.all_revision_tags().values() if tag.value == number)

    def create_revision_tag(self, name: str, number: int | None, now: datetime, by: str) -> None:
        if name in self.all_revision_tags():
            raise conflict(f"revision tag '{name}' already exists")
        # A name of digits would be taken for a number.
        if not _TAG_NAME.fullmatch(name):
            raise bad_request(f"'{name}' is not the name of a revision tag")
        revision = self.resolve(LATEST if number is None else str(number))
        self.revision_tags[name] = Tag(name, revision.number, now, now, by)

    def move_revision_tag(self, name: str, number: int | None, now: datetime, by: str) -> None:
        tag = self._own_revision_tag(name)
        revision = self.resolve(LATEST if number is None else str(number))
        self.revision_tags[name] = replace(tag, value=revision.number, modified=now, editor=by)

    def delete_revision_tag(self, name: str) -> None:
        del self.revision_tags[self._own_revision_tag(name).name]

    def _own_revision_tag(self, name: str) -> Tag:
        tag = self.revision_tag(name)
        if name == LATEST:
            raise bad_request("the tag 'latest' is built in and cannot be changed")
        return tag

    # Tags of the environment

    def tag(self, name: str) -> Tag:
        if name not in self.tags:
            raise not_found(f"tag '{name}' of environment '{self.full_name}'")
        return self.tags[name]

    def create_tag(self, name: str, value: str, now: datetime, by: str) -> Tag:
        if name in self.tags:
            raise conflict(f"tag '{name}' already exists")
        _check_tag(name, value)
        self.tags[name] = Tag(name, value, now, now, by)
        return self.tags[name]

    def update_tag(self, name: str, current: str, new_name: str, value: str, now: datetime, by: str) -> Tag:  # noqa: PLR0913, PLR0917
        tag = self.tag(name)
        if tag.value != current:
            raise bad_request(f"tag '{name}' has another value")
        if new_name != name and new_name in self.tags:
            raise bad_request(f"tag '{new_name}' already exists")
        _check_tag(new_name, value)
        del self.tags[name]
        self.tags[new_name] = replace(tag, name=new_name, value=value, modified=now, editor=by)
        return self.tags[new_name]

    def delete_tag(self, name: str) -> None:
        del self.tags[self.tag(name).name]


def check_name(what: str, name: str) -> None:
    """Raises RefusedError for a name that no project or environment can have."""
    if not _NAME.fullmatch(name) or set(name) == {"."}:
        raise bad_request(f"'{name}' is not the name of {what}: use letters, digits, '-', '_' and '.'")


def _check_tag(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise bad_request(f"'{name}' is not the name of a tag")
    if len(value) > _MOST_TAG_VALUE:
        raise bad_request(f"the value of tag '{name}' is longer than {_MOST_TAG_VALUE} characters")


def newest_first(environment: Environment, before: int) -> Iterator[Revision]:
    """The revisions before a number, or all where that is 0."""
    for revision in reversed(environment.revisions):
        if before == 0 or revision.number < before:
            yield revision
