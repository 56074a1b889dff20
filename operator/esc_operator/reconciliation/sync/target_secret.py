"""The known state of an environment's target Secret: whether it is as it was written. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from esc_operator.kube.secret_informer import parse_secret_metadata
from esc_operator.reconciliation.sync.difference import Difference, changed_keys, compare
from esc_operator.reconciliation.sync.secret_body import secret_body
from esc_operator.resources import SYNC_RECORD
from esc_operator.resources.field_managers import DATA, applied_names
from esc_operator.resources.sync_record import digest_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.sync_record import SyncRecord


@dataclass(frozen=True, slots=True)
class TargetSecret:
    """An environment's target Secret; None if there is none.

    `intact` is False if not all values of its record are in it; `difference` is how it differs from what was written,
    if that is known. `keys` are the names of its values, and `data` these values in base64, while they may be needed:
    if they are intact and the Secret is not in order. `immutable`: a user has made it so.
    """

    secret: SecretMetadata | None
    intact: bool = True
    difference: Difference | None = None
    keys: tuple[str, ...] | None = None
    data: Mapping[str, str] | None = field(default=None, repr=False)
    immutable: bool = False

    @property
    def in_order(self) -> bool:
        """Whether everything in it that is ours is as it was written."""
        return self.intact and self.difference is None

    @property
    def trusted_version(self) -> str:
        """The version at which it need not be read again; "" if it has to be."""
        return self.secret.version if self.secret and self.in_order and not self.immutable else ""


NO_SECRET = TargetSecret(None)


def examine(
    body: Mapping[str, Any], environment: EscEnvironment, remembered: SyncRecord | None = None, *, keep: bool = False
) -> TargetSecret:
    """A Secret that was read with its data. `remembered` is the record that this process last saw on it: it stands in
    for one that was removed. `keep`: its values are needed although it is in order."""
    seen, data = parse_secret_metadata(body), body.get("data") or {}
    record = seen.record or remembered
    if record is None:
        return TargetSecret(seen, intact=False, keys=tuple(sorted(data)))
    applied = applied_names(body["metadata"], *DATA)
    written = data if digest_data(data) == record.digest else {key: data[key] for key in data if key in applied}
    intact = digest_data(written) == record.digest
    if not seen.record and not intact:
        return TargetSecret(seen, intact=False, keys=tuple(sorted(data)))
    wanted = secret_body(environment, seen, record, {})
    if seen.record:  # an older operator may have written another text
        wanted["metadata"]["annotations"][SYNC_RECORD] = body["metadata"]["annotations"][SYNC_RECORD]
    seen = replace(seen, record=record)
    difference = compare(body, wanted, data.keys() - written.keys())
    keys = tuple(sorted(written))
    immutable = body.get("immutable") is True
    kept = written if intact and (difference or keep) else None
    return TargetSecret(seen, intact, difference, keys, kept, immutable)


def as_written(seen: SecretMetadata, body: Mapping[str, Any], wanted: Mapping[str, Any]) -> TargetSecret:
    """The Secret after a write, `body`, compared with the `wanted` one."""
    data, immutable = wanted["data"], body.get("immutable") is True
    changed = changed_keys(body.get("data") or {}, data)
    difference = compare(body, wanted, changed)
    return TargetSecret(seen, data.keys().isdisjoint(changed), difference, tuple(sorted(data)), immutable=immutable)
