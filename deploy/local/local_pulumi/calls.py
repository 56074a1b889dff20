"""One request of the API as its handler sees it, and how parts of it are read. Raises RefusedError for bad ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from esc_operator.formats.durations import parse_duration
from local_https import Answer
from local_pulumi.access import AccessToken
from local_pulumi.cloud import Cloud
from local_pulumi.environments import Environment, Tag
from local_pulumi.refusals import bad_request

NO_CONTENT = Answer(None, 204)
EMPTY = Answer(None)
_DEFAULT_SESSION = "2h"
_MOST_COUNT = 500


@dataclass(frozen=True)
class Call:
    """`parts` are the parts of the path that its route names; header names are in lower case."""

    cloud: Cloud
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    token: AccessToken | None

    @property
    def organization(self) -> str:
        return self.parts["org"]

    @property
    def environment_name(self) -> str:
        return f"{self.parts['project']}/{self.parts['env']}"

    @property
    def environment(self) -> Environment:
        return self.cloud.environment(self.organization, self.environment_name)

    @property
    def login(self) -> str:
        return self.token.login if self.token else ""

    @property
    def version(self) -> str:
        return self.parts.get("version", "")

    # Query

    def flag(self, name: str) -> bool:
        given = self.query.get(name, "false")
        if given.lower() not in ("true", "false", "1", "0"):
            raise bad_request(f"invalid query parameter '{name}'")
        return given.lower() in ("true", "1")

    def number(self, name: str, default: int = 0) -> int:
        given = self.query.get(name, "")
        if not given:
            return default
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise bad_request(f"invalid query parameter '{name}'")
        return int(given)

    @property
    def count(self) -> int:
        """Entries on the page that is asked for."""
        return min(self.number("count") or _MOST_COUNT, self.cloud.settings.page_size)

    @property
    def duration(self) -> float:
        """Seconds that a session is to last."""
        try:
            seconds = parse_duration(self.query.get("duration", "") or _DEFAULT_SESSION).total_seconds()
        except ValueError as error:
            raise bad_request("invalid query parameter 'duration'") from error
        if seconds <= 0:
            raise bad_request("invalid query parameter 'duration'")
        return seconds

    # Body

    @property
    def text(self) -> str:
        """A definition, whatever content type it came with."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise bad_request("the body is not UTF-8 text") from error

    def content(self, **kinds: tuple[type | tuple[type, ...], bool]) -> dict[str, Any]:
        """The JSON object of the body: of these fields, each with its type and whether it has to be there. Other
        fields are left alone, and names in other letters are taken for these, as Go's decoder does both."""
        try:
            given = json.loads(self.body or b"{}")
        except ValueError as error:
            raise bad_request("the body is not JSON") from error
        if not isinstance(given, dict):
            raise bad_request("the body is not a JSON object")
        folded = {name.lower(): value for name, value in given.items()}
        found = {name: folded.get(name.lower()) for name in kinds}
        for name, (kind, needed) in kinds.items():
            value = found[name]
            if value is None and not needed:
                continue
            wrong = not isinstance(value, kind) or (isinstance(value, bool) and kind is int)
            if wrong or (needed and value == ""):
                raise bad_request(f"invalid or missing field '{name}'")
        return found


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user_info(login: str) -> dict[str, Any]:
    return {"name": login, "githubLogin": login, "avatarUrl": f"https://avatars.invalid/{login}", "email": ""}


def shown_tag(tag: Tag) -> dict[str, Any]:
    """A tag of an environment."""
    return {
        "id": tag.id,
        "name": tag.name,
        "value": tag.value,
        "created": stamp(tag.created),
        "modified": stamp(tag.modified),
        "editorLogin": tag.editor,
        "editorName": tag.editor,
    }
