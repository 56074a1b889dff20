"""Which environments of a cluster an import may mean, and the message if it means none. Pure.

The operator and `esc` both use it. Invariant: the message for an environment elsewhere that is not shared is the same
as for one that does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import StoreError
from esc_operator.formats.spelling import Known
from esc_operator.resources import CLUSTER_KIND, reasons
from esc_operator.resources.environment import Key
from esc_operator.stores.port import Failed
from esc_operator.stores.references import CLUSTER_PROJECT, parse_reference, project_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from esc_operator.stores.references import Reference


def place_of(full_name: str) -> str:
    """The namespace of an environment; "" for a cluster-scoped one."""
    project = project_of(full_name)
    return "" if project == CLUSTER_PROJECT else project


def candidates(name: str, place: str) -> tuple[Key, ...] | Failed:
    """The environments that `name` may mean in an import in `place`; the first that exists and is shared counts."""
    reference = parse(name)
    if isinstance(reference, Failed):
        return reference
    if reference.organization:
        summary = (
            f'"{reference}" cannot be imported: leave the organization out, imports stay within their cluster; one of '
            "Pulumi Cloud is imported by the EscEnvironment whose spec.environmentFrom.pulumi names it"
        )
        return Failed(summary, reasons.IMPORT_NOT_ALLOWED)
    if not place and reference.project not in {"", CLUSTER_PROJECT}:
        return Failed(
            f'"{reference}" cannot be imported: a {CLUSTER_KIND} imports only others of its kind',
            reasons.IMPORT_NOT_ALLOWED,
        )
    return meant_by(reference, place)


def meant_by(reference: Reference, place: str) -> tuple[Key, ...]:
    """A bare name means an environment of the same place first, then a ClusterEscEnvironment."""
    if reference.project:
        return (Key("" if reference.project == CLUSTER_PROJECT else reference.project, reference.name),)
    return tuple(dict.fromkeys((Key(place, reference.name), Key("", reference.name))))


def parse(name: str) -> Reference | Failed:
    """A reference to an environment of a cluster."""
    try:
        reference = parse_reference(name)
    except StoreError as error:
        return Failed(error.message, error.reason)
    if reference.version:
        return Failed(
            f'"{reference}": a cluster stores no versions; leave "@{reference.version}" out, and write a version of '
            "Pulumi Cloud into spec.environmentFrom.pulumi.version of the imported environment",
            "VersionNotSupported",
        )
    return reference


def nothing_found(name: str, tried: Sequence[Key], place: str, importable: Collection[str] = ()) -> Failed:
    """The failure of an import of `name`, if none of the candidates exists and is shared with `place`.

    `importable`: the names of some environments that `place` may import; one of them may be meant.
    """
    own = [key for key in tried if key.namespace == place]
    others = [key for key in tried if key.namespace != place]
    missing = f'environment "{name}" not found'
    # A list would change with its neighbours; in another place only what was probably meant is named.
    told = "" if "/" in name else "the environments that it can import are"
    suggested = Known([one for one in importable if one != name], told)
    if not own:
        return Failed(
            f'{missing}: {others[0].describe()} cannot be imported from namespace "{place}": either it does not exist, '
            f'or its spec.sharing.namespaces does not name "{place}"',
            reasons.IMPORT_NOT_ALLOWED,
            wanted=name,
            known=suggested,
        )
    why = f"{own[0].describe()} does not exist"
    if others:
        why += f', and no {others[0].describe()} is shared with namespace "{place}"'
    return Failed(f"{missing}: {why}", reasons.IMPORT_NOT_FOUND, wanted=name, known=suggested)
