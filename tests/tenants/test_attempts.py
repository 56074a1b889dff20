"""The attempts of `make tenants`, each as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tenants.attempt import Attempt, all_attempts, play
from tenants.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def place_and_name(one: Attempt) -> str:
    """With the module of attempts first: those of one module are played one after the other."""
    return f"{one.play.__module__.rpartition('.')[2]}-{one.name.replace(' ', '-')}"


@pytest.mark.cluster
@pytest.mark.parametrize("one", all_attempts(), ids=place_and_name)
def test_it_is_refused_unless_it_has_to_succeed(stage: Stage, one: Attempt) -> None:
    verdict = play(one, stage)
    assert verdict.good, f"{one.name}, by the {one.who}: {verdict.told}"
