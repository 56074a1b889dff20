from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, NotFoundError
from esc_operator.formats.spelling import hint
from esc_operator.stores.cluster import ClusterStore
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def environment(namespace: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """One of a namespace, or of the cluster where that is ""."""
    place = {"namespace": namespace} if namespace else {}
    return {"metadata": {**place, "name": name, "generation": 3}, "spec": spec}


class FakeCluster:
    """The API server of one user, who may list only some namespaces."""

    def __init__(
        self,
        *bodies: Mapping[str, Any],
        may_list: Sequence[str] | None = None,
        forbidden: Sequence[str] = ("secret",),
    ) -> None:
        self.bodies = bodies
        self.may_list = may_list
        self.forbidden = forbidden
        self.reads = 0
        self.objects: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        self.locked: set[tuple[str, str, str]] = set()

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]:
        self.reads += 1
        if namespace in self.forbidden:
            raise ForbiddenError(f"may not read {namespace}/{name}")
        for body in self.bodies:
            if (body["metadata"].get("namespace", ""), body["metadata"]["name"]) == (namespace, name):
                return body
        raise NotFoundError("no")

    def read_config_map(self, namespace: str, name: str) -> Mapping[str, Any]:
        return self._object("ConfigMap", namespace, name)

    def read_secret(self, namespace: str, name: str) -> Mapping[str, Any]:
        return self._object("Secret", namespace, name)

    def _object(self, kind: str, namespace: str, name: str) -> Mapping[str, Any]:
        if (kind, namespace, name) in self.locked:
            raise ForbiddenError(f"may not read {kind} {namespace}/{name}")
        try:
            return self.objects[kind, namespace, name]
        except KeyError:
            raise NotFoundError("no") from None

    def list_environments(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        if self.may_list is not None and namespace not in self.may_list:
            raise ForbiddenError("may not list that")
        places = [(body["metadata"].get("namespace", ""), body) for body in self.bodies]
        return [body for place, body in places if (place if namespace is None else place == namespace)]


AWS = environment("apps", "aws", {"environment": {"values": {"a": 1}}, "serviceAccountName": "deployer"})
BASE = environment("apps", "base", {"environment": {"values": {}}})
OTHER = environment("other", "aws", {})


def test_the_definition_of_a_resource_is_loaded_with_its_place() -> None:
    assert ClusterStore(FakeCluster(AWS)).load("apps/aws", "") == StoredDefinition(
        "apps/aws", definition={"values": {"a": 1}}, path_prefix="spec.environment", generation=3
    )


def test_a_name_without_a_namespace_is_in_the_contexts_namespace_or_the_importers() -> None:
    store = ClusterStore(FakeCluster(AWS, BASE), "apps")
    assert isinstance(store.load("aws", ""), StoredDefinition)
    assert isinstance(ClusterStore(FakeCluster(AWS, BASE), "else").load("base", "apps/aws"), StoredDefinition)


@pytest.mark.parametrize(
    ("name", "importer", "message", "reason"),
    [
        ("nope", "", 'environment "apps/nope" not found in the cluster; the environments are ', "ImportNotFound"),
        ("nope", "apps/aws", 'EscEnvironment "apps/nope" does not exist', "ImportNotFound"),
        ("other/aws", "apps/aws", "cannot be imported from namespace", "ImportNotAllowed"),
        ("c/apps/base", "apps/aws", "imports stay within their cluster", "ImportNotAllowed"),
        ("aws@2", "", "a cluster stores no versions", "VersionNotSupported"),
        ("other/aws", "", 'EscEnvironment "other/aws" has no definition', "InvalidSpec"),
        ("secret/aws", "", "may not read secret/aws", "ImportUnreadable"),
        ("a//b", "", "is not a reference", "InvalidReference"),
    ],
)
def test_what_cannot_be_loaded_says_why(name: str, importer: str, message: str, reason: str) -> None:
    failed = ClusterStore(FakeCluster(AWS, BASE, OTHER), "apps").load(name, importer)
    assert isinstance(failed, Failed)
    assert message in failed.message
    assert failed.reason == reason


def shared(namespace: str, name: str, *namespaces: str, imports: Sequence[str] = ()) -> Mapping[str, Any]:
    definition = {"imports": list(imports), "values": {"from": f"{namespace}/{name}"}}
    return environment(namespace, name, {"environment": definition, "sharing": {"namespaces": list(namespaces)}})


@pytest.mark.parametrize(
    ("name", "importer", "found"),
    [
        ("base", "apps/aws", "apps/base"),
        ("wide", "apps/aws", "ClusterEscEnvironment/wide"),
        ("ClusterEscEnvironment/base", "apps/aws", "ClusterEscEnvironment/base"),
        ("team/open", "apps/aws", "team/open"),
        ("base", "ClusterEscEnvironment/wide", "ClusterEscEnvironment/base"),
        ("wide", "", "ClusterEscEnvironment/wide"),
        ("ClusterEscEnvironment/narrow", "", "ClusterEscEnvironment/narrow"),
        ("team/closed", "", "team/closed"),
    ],
)
def test_imports_go_by_what_is_shared_and_a_person_by_their_rights_alone(name: str, importer: str, found: str) -> None:
    everything = (
        BASE,
        shared("", "base", "*"),
        shared("", "wide", "*"),
        shared("", "narrow", "team"),
        shared("team", "open", "apps"),
        shared("team", "closed"),
    )
    loaded = ClusterStore(FakeCluster(*everything), "apps").load(name, importer)
    assert isinstance(loaded, StoredDefinition)
    assert loaded.name == found


@pytest.mark.parametrize("name", ["team/closed", "ClusterEscEnvironment/closed", "closed"])
def test_what_is_not_shared_cannot_be_distinguished_from_what_is_not_there(name: str) -> None:
    there = ClusterStore(FakeCluster(shared("team", "closed", "others"), shared("", "closed", "others")), "apps")
    absent = ClusterStore(FakeCluster(), "apps")
    refused = there.load(name, "apps/aws")
    assert isinstance(refused, Failed)
    assert refused == absent.load(name, "apps/aws")


def test_an_import_needs_the_rights_of_the_person_as_well() -> None:
    store = ClusterStore(FakeCluster(shared("secret", "open", "apps")), "apps")
    refused = store.load("secret/open", "apps/aws")
    assert refused == Failed("may not read secret/open", "ImportUnreadable")


def test_who_may_read_nothing_of_the_cluster_is_told_of_their_own_namespace() -> None:
    store = ClusterStore(FakeCluster(forbidden=[""]), "apps")
    assert store.load("nope", "") == Failed('environment "apps/nope" not found in the cluster', "ImportNotFound")
    # As an import, it may be one that the operator would find.
    assert store.load("nope", "apps/aws") == Failed("may not read /nope", "ImportUnreadable")


def test_the_service_account_is_the_environments_or_default_and_costs_no_second_read() -> None:
    cluster = FakeCluster(AWS, BASE)
    store = ClusterStore(cluster, "apps")
    store.load("apps/aws", "")
    assert store.service_account("apps/aws") == ("apps", "deployer")
    assert cluster.reads == 1
    assert store.service_account("base") == ("apps", "default")


def test_who_may_not_list_the_cluster_sees_their_namespace() -> None:
    assert ClusterStore(FakeCluster(OTHER, AWS)).names() == ["apps/aws", "other/aws"]
    assert ClusterStore(FakeCluster(OTHER, AWS, may_list=["apps"]), "apps").names() == ["apps/aws"]


def test_environments_of_the_cluster_are_listed_where_they_may_be() -> None:
    wide = shared("", "wide")
    assert ClusterStore(FakeCluster(AWS, wide)).names() == ["ClusterEscEnvironment/wide", "apps/aws"]
    assert ClusterStore(FakeCluster(AWS, wide, may_list=["apps"]), "apps").names() == ["apps/aws"]


def from_key(field: str) -> dict[str, Any]:
    return {"environmentFrom": {field: {"name": "defs", "key": "env.yaml"}}}


def test_a_text_in_a_config_map_is_read_with_the_callers_rights() -> None:
    cluster = FakeCluster(
        environment("apps", "app", from_key("configMapKeyRef")), environment("", "wide", from_key("configMapKeyRef"))
    )
    cluster.objects["ConfigMap", "apps", "defs"] = {"metadata": {}, "data": {"env.yaml": "values: {a: on}"}}
    cluster.objects["ConfigMap", "esc-system", "defs"] = {"metadata": {}, "data": {"env.yaml": "values: {a: wide}"}}
    store = ClusterStore(cluster, "apps")
    loaded = store.load("app", "")
    assert isinstance(loaded, StoredDefinition)
    assert (loaded.text, loaded.path_prefix) == ("values: {a: on}", "ConfigMap apps/defs, key env.yaml")
    assert store.load("app", "apps/other") == loaded
    wide = store.load("ClusterEscEnvironment/wide", "")
    assert isinstance(wide, StoredDefinition)
    assert wide.text == "values: {a: wide}"
    cluster.objects["ConfigMap", "elsewhere", "defs"] = {"metadata": {}, "data": {"env.yaml": "values: {a: far}"}}
    cluster.bodies[1]["status"] = {"definitionNamespace": "elsewhere"}  # type: ignore[index]
    far = ClusterStore(cluster, "apps").load("ClusterEscEnvironment/wide", "")
    assert isinstance(far, StoredDefinition)
    assert far.text == "values: {a: far}"


@pytest.mark.parametrize("importer", ["", "apps/other"])
def test_a_text_in_a_secret_that_the_caller_may_not_read_says_so(importer: str) -> None:
    cluster = FakeCluster(environment("apps", "app", from_key("secretKeyRef")))
    cluster.locked.add(("Secret", "apps", "defs"))
    failed = ClusterStore(cluster, "apps").load("app", importer)
    assert isinstance(failed, Failed)
    assert (failed.message, failed.reason) == ("may not read Secret apps/defs", "ImportUnreadable")
    cluster.locked.clear()
    failed = ClusterStore(cluster, "apps").load("app", importer)
    assert isinstance(failed, Failed)
    assert failed.message == (
        "spec.environmentFrom.secretKeyRef: Secret apps/defs does not exist: create it, or correct the name"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("apps/asw", '; did you mean "apps/aws"?'),
        ("apps/nothing", "; the environments are apps/aws, apps/base"),
        ("app/aws", '; did you mean "apps/aws"?'),
        ("nowhere/nothing", "; the environments are apps/aws, apps/base, other/aws"),
    ],
)
def test_an_environment_that_does_not_exist_is_told_with_those_that_do(name: str, words: str) -> None:
    failed = ClusterStore(FakeCluster(AWS, BASE, OTHER), "apps").load(name, "")
    assert isinstance(failed, Failed)
    assert failed.message == f'environment "{name}" not found in the cluster{words}'


def test_only_what_the_user_may_list_is_suggested() -> None:
    store = ClusterStore(FakeCluster(AWS, BASE, OTHER, may_list=["apps"]), "apps")
    failed = store.load("other/asw", "")
    assert isinstance(failed, Failed)
    assert failed.message == 'environment "other/asw" not found in the cluster'


def test_an_import_that_is_missing_is_told_with_what_can_be_imported() -> None:
    shared = environment("blue", "shared", {"environment": {}, "sharing": {"namespaces": ["apps"]}})
    closed = environment("blue", "closed", {"environment": {}})
    store = ClusterStore(FakeCluster(AWS, BASE, shared, closed), "apps")
    for name, words in (
        ("bsae", '; did you mean "base"?'),
        ("blue/shraed", '; did you mean "blue/shared"?'),
        ("blue/closde", ""),
    ):
        failed = store.load(name, "apps/aws")
        assert isinstance(failed, Failed)
        assert hint(failed.wanted, failed.known) == words
