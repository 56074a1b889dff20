"""The outcome of opening an environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.resources.imported import BEHIND, NOT_THERE, SOURCE, Imported, as_one, own_source
from esc_operator.resources.sharing import WITH_NOBODY, Sharing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.renewal.schedule import Window
    from esc_operator.resources.environment import Key
    from esc_operator.resources.status import LoginStatus, SecretVersion
    from esc_operator.resources.warnings import StatusWarning


@dataclass(frozen=True, slots=True)
class Sighting:
    """An environment as it was read or brought by the watch. `generation` is 0 if it did not exist, `uid` "" if the
    object is not known. `source` is the mark of its text, if that is in another object; "" if it is not, or not
    known."""

    key: Key
    generation: int
    uid: str = ""
    sharing: Sharing = WITH_NOBODY
    source: str = ""

    @property
    def as_imported(self) -> Imported:
        return Imported(self.generation, self.uid, self.source) if self.generation else NOT_THERE


class SourceRead(NamedTuple):
    """The read of the object that holds a definition: the mark of the text, or of the reason why there is none, and the
    resourceVersion, "" if the object does not exist. `namespace` is that of the object, if the environment has none."""

    mark: str
    version: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Uses:
    """Some imports, by reference, as they were used; one that is not shared counts as absent. `refused` has the places
    to which each of those was refused."""

    used: Mapping[str, Imported] = field(default_factory=dict)
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)


NO_USES = Uses()


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of one evaluation.

    `own` are those that the authors of the environment's own place have named. `behind` are those that only their
    imports have: only the operator may know them. `seen` is the real state of all of them, which users may not know
    either.
    """

    own: Uses = NO_USES
    behind: Uses = NO_USES
    seen: tuple[Sighting, ...] = ()
    source: SourceRead | None = None
    """Of the environment's own definition, if that is in another object."""

    @property
    def used(self) -> Mapping[str, Imported]:
        """All of them, as far as the environment's owner may know them."""
        behind = {BEHIND: as_one(self.behind.used)} if self.behind.used else {}
        return {
            **self.own.used,
            **behind,
            **({SOURCE: own_source(self.source.mark, self.source.namespace)} if self.source else {}),
        }


@dataclass(frozen=True, slots=True)
class OpenedValues:
    """All values, from one evaluation. `data` is the Secret's data in base64; it never shows in `repr`.

    `rereads` says that some input has no expiry and has to be read again each interval, `logins` are the providers that
    were opened, each once, in order, and `allowances` is a digest of the roles that were allowed. `states` is where
    those of its rotators are kept, "" where it has none. `warnings` are those of the evaluation. `origin` and
    `revision` are those of the definition, if a service holds it; "" if none does, or it does not tell the revision.
    `secret_versions` says what its own definitions, and those of its place, read from stores.
    """

    data: Mapping[str, str] = field(repr=False)
    window: Window | None
    rereads: bool
    imports: Imports
    logins: tuple[LoginStatus, ...] = ()
    states: str = ""
    allowances: str = ""
    warnings: tuple[StatusWarning, ...] = ()
    origin: str = ""
    revision: str = ""
    secret_versions: tuple[SecretVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedValues:
    """The result of an evaluation that opened nothing.

    `exports`: there are variables or files, or may be once it is opened. `rotates`: it has rotators, whose secrets are
    made on request whether or not they are exported.
    """

    exports: bool
    imports: Imports
    warnings: tuple[StatusWarning, ...] = ()
    rotates: bool = False
    logins: tuple[LoginStatus, ...] = ()
    states: str = ""
    origin: str = ""
    revision: str = ""
    rereads: bool = False
    secret_versions: tuple[SecretVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No values, or none in the Secret: why, for people. `retryable` is False if only a change by the owner can help.

    `retry_after`, in seconds, is the request of the other side. `outage`: a provider was out of order, and no other
    error needs a change. `unwritten`: a write of a Secret has failed, or a read for one; `due` is then when it is
    retried, None if the backoff decides that. `warnings` are those of the evaluation; None if there was none.
    """

    reason: str
    message: str
    retryable: bool = True
    retry_after: float | None = None
    outage: bool = False
    imports: Imports = Imports()
    warnings: tuple[StatusWarning, ...] | None = None
    unwritten: bool = False
    due: datetime | None = None
