"""Where the definitions of an evaluation come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sources(NamedTuple):
    """`root` is the environment that was opened; `texts` are definitions, and `files` their paths, by environment, for
    those that are texts, and files."""

    root: str
    texts: Mapping[str, str]
    files: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Sources of {self.root}>"
