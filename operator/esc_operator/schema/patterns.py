"""Regular expressions of schemas (`pattern`)."""

import re
from typing import Final


class Pattern:
    """A compiled pattern; it matches anywhere in a text unless it is anchored."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._compiled = re.compile(text)

    def matches(self, text: str) -> bool:
        return self._compiled.search(text) is not None
