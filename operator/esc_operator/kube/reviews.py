"""TokenReviews and reviews of access: they authenticate a token and authorize its user, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.kube.paths import ACCESS_REVIEWS, LOCAL_ACCESS_REVIEWS, TOKEN_REVIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.paths import Resource
    from esc_operator.resources.environment import Key


class Reviewer(Protocol):
    """The port to the API server; `KubeApi` implements it."""

    async def review(
        self, resource: Resource, spec: Mapping[str, Any], namespace: str | None = None
    ) -> Mapping[str, Any]:
        """A review with its status, of a namespace or of the cluster. Raises KubeError."""


async def read_user(api: Reviewer, token: str) -> Mapping[str, Any] | None:
    """The user (`username`, `uid`, `groups`, `extra`) of the token; None for an invalid one. Raises KubeError."""
    review = await api.review(TOKEN_REVIEWS, {"token": token})
    status = review.get("status") or {}
    user = status.get("user")
    return user if status.get("authenticated") is True and isinstance(user, dict) else None


async def may_get(api: Reviewer, user: Mapping[str, Any], path: str) -> bool:
    """Whether the user may get a path that is no resource's, such as `/metrics`. Raises KubeError."""
    who = {
        "user": user.get("username") or "",
        "uid": user.get("uid") or "",
        "groups": user.get("groups") or [],
        "extra": user.get("extra") or {},
    }
    review = await api.review(ACCESS_REVIEWS, {**who, "nonResourceAttributes": {"path": path, "verb": "get"}})
    return (review.get("status") or {}).get("allowed") is True


async def may_account_get(api: Reviewer, account: Key, resource: Resource, name: str) -> bool:
    """Whether a ServiceAccount may get an object of the core group in its own namespace. Raises KubeError."""
    what = {
        "namespace": account.namespace,
        "verb": "get",
        "group": "",
        "version": "v1",
        "resource": resource.plural,
        "name": name,
    }
    who = {
        "user": f"system:serviceaccount:{account.namespace}:{account.name}",
        # As the API server adds them to every request of a ServiceAccount.
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{account.namespace}", "system:authenticated"],
    }
    review = await api.review(LOCAL_ACCESS_REVIEWS, {**who, "resourceAttributes": what}, account.namespace)
    return (review.get("status") or {}).get("allowed") is True
