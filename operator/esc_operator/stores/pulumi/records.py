"""What the API answers, as frozen values. Times are aware and in UTC; None where the service tells none.

No `repr` shows a definition's text or the ID of a session: whoever has one can read what was opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from esc_operator.lang.diagnostics import Diagnostics


class Session(NamedTuple):
    """An environment that was opened. `path` are the segments to read it at, `name` is what messages call it.
    `revision` is the opened one, if the service tells it; `diagnostics` are warnings."""

    path: tuple[str, ...]
    organization: str
    name: str
    revision: int | None = None
    diagnostics: Diagnostics = ()

    def __repr__(self) -> str:
        return f"<Session of {self.name}>"
