from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.cli.machine import Esc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def esc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Esc:
    return Esc(tmp_path, capsys)
