"""The folders of these tests are the rooms of the package, and a module's test stands in its room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_cluster import places

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = places.REPOSITORY / "operator" / "esc_operator"
HERE = places.REPOSITORY / "tests" / "unit"
FOLDERS = sorted(path for path in HERE.rglob("*") if path.is_dir() and path.name != "__pycache__")
TESTS = sorted(path for path in HERE.rglob("test_*.py") if path.parent != HERE)


def relative(path: Path) -> str:
    return str(path.relative_to(HERE))


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_of_tests_is_a_room(folder: Path) -> None:
    room = PACKAGE / folder.relative_to(HERE)
    assert room.is_dir() or room.with_suffix(".py").is_file()


@pytest.mark.parametrize("test", TESTS, ids=relative)
def test_what_is_named_after_a_module_stands_in_its_room(test: Path) -> None:
    place = test.relative_to(HERE)
    layer, module = PACKAGE / place.parts[0], f"{test.stem.removeprefix('test_')}.py"
    rooms = {path.parent for path in layer.rglob(module)}
    assert not rooms or PACKAGE / place.parent in rooms


def test_there_are_rooms_and_tests_to_look_at() -> None:
    assert {"reconciliation/controller", "providers/aws"} <= {relative(folder) for folder in FOLDERS}
    assert len(TESTS) > 100


def test_the_architecture_has_a_line_for_each_room() -> None:
    text = (places.REPOSITORY / "operator" / "ARCHITECTURE.md").read_text()
    rooms = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("*/__init__.py")}
    assert not [room for room in sorted(rooms - {"."}) if f"`{room}`" not in text]
