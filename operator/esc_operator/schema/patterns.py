"""A schema's `pattern`: Go's regular expressions, by RE2, which reads and matches as they do in all but a few places.

Python's `re` will not do for a pattern that a stranger wrote: it backtracks, and `(a+)+$` on thirty letters holds a
process for hours. RE2 takes time in proportion to the text; what it takes beyond that is paid for before it begins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import re2

from esc_operator.schema.checks import free

if TYPE_CHECKING:
    from esc_operator.schema.checks import Charge

_MEMORIES: Final = (128 * 1024, 2 * 1024 * 1024)
"""Bytes that RE2 may hold for a pattern, with what it remembers of texts. The second is for what needs it."""
_UNIT_BYTES: Final = 48
_CHARACTER: Final = 8
"""Units of work for each character of a pattern, and for each class of Unicode's, which RE2 writes out as ranges."""
_CLASS: Final = 550
_OPTIONAL_PAIRS: Final = 700
"""RE2 joins each part that may be left out with each that comes before it: so many pairs are a unit of work."""
_MOST_COPIES: Final = 1000
"""What is repeated is written out as often, and RE2 allows no more, whatever stands within what."""
_STEPS: Final = 250
"""Bytes of a text times instructions that are a unit of work: at the worst RE2 follows all of them at once."""

_COUNTS: Final = r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}"
_QUOTED_OR_ESCAPED: Final = r"(?s)\\Q.*?(?:\\E|\Z)|\\."
_WORDS: Final = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "trailing \\": "trailing backslash at end of expression",
}
"""What RE2 calls otherwise than Go."""
_TOO_LARGE: Final = "pattern too large - compile failed"
_UNFINISHED: Final = "invalid UTF-8"
_LONGEST_QUOTE: Final = 1000
"""Characters of a pattern that a message repeats."""


class PatternError(ValueError):
    """The text is no regular expression of Go's; the message says why as Go does."""


class Pattern:
    """A compiled pattern; it matches anywhere in a text unless it is anchored. Raises `PatternError`, and what `charge`
    raises.
    """

    __slots__ = ("_program", "_size", "text")

    def __init__(self, text: str, charge: Charge = free) -> None:
        charge(_units(text))
        self.text: Final = text
        self._program: Final = _program(text, charge)
        # Named groups are noted for each instruction that is followed.
        noted = 1 + self._program.groups
        self._size: Final[int] = self._program.programsize * noted
        charge(self._size * (noted - 1) // 3)

    def matches(self, text: str, charge: Charge = free) -> bool:
        """Raises what `charge` raises."""
        charge(len(text) // 4)
        # Go takes a byte that is not UTF-8 for U+FFFD.
        encoded = (text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)).encode()
        charge(len(encoded) * self._size // _STEPS)
        found = self._program.search(encoded)
        # RE2 finds `\B` within a character of several bytes too, where Go looks between characters alone.
        while found is not None and b"\x80" <= encoded[found.start() : found.start() + 1] < b"\xc0":
            charge(1)
            found = self._program.search(encoded, found.start() + 1)
        return found is not None


def _units(text: str) -> int:
    """What it costs to compile a pattern, what RE2 may hold for it left aside."""
    copies, optional = 1, text.count("?") - text.count("(?")
    for least, comma, most in re.findall(_COUNTS, text):
        copies = min(_MOST_COPIES, copies * max(1, int(least), int(most or 0)))
        optional += bool(comma)
    classes = text.count("\\p") + text.count("\\P")
    return _CHARACTER * len(text) + _CLASS * classes + (copies * optional) ** 2 // _OPTIONAL_PAIRS


def _program(text: str, charge: Charge) -> Any:
    """RE2's program, in the least memory that it fits into."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise PatternError(f"invalid UTF-8: `{text.encode(errors='replace').decode()}`") from error
    for memory in _MEMORIES:
        charge(memory // _UNIT_BYTES)
        options = re2.Options()
        options.max_mem, options.never_capture, options.log_errors = memory, True, False
        try:
            program = re2.compile(encoded, options)
        except re2.error as error:
            words = error.args[0].decode()
            if words != _TOO_LARGE:
                raise PatternError(_in_words_of_go(words, text)) from error
        else:
            _refuse_what_go_refuses(text, program)
            return program
        finally:
            re2.purge()  # otherwise it would keep the last 128 patterns, which no budget has paid for
    raise PatternError("the pattern is too large")


def _in_words_of_go(words: str, text: str) -> str:
    if words == _UNFINISHED:
        words = "invalid escape sequence: \\x" + text.rpartition("\\x")[2]
    what, _, where = words.partition(": ")
    shown = where if len(where) <= _LONGEST_QUOTE else f"{where[: _LONGEST_QUOTE - 1]}…"
    return f"{_WORDS.get(what, what)}: `{shown}`"


def _refuse_what_go_refuses(text: str, program: Any) -> None:
    """Of what RE2 has compiled."""
    if "\\C" in re.findall(_QUOTED_OR_ESCAPED, text):
        raise PatternError(r"invalid escape sequence: `\C`")
    for name in program.groupindex:
        if not name.isascii():
            raise PatternError(f"invalid named capture: `(?P<{name.decode()}>`")
