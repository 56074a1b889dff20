"""What the API answers about environments, as frozen values. Times are aware and in UTC; None where there is none.

No `repr` shows a definition's text or the ID of a session: whoever has one can read what was opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.evaluation import Value
    from esc_operator.lang.diagnostics import Diagnostics
    from esc_operator.stores.pulumi.names import EnvironmentName


class Session(NamedTuple):
    """An environment that was opened. `path` are the segments to read it at, `name` is what messages call it.
    `revision` is the opened one, if the service tells it; `diagnostics` are warnings."""

    path: tuple[str, ...]
    organization: str
    name: str
    revision: int | None = None
    diagnostics: Diagnostics = ()

    def __repr__(self) -> str:
        return f"<Session of {self.name}>"


class StoredText(NamedTuple):
    """A definition as it is stored. `etag` goes with an update, so that it fails if somebody else was faster."""

    text: str
    revision: int
    etag: str

    def __repr__(self) -> str:
        return f"<StoredText, revision {self.revision}>"


class Checked(NamedTuple):
    """A definition that was checked: its value with nothing opened, None if there are errors, and the findings."""

    value: Value | None
    diagnostics: Diagnostics


class Updated(NamedTuple):
    """A definition that was written: the revision that it has now, if the service tells it, and warnings."""

    revision: int | None
    diagnostics: Diagnostics


class CloneOptions(NamedTuple):
    """What a clone takes over. `version`: the revision to clone, None for the latest."""

    version: int | None = None
    history: bool = False
    access: bool = False
    environment_tags: bool = False
    revision_tags: bool = False

    def fields(self) -> dict[str, Any]:
        """The fields of the request."""
        fields = {
            "preserveHistory": self.history,
            "preserveAccess": self.access,
            "preserveEnvironmentTags": self.environment_tags,
            "preserveRevisionTags": self.revision_tags,
        }
        return fields if self.version is None else {"version": self.version, **fields}


NOTHING_ELSE: Final = CloneOptions()
"""A clone of the latest definition alone."""


class ListedEnvironment(NamedTuple):
    """An environment in a list."""

    name: EnvironmentName
    created: datetime | None
    modified: datetime | None


class Retraction(NamedTuple):
    """Why a revision can be neither read nor opened, and which one to use instead."""

    replacement: int
    at: datetime | None
    by: str
    reason: str


class Revision(NamedTuple):
    """One revision; `by` is the login of who made it."""

    number: int
    created: datetime | None
    by: str
    tags: tuple[str, ...]
    retraction: Retraction | None


class RotatedSecret(NamedTuple):
    """What became of the rotated secret at `path`: `succeeded`, `failed` or another word of the service."""

    path: str
    status: str
    error: str


class RotationEvent(NamedTuple):
    """One rotation of an environment's secrets; `status` as in `RotatedSecret`. `revision` is the one that it made."""

    id: str
    status: str
    error: str
    revision: int | None
    rotations: tuple[RotatedSecret, ...]
    diagnostics: Diagnostics = ()

    @property
    def failed(self) -> tuple[RotatedSecret, ...]:
        return tuple(rotation for rotation in self.rotations if rotation.status == "failed")


class User(NamedTuple):
    """Whose access token it is. `token_organization` and `token_team`: what the token is limited to, "" for a user's
    own."""

    login: str
    name: str
    email: str
    organizations: tuple[str, ...]
    token_name: str
    token_organization: str
    token_team: str
