"""Limits on what a definition may cost the machine that evaluates it.

An operator evaluates definitions of many authors; each limit prevents one way to stop it, with a diagnostic of reason
`LimitExceeded`. The budget (`lang.budget`) limits the total cost.
"""

from typing import Final, NamedTuple

DEEPEST: Final = 200
"""No limit on depth may be higher: values are walked by recursion, and Python's own limit is 1,000 frames for the
whole process.
"""


class Limits(NamedTuple):
    """Upper bounds, all inclusive. `depth` above `DEEPEST` counts as `DEEPEST`."""

    document_bytes: int = 4 * 1024 * 1024
    """Size of one definition's text."""
    depth: int = 100
    """Nesting of one definition, and of any value that evaluation builds; at most `DEEPEST`."""
    opens: int = 64
    """Providers and rotators that one evaluation opens: calls with equal inputs of one provider count once."""
    path: int = 4096
    """Characters of the keys that lead to a value of a definition: each diagnostic names them."""
    imports: int = 256
    """Environments one evaluation loads, the root not counted."""
    value_bytes: int = 4 * 1024 * 1024
    """Size of one value when everything in it is written out: its texts and keys, and 16 for each part."""
    input_bytes: int = 64 * 1024
    """The same for the inputs of one provider or rotator."""
    work: int = 1_000_000
    """Units of work that an environment may take with all its imports (`lang.budget`)."""

    @property
    def levels(self) -> int:
        """The effective depth."""
        return min(self.depth, DEEPEST)


DEFAULT_LIMITS: Final = Limits()
