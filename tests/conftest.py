"""What all tests share: which program with kind's command line pytest-kind uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_cluster.choose import use_with_pytest_kind

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    use_with_pytest_kind(config)
