"""Lists whose objects may be of any size: pages by bytes, read one object at a time.

The API server limits pages by the number of objects, and an object may have a few hundred bytes or more than a million.
So the number is chosen by the sizes in the previous page, and the page is read as a stream: only the current object is
in memory as a whole, and only its result is kept.
"""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Mapping

T = TypeVar("T")

PAGE_BYTES = 4 * 1024 * 1024
"""The intended size of a page: small enough to arrive in a second, and large enough for thousands of small objects."""
FIRST_PAGE = 100
LARGEST_PAGE = 500
GROWTH = 4
"""A page has at most this many times the objects of the previous one: the next objects may be larger."""
LARGEST_ITEM = 16 * 1024 * 1024
"""Characters. etcd accepts 1.5 MB, and an escaped character has at most six."""

_FIRST_TRY = 64 * 1024
_SCAN = json.JSONDecoder().raw_decode


class PageLimits:
    """The number of objects in each page of one list: by the sizes in the previous page, or a quarter of a page that
    did not arrive in time, which may have had large ones."""

    def __init__(self, first: int = FIRST_PAGE, largest: int = LARGEST_PAGE) -> None:
        self._first = first
        self._largest = self._most = largest
        self._limit = first

    def begin(self) -> int:
        """For the first page."""
        self._limit = min(self._first, self._most)
        return self._limit

    def go_on(self, objects: int, size: int) -> int:
        """For the page after one with these objects and bytes."""
        self._limit = next_limit(self._limit, objects, size, largest=self._most)
        return self._limit

    def end(self) -> None:
        """The whole list has arrived."""
        self._most = self._largest

    def fail(self) -> None:
        """The requested page has not arrived."""
        self._most = max(self._limit // GROWTH, 1)


class MalformedListError(Exception):
    """The answer is not a list, or an incomplete one."""


class Page(NamedTuple, Generic[T]):
    """`items` are the results for its objects, `metadata` is the list's own, `size` the answer's size in bytes."""

    items: list[T]
    metadata: Mapping[str, Any]
    size: int = 0

    @property
    def token(self) -> str:
        """The continue token; "" on the last page."""
        return self.metadata.get("continue") or ""


def next_limit(limit: int, objects: int, size: int, *, largest: int = LARGEST_PAGE) -> int:
    """How many objects to request, after a page with `objects` and `size` bytes was requested with `limit`."""
    mean = max(size // objects, 1) if objects else 1
    return max(min(PAGE_BYTES // mean, limit * GROWTH, largest), 1)


class Item(NamedTuple):
    """An object of a list, and its JSON."""

    body: dict[str, Any]
    text: str


class ItemReader:
    """Reads the JSON of a list. `fields` are its other fields, complete after the items; `size` counts bytes; `largest`
    limits an item, in characters. Raises MalformedListError, also for what has no metadata: it is no list."""

    def __init__(self, chunks: AsyncIterable[bytes], largest: int = LARGEST_ITEM) -> None:
        self._chunks = aiter(chunks)
        self._largest = largest
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0
        self._ended = False
        self.fields: dict[str, Any] = {}
        self.size = 0

    async def items(self) -> AsyncGenerator[Item, None]:
        """Each object, as it arrives."""
        await self._take("{")
        if await self._next() == "}":
            raise MalformedListError
        while True:
            name, _ = await self._value()
            await self._take(":")
            if name == "items" and await self._next() == "[":
                async for item in self._array():
                    yield item
            else:
                self.fields[name], _ = await self._value()
            if await self._take(",}") == "}":
                break
        # JSON of something else is no empty list.
        if not isinstance(self.fields.get("metadata"), dict):
            raise MalformedListError

    async def _array(self) -> AsyncGenerator[Item, None]:
        await self._take("[")
        if await self._next() == "]":
            await self._take("]")
            return
        while True:
            yield Item(*await self._value())
            if await self._take(",]") == "]":
                return

    async def _take(self, expected: str) -> str:
        found = await self._next()
        if not found or found not in expected:
            raise MalformedListError
        self._at += 1
        return found

    async def _next(self) -> str:
        """The next character that is not a space, "" at the end; it is not consumed."""
        while True:
            while self._at < len(self._text):
                if not (found := self._text[self._at]).isspace():
                    return found
                self._at += 1
            if self._ended:
                return ""
            await self._read(1)

    async def _value(self) -> tuple[Any, str]:
        """The next value and its text. Parsing is tried each time the buffer has doubled, since it is not known before
        whether the value is complete."""
        await self._next()
        while True:
            start = self._at
            try:
                found, self._at = _SCAN(self._text, start)
            except ValueError:
                had = len(self._text) - start
                if self._ended or had > self._largest:
                    raise MalformedListError from None
                await self._read(max(2 * had, _FIRST_TRY))
            else:
                return found, self._text[start : self._at]

    async def _read(self, wanted: int) -> None:
        """Read until this many characters are buffered, or the stream ends."""
        parts = [self._text[self._at :]]
        ahead = len(parts[0])
        while ahead < wanted and not self._ended:
            chunk = await anext(self._chunks, None)
            self._ended = chunk is None
            self.size += len(chunk or b"")
            try:
                parts.append(self._decode(chunk or b"", self._ended))
            except UnicodeDecodeError:
                raise MalformedListError from None
            ahead += len(parts[-1])
        self._text, self._at = "".join(parts), 0
