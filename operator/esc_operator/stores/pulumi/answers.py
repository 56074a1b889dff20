"""Reads the fields of an answer. A field that is missing or of another type is a failure that names it, and quotes
nothing. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from esc_operator.lang.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from esc_operator.providers.port import HttpAnswer

_LARGEST: Final = 1 << 63


T = TypeVar("T")


class DamagedError(ValueError):
    """The answer is not what the API promises; the message names the field."""


def read_json(body: bytes) -> Any:
    """The JSON of a body; a number is its text as bytes, since a `Number` each would take fifteen times as long where
    there are a million. Raises DamagedError."""
    try:
        return json.loads(body.decode(), parse_float=str.encode, parse_int=str.encode, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise DamagedError("it is not UTF-8") from None
    except RecursionError:
        raise DamagedError("it is nested too deeply") from None
    except ValueError:
        # The decoder's message is left out: it may quote what it could not read.
        raise DamagedError("it is not JSON, or was cut off") from None


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("no number of JSON")


class Fields:
    """The fields of one JSON object, each read with its type. `where` is its place in the answer, for messages."""

    __slots__ = ("_data", "_where")

    def __init__(self, data: Any, where: str = "") -> None:
        """Raises DamagedError if the data is no object."""
        if not isinstance(data, dict):
            raise DamagedError(f"{where or 'the answer'} is not an object")
        self._data: Final[Mapping[str, Any]] = data
        self._where: Final = where

    def text(self, name: str, default: str | None = None) -> str:
        return self._read(name, default, _text, "a string")

    def filled(self, name: str) -> str:
        """A string that is not empty."""
        return self._read(name, None, lambda found: _text(found) or None, "a name")

    def flag(self, name: str, default: bool | None = None) -> bool:
        return self._read(name, default, _flag, "true or false")

    def whole(self, name: str, default: int | None = None) -> int:
        return self._read(name, default, _whole, "a whole number")

    def time(self, name: str) -> datetime | None:
        """A time with its zone, in UTC where it names none; None if the field is missing or empty."""
        return _time(self.text(name, ""))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty if it is missing."""
        found = self.list(name)
        if not all(isinstance(each, str) for each in found):
            self._refuse(name, "a list of strings")
        return tuple(found)

    def list(self, name: str, *, required: bool = False) -> tuple[Any, ...]:
        """A list as it is; empty if it is missing or null and not required."""
        return self._read(name, None if required else (), _list, "a list")

    def objects(self, name: str, *, required: bool = False) -> Iterator[Fields]:
        """The objects of a list."""
        for index, each in enumerate(self.list(name, required=required)):
            yield Fields(each, f"{self._place(name)}[{index}]")

    def object(self, name: str) -> Fields | None:
        """An object; None if it is missing or null."""
        found = self._data.get(name)
        return None if found is None else Fields(found, self._place(name))

    def required_object(self, name: str) -> Fields:
        return self.object(name) or self._refuse(name, "an object")

    def members(self) -> Iterator[tuple[str, Fields]]:
        """Each field, as an object."""
        for name, found in self._data.items():
            yield name, Fields(found, self._place(name))

    def _read(self, name: str, default: T | None, convert: Callable[[Any], T | None], what: str) -> T:
        found = self._data.get(name)
        if found is None and default is not None:
            return default
        converted = convert(found)
        return self._refuse(name, what) if converted is None else converted

    def _refuse(self, name: str, what: str) -> NoReturn:
        state = f"is not {what}" if self._data.get(name) is not None else "is missing"
        raise DamagedError(f"{self._place(name)} {state}")

    def _place(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def json_fields(answer: HttpAnswer) -> Fields:
    """The fields of an answer that is an object. Raises DamagedError."""
    return Fields(read_json(answer.body))


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def _flag(found: Any) -> bool | None:
    return found if isinstance(found, bool) else None


def _list(found: Any) -> tuple[Any, ...] | None:
    return tuple(found) if isinstance(found, list) else None


def _whole(found: Any) -> int | None:
    if not isinstance(found, bytes):
        return None
    number = Number(found.decode()).to_python()
    return number if isinstance(number, int) and abs(number) < _LARGEST else None


def _time(text: str) -> datetime | None:
    """Older answers have `2023-10-10 11:28:01`; a time that cannot be read is left out, since nothing depends on it."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
