from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import StoreError
from esc_operator.formats.spelling import hint
from esc_operator.stores.folder import FolderStore
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    for name in ("default/base", "default/shared", "apps/base", "apps/aws", "ClusterEscEnvironment/wide"):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"values: {{name: {name}}}")
    (tmp_path / "apps" / "short.yml").write_text("values: {}")
    (tmp_path / "apps" / ".hidden.yaml").write_text("values: {}")
    (tmp_path / "apps" / "README.md").write_text("")
    return FolderStore(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "importer", "found"),
    [
        ("apps/aws", "", "apps/aws"),
        ("shared", "", "default/shared"),
        ("base", "apps/aws", "apps/base"),
        ("shared", "apps/aws", "default/shared"),
        ("default/base", "apps/aws", "default/base"),
        ("apps/short", "", "apps/short"),
        ("wide", "apps/aws", "ClusterEscEnvironment/wide"),
        ("wide", "", "ClusterEscEnvironment/wide"),
        ("base", "ClusterEscEnvironment/wide", "default/base"),
    ],
)
def test_a_bare_name_is_the_importers_project_first(store: FolderStore, name: str, importer: str, found: str) -> None:
    loaded = store.load(name, importer)
    assert isinstance(loaded, StoredDefinition)
    assert loaded.name == found


def test_a_missing_import_names_the_file_it_would_be(store: FolderStore, tmp_path: Path) -> None:
    failed = store.load("nope", "apps/aws")
    assert isinstance(failed, Failed)
    assert failed.message == f'environment "nope" not found: there is no file {tmp_path}/apps/nope.yaml'
    assert failed.reason == "ImportNotFound"


@pytest.mark.parametrize(
    ("name", "importer", "suggested"),
    [
        ("ews", "apps/web", "aws"),
        ("apps/awss", "", "apps/aws"),
        ("aps/aws", "", "apps/aws"),
    ],
)
def test_the_nearest_environment_is_suggested(store: FolderStore, name: str, importer: str, suggested: str) -> None:
    failed = store.load(name, importer)
    assert isinstance(failed, Failed)
    assert hint(failed.wanted, failed.known) == f'; did you mean "{suggested}"?'


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("apps/aws@3", 'versions are not supported by a folder; leave "@3" out'),
        ("prod/apps/aws", 'none of its environments imports from Pulumi Cloud; leave "prod/" out'),
        ("../secrets/aws", "a folder has no organizations"),
        ("../aws", "is not a reference"),
        ("/etc/passwd", "is not a reference"),
    ],
)
def test_what_a_folder_does_not_have_is_refused_and_reported(store: FolderStore, name: str, message: str) -> None:
    failed = store.load(name, "apps/aws")
    assert isinstance(failed, Failed)
    assert message in failed.message


def test_an_environment_that_is_not_text_is_reported(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "apps" / "binary.yaml").write_bytes(b"\xff\xfe")
    failed = store.load("apps/binary", "")
    assert failed == Failed(f"{tmp_path}/apps/binary.yaml is not UTF-8 text", "ImportUnreadable")


def test_a_folder_in_the_place_of_a_file_is_reported(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "apps" / "folder.yaml").mkdir()
    failed = store.load("apps/folder", "")
    assert isinstance(failed, Failed)
    assert "Is a directory" in failed.message


def test_names_are_sorted_and_hold_nothing_else(store: FolderStore, tmp_path: Path) -> None:
    apps = ["apps/aws", "apps/base", "apps/short"]
    assert store.names() == ["ClusterEscEnvironment/wide", *apps, "default/base", "default/shared"]
    assert FolderStore(str(tmp_path / "nothing")).names() == []
    with pytest.raises(StoreError, match="could not list"):
        FolderStore(str(tmp_path / "apps" / "README.md")).names()


def test_a_loaded_definition_does_not_show(store: FolderStore) -> None:
    assert "values" not in repr(store.load("apps/aws", ""))
