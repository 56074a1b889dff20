"""The manifests on the page about moving: ours are valid and without fault, and take what those of the others took."""

from __future__ import annotations

import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # moto brings it; its types come apart
import pytest
import yaml

from cluster.documents import read_blocks
from deploy.test_manifests import CRDS, closed
from esc_operator import api
from esc_operator.lang.access import parse_access
from esc_operator.stores.port import Failed, StoredDefinition
from local_cluster import places

PAGE = places.REPOSITORY / "operator" / "MOVING.md"
BLOCKS = [list(yaml.safe_load_all(block.text)) for block in read_blocks(PAGE) if block.language == "yaml"]
(ESO, AFTER_ESO, ESO_AWS, AFTER_ESO_AWS, CSI, AFTER_CSI) = BLOCKS
OURS = [body for body in (*AFTER_ESO, *AFTER_ESO_AWS, *AFTER_CSI) if body["apiVersion"].startswith("esc-operator.dev/")]

SHOP = """\
values:
  database:
    password: {fn::secret: hunter2}
    replicas: [{host.name: db-1}]
"""
"""What the environment in Pulumi Cloud opens to."""


class Namespace:
    """The environments of one block, of which `shop` is opened in Pulumi Cloud."""

    def __init__(self, bodies: list[dict[str, Any]]) -> None:
        self._bodies = {body["metadata"]["name"]: body for body in bodies if body["kind"] == "EscEnvironment"}

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        del importer
        body = self._bodies[name.rpartition("/")[2]]
        source = body["spec"].get("environmentFrom", {}).get("pulumi")
        return StoredDefinition(f"apps/{body['metadata']['name']}", SHOP if source else body["spec"]["definition"])


def opened(bodies: list[dict[str, Any]]) -> Any:
    result = api.check("apps/web", Namespace(bodies))
    assert result.diagnostics == ()
    return result.value


@pytest.mark.parametrize("number", range(len(OURS)))
def test_our_manifests_follow_the_schema(number: int) -> None:
    body = OURS[number]
    (version,) = CRDS[body["kind"]]["spec"]["versions"]
    jsonschema.validate(body, closed(version["schema"]["openAPIV3Schema"]), cls=jsonschema.Draft202012Validator)


def test_each_secret_of_aws_that_external_secrets_took_is_read_in_the_same_region() -> None:
    (body,) = AFTER_ESO_AWS
    text = yaml.safe_dump(body["spec"]["environment"])
    opened([{**body, "spec": {"definition": text}}])
    values = body["spec"]["environment"]["values"]
    reading = values["secrets"]["fn::open::aws-secrets"]
    assert reading["region"] == ESO_AWS[0]["spec"]["provider"]["aws"]["region"]
    taken = {(one["secretId"], one.get("versionStage")) for one in reading["get"].values()}
    data = ESO_AWS[1]["spec"]["data"]
    assert taken == {(one["remoteRef"]["key"], one["remoteRef"].get("version")) for one in data}
    assert values["environmentVariables"].keys() == {one["secretKey"] for one in data}


def test_each_path_that_external_secrets_took_is_taken() -> None:
    before = {each["secretKey"]: each["remoteRef"]["key"] for each in ESO[1]["spec"]["data"]}
    shop = api.check("apps/shop", Namespace(AFTER_ESO)).value
    after = opened(AFTER_ESO).properties["environmentVariables"].reveal()
    for name, path in before.items():
        keys, problem = parse_access(path)
        assert keys is not None, problem
        wanted = shop.lookup(keys)
        assert wanted is not None
        assert after.pop(name) == wanted.reveal()
    assert after == {}


def test_each_file_of_the_driver_is_there() -> None:
    files = yaml.safe_load(CSI[0]["spec"]["parameters"]["secrets"])
    after = opened(AFTER_CSI).properties["files"]
    assert {each["fileName"] for each in files} == set(after.properties)
    assert yaml.safe_load(after.properties["database.json"].reveal()) == {
        "password": "hunter2",
        "replicas": [{"host.name": "db-1"}],
    }
    pod = AFTER_CSI[-1]["spec"]["template"]["spec"]
    assert [volume["secret"]["secretName"] for volume in pod["volumes"]] == ["web"]


def test_the_same_environment_and_the_same_credentials_are_named() -> None:
    store, parameters = ESO[0]["spec"]["provider"]["pulumi"], CSI[0]["spec"]["parameters"]
    for before, bodies in ((store, AFTER_ESO), (parameters, AFTER_CSI)):
        after = bodies[0]["spec"]["environmentFrom"]["pulumi"]
        for name in ("organization", "project", "environment"):
            assert after[name] == before[name]
    account = store["auth"]["oidcConfig"]["serviceAccountRef"]["name"]
    assert {body["spec"]["serviceAccountName"] for body in AFTER_ESO} == {account}
    assert (
        AFTER_CSI[0]["spec"]["environmentFrom"]["pulumi"]["accessTokenSecretRef"]["name"]
        == parameters["authSecretName"]
    )


def fields_named() -> list[str]:
    """The fields of our kinds that the right column of the tables names."""
    rows = re.findall(r"^\| .* \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    beginnings = "environmentFrom|target|sharing|refresh|rollout|serviceAccountName"
    return sorted({path for row in rows for path in re.findall(rf"`((?:{beginnings})[\w.]*)", row)})


@pytest.mark.parametrize("path", fields_named())
def test_the_fields_that_the_tables_name_exist(path: str) -> None:
    for kind in ("EscEnvironment", "ClusterEscEnvironment"):
        (version,) = CRDS[kind]["spec"]["versions"]
        schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for name in path.split("."):
            schema = schema.get("properties", {}).get(name)
            if schema is None:
                break
        else:
            return
    pytest.fail(f"no kind has spec.{path}")
