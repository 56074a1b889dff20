"""What the records of an opening say: until when its values are valid, its logins, and what it read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.renewal.schedule import Window
from esc_operator.resources.environment import key_of
from esc_operator.resources.status import MAX_VERSIONS, LoginStatus, SecretVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.api import Result
    from esc_operator.evaluation import OpenRecord
    from esc_operator.resources.environment import Key

_LONGEST_NAME, _LONGEST_VERSION, _LONGEST_NOTE = 2048, 1024, 253
"""Characters, as the CustomResourceDefinition allows them."""


def window_of(result: Result) -> Window | None:
    """The validity of the values: that of the lease which ends first. The login with which a rotator makes a new secret
    does not limit the lifetime of that secret."""
    inside = tuple(f'{rotation.path}["fn::rotate' for rotation in result.rotations)
    leases = [record.lease for record in result.opens if record.lease and not record.path.startswith(inside)]
    first = min(leases, key=lambda lease: lease.expires_at, default=None)
    return Window(first.issued_at, first.expires_at) if first else None


def logins_of(opens: Iterable[OpenRecord]) -> tuple[LoginStatus, ...]:
    """Each once, in order."""
    return tuple(
        sorted(
            {
                LoginStatus(one.provider, one.login.role if one.login else "", one.hides_login, one.organization)
                for one in opens
            }
        )
    )


def versions_of(opens: Iterable[OpenRecord], root: Key) -> tuple[SecretVersion, ...]:
    """What was read by the definitions of the root's own place, in order; what others read is theirs to know."""
    own = (one for one in opens if key_of(one.environment, root.namespace).namespace == root.namespace)
    found = {
        SecretVersion(
            one.provider,
            ".".join(read.path)[:_LONGEST_VERSION],
            read.name[:_LONGEST_NAME],
            read.version[:_LONGEST_VERSION],
            read.note[:_LONGEST_NOTE],
        )
        for one in own
        for read in one.versions
    }
    return tuple(sorted(found)[:MAX_VERSIONS])
