"""`operator/THREATS.md` names what is there, and leaves no group of attempts out."""

from __future__ import annotations

import re

import pytest

from local_cluster import places

FILE = places.REPOSITORY / "operator" / "THREATS.md"
TEXT = FILE.read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", TEXT)))
LINKED = sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT)))


@pytest.mark.parametrize("path", NAMED)
def test_every_test_that_is_named_is_there(path: str) -> None:
    assert (places.REPOSITORY / path).is_file()


@pytest.mark.parametrize("path", LINKED)
def test_every_page_that_is_linked_is_there(path: str) -> None:
    assert (FILE.parent / path).is_file()


def test_every_group_of_attempts_is_named() -> None:
    folder = places.REPOSITORY / "tests" / "tenants" / "attempts"
    groups = {f"tests/tenants/attempts/{path.name}" for path in folder.glob("*.py") if path.name != "__init__.py"}
    assert groups <= set(NAMED)
    assert len(LINKED) > 5
