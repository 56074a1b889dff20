"""The page of definitions that cannot be used has the sentences that people read, to the letter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cluster.refused_sources import CASES, PAGE, Case, prepare, row, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Tenant
    from cluster.refused_sources import Place
    from local_pulumi import LocalPulumi

RULE = "|---|---|---|"
WRITE = "ESC_WRITE_PAGE"
"""With this setting the page gets what is read, for its author to look at; it is kept else."""


@pytest.fixture
def place(tenant: Tenant, pulumi: LocalPulumi, folder: Path) -> Iterator[Place]:
    pulumi.clear_faults()
    yield prepare(tenant, pulumi, folder)
    pulumi.clear_faults()
    pulumi.unhide()
    pulumi.change(revokes_exchanged=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title.replace(" ", "-"))
def test_the_page_has_the_sentence_that_people_read(case: Case, place: Place) -> None:
    found = row(case, *told(case, place))
    print(found)
    lines = PAGE.read_text().splitlines()
    if os.environ.get(WRITE):
        rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
        rows[case.title] = found
        order = [rows[one.title] for one in CASES if one.title in rows]
        PAGE.write_text("\n".join([*lines[: lines.index(RULE) + 1], *order, ""]))
        return
    assert found in lines, f"the page has {[line for line in lines if line.startswith(f'| {case.title} |')]}"


def test_the_page_has_no_row_that_nothing_shows() -> None:
    titles = {
        line.split(" | ")[0].removeprefix("| ") for line in PAGE.read_text().splitlines() if line.startswith("| ")
    }
    assert titles - {"what is wrong"} == {case.title for case in CASES}
