"""The conformance cases: where they are, and what is in one."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "conformance"


@dataclass(frozen=True)
class Case:
    """One case's folder, what was asked of it (`overrides.json`) and what it should give (`expected.json`)."""

    folder: Path
    overrides: dict[str, Any]
    expected: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def root_name(self) -> str:
        name: str = self.overrides.get("rootEnvironment", self.name)
        return name


def cases_folder() -> Path | None:
    """The folder that ESC_CONFORMANCE names, else the one beside the repository if it is there."""
    named = os.environ.get("ESC_CONFORMANCE")
    if named:
        return Path(named)
    return _BESIDE_THE_REPOSITORY if _BESIDE_THE_REPOSITORY.is_dir() else None


def read_cases() -> list[Case]:
    folder = cases_folder()
    if folder is None:
        return []
    return [_read_case(path.parent) for path in sorted(folder.glob("*/expected.json"))]


def _read_case(folder: Path) -> Case:
    overrides = folder / "overrides.json"
    return Case(
        folder,
        json.loads(overrides.read_text()) if overrides.exists() else {},
        json.loads((folder / "expected.json").read_text(), parse_int=NumberLiteral, parse_float=NumberLiteral),
    )


class NumberLiteral(str):
    """A JSON number by its text: renderings compare numbers so."""

    __slots__ = ()
