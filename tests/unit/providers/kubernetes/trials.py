"""The trials of the readers of a namespace; its API server is asked through the identity, so no request is seen."""

from __future__ import annotations

from esc_operator.providers.kubernetes.config_maps import KubernetesConfigMaps
from esc_operator.providers.kubernetes.secrets import KubernetesSecrets
from esc_operator.testing import Failure, FakeIdentity, Trial
from unit.providers.kubernetes.namespace import PASSWORD, FakeNamespace, without_rights

REAL = "real: a cluster's API server"


def found(what: str, reason: str, says: str, **get: str | bool) -> Failure:
    """A failure that the content of the namespace causes."""
    return Failure(name=what, reason=reason, says=[says], inputs={"get": {"it": get}}, identity=FakeNamespace)


def unusable(what: str, says: str, **get: str) -> Failure:
    return Failure(name=what, reason="InvalidInputs", says=[says], inputs={"get": {"it": get}})


def crowd(count: int) -> Failure:
    return Failure(
        name="too many objects",
        reason="InvalidInputs",
        says=["split it into several"],
        inputs={"get": {f"n{number}": {"name": f"n{number}"} for number in range(count)}},
    )


NOWHERE = Failure(
    name="nobody's namespace",
    reason="NoNamespace",
    says=["open an EscEnvironment", "esc login kubernetes://CONTEXT"],
    identity=FakeIdentity,
)
NO_RIGHT = Failure(
    name="the ServiceAccount may not read it",
    reason="ObjectForbidden",
    says=["ServiceAccount apps/web may not get"],
    identity=without_rights,
)

TRIALS = [
    Trial(
        plugin=KubernetesSecrets,
        inputs={"get": {"it": {"name": "db", "key": "password"}, "all": {"name": "db"}}},
        identity=FakeNamespace,
        failures=[
            NO_RIGHT,
            NOWHERE,
            found("no such Secret", "ObjectNotFound", "Secret apps/none does not exist: create it", name="none"),
            found("no such key", "KeyNotFound", "Secret apps/db has no key pw, it has 2 keys", name="db", key="pw"),
            found("a value that is not text", "BinaryValue", "set `base64: true`", name="store", key="jks"),
            found("a Secret with such a value", "BinaryValue", "has at 1 key what is not text", name="store"),
            found("a token for the API server", "ObjectNotUsable", "no tokens for the API server", name="token"),
            found("a Secret of an environment", "ObjectNotUsable", "import the environment that fills", name="app"),
            found("states of rotators", "ObjectNotUsable", "holds the states of rotators", name="app-rotators"),
            found("more than a Secret can hold", "ValuesTooLarge", "name the keys", name="large"),
            unusable("another namespace", "leave the namespace out", name="team-b/db"),
            unusable("a name that is none", "write lower-case letters", name="Db"),
            unusable("a key that is none", "cannot be a key", name="db", key="a/b"),
            crowd(33),
        ],
        secrets=[PASSWORD],
        counterpart=REAL,
    ),
    Trial(
        plugin=KubernetesConfigMaps,
        inputs={"get": {"it": {"name": "settings", "key": "mode"}, "logo": {"name": "settings", "base64": True}}},
        identity=FakeNamespace,
        failures=[
            NO_RIGHT,
            NOWHERE,
            found("no such ConfigMap", "ObjectNotFound", "ConfigMap apps/none does not exist", name="none"),
            found(
                "no such key",
                "KeyNotFound",
                "has no key mod, it has 4 keys (hosts, logo, mode, region)",
                name="settings",
                key="mod",
            ),
            found("a value that is not text", "BinaryValue", "set `base64: true`", name="settings", key="logo"),
            unusable("another namespace", "leave the namespace out", name="team-b/settings"),
            crowd(33),
        ],
        counterpart=REAL,
    ),
]
