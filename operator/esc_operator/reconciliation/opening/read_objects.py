"""Which objects of its namespace the values of an environment were read from, as its status says it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.source_informer import WatchedObject
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.resources.status import Status

_PLURALS: Final = {"kubernetes-secrets": SECRETS.plural, "kubernetes-configmaps": CONFIG_MAPS.plural}
"""What each provider reads."""


def read_objects(account: Key | None, status: Status) -> Mapping[WatchedObject, str]:
    """Each object with the version that was read; `account` is the environment's ServiceAccount. Those that secret
    inputs name are not in a status, nor those beyond its limit."""
    if account is None:
        return {}
    return {
        WatchedObject(plural, Key(account.namespace, one.name)): one.version
        for one in status.secret_versions
        if one.name and one.version and (plural := _PLURALS.get(one.provider))
    }
