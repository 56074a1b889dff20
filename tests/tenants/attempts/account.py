"""What a thief of the operator's token has: in the whole cluster, and where it is installed for one namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.rights import RBAC
from esc_operator.kube.paths import (
    CLUSTER_ENVIRONMENTS,
    ENVIRONMENTS,
    NAMESPACES,
    ROTATIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)
from esc_operator.kube.tokens import TOKEN_SECONDS
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL
from tenants.admission import POLICIES
from tenants.attempt import ACCOUNT, CONFINED, Verdict, attempt
from tenants.attempts.statuses import CONFIG_MAPS
from tenants.judging import allowed, asked
from tenants.stage import APPLY, MERGE, OPERATOR, ROLE_BINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.stage import Stage

STS = "sts.amazonaws.com"
MINE = {"labels": {MANAGED_BY_LABEL: MANAGED_BY}}
PODS = Resource("/api/v1", "pods", "Pod")


def token(*audiences: str, seconds: int = TOKEN_SECONDS) -> dict[str, Any]:
    return {"spec": {"audiences": list(audiences), "expirationSeconds": seconds}}


TOKENS: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "for the API server": lambda stage: token(stage.administrator.issuer()),
    "for the API server by its name": lambda _: token("https://kubernetes.default.svc"),
    "for no audience": lambda _: token(),
    "for the API server beside another": lambda stage: token(STS, stage.administrator.issuer()),
    "for an hour": lambda _: token(STS, seconds=3600),
}


def _token(what: str, body: Callable[[Stage], dict[str, Any]]) -> None:
    @attempt(f"a token {what}", ACCOUNT)
    def asked_for(stage: Stage) -> Verdict:
        path = SERVICE_ACCOUNTS.path("kube-system", "default", "token")
        return asked(stage.account, "POST", path, body(stage))

    @attempt(f"a token {what}, in the one namespace", CONFINED)
    def asked_for_there(stage: Stage) -> Verdict:
        return asked(stage.confined, "POST", SERVICE_ACCOUNTS.path("red", "default", "token"), body(stage))


for _what, _body in TOKENS.items():
    _token(_what, _body)


@attempt("a token for AWS", ACCOUNT, allowed=True)
def ordinary_token(stage: Stage) -> Verdict:
    return allowed(stage.account, "POST", SERVICE_ACCOUNTS.path("red", "default", "token"), token(STS))


@attempt("a token for AWS of the named ServiceAccount", CONFINED, allowed=True)
def named_token(stage: Stage) -> Verdict:
    return allowed(stage.confined, "POST", SERVICE_ACCOUNTS.path("red", "default", "token"), token(STS))


@attempt("a token of a ServiceAccount that is not named", CONFINED)
def unnamed_token(stage: Stage) -> Verdict:
    return asked(stage.confined, "POST", SERVICE_ACCOUNTS.path("red", "apps", "token"), token(STS))


@attempt("a token of another namespace's ServiceAccount", CONFINED)
def foreign_token(stage: Stage) -> Verdict:
    return asked(stage.confined, "POST", SERVICE_ACCOUNTS.path("blue", "default", "token"), token(STS))


# Secrets.


def _secret(namespace: str) -> None:
    path = SECRETS.path(namespace, "theirs")
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", **MINE}, "stringData": {"A": "2"}}

    @attempt(f"change a Secret of {namespace}", ACCOUNT)
    def changed(stage: Stage) -> Verdict:
        return asked(stage.account, "PATCH", path, body, content_type=MERGE)

    @attempt(f"apply one over it in {namespace}", ACCOUNT)
    def applied(stage: Stage) -> Verdict:
        return asked(stage.account, "PATCH", path, body, content_type=APPLY, fieldManager="esc-operator", force="true")

    @attempt(f"delete it in {namespace}", ACCOUNT)
    def deleted(stage: Stage) -> Verdict:
        return asked(stage.account, "DELETE", path)

    @attempt(f"delete all Secrets of {namespace}", ACCOUNT)
    def emptied(stage: Stage) -> Verdict:
        return asked(stage.account, "DELETE", SECRETS.path(namespace))

    @attempt(f"write a Secret of {namespace}", CONFINED)
    def confined(stage: Stage) -> Verdict:
        return asked(stage.confined, "POST", SECRETS.path(namespace), {"metadata": {"name": "mine", **MINE}})

    @attempt(f"read a Secret of {namespace}", CONFINED)
    def read(stage: Stage) -> Verdict:
        return asked(stage.confined, "GET", path)


_secret("blue")
_secret("kube-system")


@attempt("read a Secret of kube-system: no policy admits reading, and RBAC knows no labels", ACCOUNT, allowed=True)
def known_cost(stage: Stage) -> Verdict:
    return allowed(stage.account, "GET", SECRETS.path("kube-system", "theirs"))


@attempt("write a Secret that mints tokens", ACCOUNT)
def minting(stage: Stage) -> Verdict:
    annotations = {"kubernetes.io/service-account.name": "default"}
    body = {
        "metadata": {"name": "minting", "annotations": annotations, **MINE},
        "type": "kubernetes.io/service-account-token",
    }
    return asked(stage.account, "POST", SECRETS.path("kube-system"), body)


@attempt("write a Secret without its label", ACCOUNT)
def unlabelled(stage: Stage) -> Verdict:
    return asked(stage.account, "POST", SECRETS.path("blue"), {"metadata": {"name": "bare"}})


# More than its work.

BINDING = {
    "metadata": {"name": "more"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "ServiceAccount", "name": "esc-operator", "namespace": OPERATOR}],
}

MORE: dict[str, tuple[str, str, Any, str]] = {
    "bind itself to cluster-admin": ("POST", ROLE_BINDINGS.path("red"), BINDING, ""),
    "create a pod": ("POST", PODS.path("red"), {"metadata": {"name": "x"}}, ""),
    "change an environment": ("PATCH", ENVIRONMENTS.path("blue", "closed"), {"spec": {"suspend": True}}, MERGE),
    "change the spec of a ClusterEscEnvironment": (
        "PATCH",
        CLUSTER_ENVIRONMENTS.path(None, "wide"),
        {"spec": {"suspend": True}},
        MERGE,
    ),
    "change a Namespace": ("PATCH", NAMESPACES.path(name="red"), {"metadata": {"annotations": {}}}, MERGE),
    "delete its policy": ("DELETE", POLICIES.path(None, "esc-operator-tokens"), None, ""),
    "change what its policy goes by": (
        "PATCH",
        CONFIG_MAPS.path(OPERATOR, "esc-operator-tokens"),
        {"data": {"api-audiences": ""}},
        MERGE,
    ),
    "create a ServiceAccount": ("POST", SERVICE_ACCOUNTS.path("red"), {"metadata": {"name": "x"}}, ""),
}


def _more(what: str, method: str, path: str, body: Any, content_type: str) -> None:
    more = {"content_type": content_type} if content_type else {}

    @attempt(what, ACCOUNT)
    def tried(stage: Stage) -> Verdict:
        return asked(stage.account, method, path, body, **more)


for _what, _request in MORE.items():
    _more(_what, *_request)


WHOLE: dict[str, str] = {
    "all Secrets": SECRETS.path(),
    "all Namespaces": NAMESPACES.path(),
    "another Namespace": NAMESPACES.path(name="blue"),
    "another namespace's environments": ENVIRONMENTS.path("blue"),
    "all environments": ENVIRONMENTS.path(),
    "ClusterEscEnvironments": CLUSTER_ENVIRONMENTS.path(),
    "EscRotations": ROTATIONS.path(),
    "Secrets of its own namespace": SECRETS.path("esc-confined"),
}


def _whole(what: str, path: str) -> None:
    @attempt(f"read {what}", CONFINED)
    def read(stage: Stage) -> Verdict:
        return asked(stage.confined, "GET", path)


for _what, _path in WHOLE.items():
    _whole(_what, _path)
