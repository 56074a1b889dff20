"""The files in `crds/` are what the code declares, and the schemas hold what the kinds have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from esc_operator.formats import durations
from esc_operator.manifests import environment_spec, schema_parts
from esc_operator.manifests.crds import cluster_environment_crd, definitions, environment_crd
from esc_operator.manifests.environment_spec import REFUSED_TYPES
from esc_operator.resources.status import Status

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("body", definitions(), ids=lambda body: body["spec"]["names"]["plural"])
def test_the_file_in_crds_is_what_the_code_declares(body: dict[str, Any]) -> None:
    text = (ROOT / "crds" / f"{body['spec']['names']['plural']}.yaml").read_text()
    assert yaml.safe_load(text) == body
    assert text.startswith("# ")
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)], "people read it"


def test_the_folder_of_definitions_holds_these_and_no_others() -> None:
    files = [f"{body['spec']['names']['plural']}.yaml" for body in definitions()]
    assert sorted(path.name for path in (ROOT / "crds").glob("*.yaml")) == sorted(files)
    assert yaml.safe_load((ROOT / "crds" / "Kustomization").read_text())["resources"] == sorted(files)


def test_the_schema_has_a_property_for_every_field_of_a_status() -> None:
    version = cluster_environment_crd()["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    schema = version["schema"]["openAPIV3Schema"]
    assert set(schema["properties"]["status"]["properties"]) == {*Status().to_dict(), "rotation"}


def test_an_escenvironment_has_no_status_fields_of_many_namespaces() -> None:
    own, of_many = (
        set(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"])
        for crd in (environment_crd, cluster_environment_crd)
    )
    assert of_many - own == {"definitionNamespace", "namespaces", "seals", "rolloutDigest"}
    assert own < of_many


def test_types_of_secrets_that_hand_out_rights_are_refused_by_the_schema() -> None:
    target = environment_spec._target()["properties"]["type"]
    assert all(f"self != '{kind}'" in target["x-kubernetes-validations"][0]["rule"] for kind in REFUSED_TYPES)
    assert durations.PATTERN in schema_parts.duration("x", "1s")["x-kubernetes-validations"][0]["rule"]
