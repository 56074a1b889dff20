"""References to environments: `[organization/][project/]name[@version]`.

The organization is a cluster (a kube context) or nothing for a folder, the project is a namespace or a sub-folder. What
belongs to a whole cluster has the project `ClusterEscEnvironment`, which cannot be the name of a namespace.
"""

from __future__ import annotations

from typing import NamedTuple

from esc_operator.errors import StoreError
from esc_operator.resources import CLUSTER_KIND

DEFAULT_PROJECT = "default"

CLUSTER_PROJECT = CLUSTER_KIND
"""The project of cluster-scoped environments: the name of their kind."""

INVALID_REFERENCE = "InvalidReference"
"""The text is not a reference."""

# DNS labels and Pulumi's names match. A name never starts with a dot, so it can never leave the folder.
_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_CHARACTERS = _FIRST | frozenset(".-")
_MAX_LENGTH = 253


class Reference(NamedTuple):
    """A parsed reference; "" for a missing part."""

    name: str
    project: str = ""
    organization: str = ""
    version: str = ""

    def __str__(self) -> str:
        path = "/".join(part for part in (self.organization, self.project, self.name) if part)
        return f"{path}@{self.version}" if self.version else path

    @property
    def full_name(self) -> str:
        """`project/name`, the environment's name within its organization."""
        return f"{self.project or DEFAULT_PROJECT}/{self.name}"

    def within(self, project: str) -> Reference:
        """The same reference, with this project if it has none."""
        return self if self.project else self._replace(project=project)


def parse_reference(text: str) -> Reference:
    """Read a reference. Raises StoreError with a message for people.

    A kubeconfig context may contain slashes and at-signs (EKS names contexts by ARN): the last two parts are project
    and name, everything before them is the organization.
    """
    path, project, name = _split(text)
    name, _, version = name.partition("@")
    if not version and ":" in name:  # Pulumi also writes versions as name:version
        name, _, version = name.partition(":")
    for part in (name, project):
        if part and not is_part(part):
            raise _invalid(text, f'"{part}" is not a name: use letters, digits, "-", "_" and "."')
    if not name:
        raise _invalid(text, "the name is missing")
    return Reference(name, project, path, version)


def qualify(name: str, importer: str) -> str:
    """The full name that an import's name means for its importer, wherever the store finds it.

    An invalid reference stays unchanged: the store reports it.
    """
    try:
        reference = parse_reference(name)
    except StoreError:
        return name
    return str(reference.within(project_of(importer) or DEFAULT_PROJECT))


def project_of(full_name: str) -> str:
    """The project of an environment's full name, "" if it has none."""
    return full_name.rpartition("/")[0]


def is_part(text: str) -> bool:
    """Whether the text can be a project or a name."""
    return len(text) <= _MAX_LENGTH and text[:1] in _FIRST and _CHARACTERS.issuperset(text)


def _split(text: str) -> tuple[str, str, str]:
    head, _, name = text.rpartition("/")
    organization, _, project = head.rpartition("/")
    if "/" in text and (not project or (not organization and head != project)):
        raise _invalid(text, "a part before a slash is empty")
    return organization, project, name


def _invalid(text: str, why: str) -> StoreError:
    return StoreError(
        f'"{text}" is not a reference to an environment: {why} (write [organization/][project/]name)',
        reason=INVALID_REFERENCE,
    )
