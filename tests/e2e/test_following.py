"""A Deployment follows an environment in Pulumi Cloud; `make e2e` does so for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.following import follow

if TYPE_CHECKING:
    from e2e.stage import Stage

pytestmark = pytest.mark.cluster


def test_pods_follow_revisions_and_expiries_and_no_call_is_refused(stage: Stage) -> None:
    found = follow(stage, times=2, lifetime=45.0)
    print(found.draw())
    assert found.wrong == []
