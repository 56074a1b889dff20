"""Lists are read an object at a time, however they come in, and asked for by bytes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.kube.pages import (
    FIRST_PAGE,
    GROWTH,
    LARGEST_PAGE,
    PAGE_BYTES,
    Item,
    ItemReader,
    MalformedListError,
    PageLimits,
    next_limit,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

OBJECTS = st.dictionaries(
    st.text(),
    st.one_of(st.text(), st.integers(), st.none(), st.lists(st.dictionaries(st.text(), st.text()))),
    max_size=4,
)


async def in_chunks(data: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, size: int = 7) -> tuple[list[Item], dict[str, Any]]:
    async def run() -> tuple[list[Item], dict[str, Any]]:
        reader = ItemReader(in_chunks(data, size))
        found = [item async for item in reader.items()]
        assert reader.size <= len(data)
        return found, reader.fields

    return asyncio.run(run())


@settings(deadline=None)
@given(st.lists(OBJECTS, max_size=4), st.integers(1, 40), st.booleans(), st.booleans())
def test_a_list_is_read_as_json_reads_it_wherever_it_is_cut(
    items: list[dict[str, Any]], size: int, items_first: bool, is_ascii: bool
) -> None:
    fields = {"kind": "List", "metadata": {"resourceVersion": "1", "continue": "]}"}}
    whole = {"items": items, **fields} if items_first else {**fields, "items": items}
    found, rest = read(json.dumps(whole, ensure_ascii=is_ascii).encode(errors="replace"), size)
    expected = json.loads(json.dumps(whole, ensure_ascii=is_ascii).encode(errors="replace"))
    assert [item.body for item in found] == expected["items"]
    assert [json.loads(item.text) for item in found] == expected["items"]
    assert rest == fields


@pytest.mark.parametrize("text", [b'{"items":null,"metadata":{}}', b'{"items":[],"metadata":{}}'])
def test_a_list_with_nothing_in_it_has_no_items(text: bytes) -> None:
    assert read(text)[0] == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"upstream is gone",
        b"[]",
        b"{}",
        b'{"hello":1}',
        b'{"items":[]}',
        b'{"items":[],"metadata":null}',
        b'{"items":[{"a":1}',
        b'{"items":[{"a":1}}',
        b'{"items":[{"a',
        b'{"a":"\xff"}',
    ],
)
def test_what_is_no_list_or_ends_early_is_reported(text: bytes) -> None:
    with pytest.raises(MalformedListError):
        read(text)


def test_no_more_than_an_object_and_what_came_with_it_is_held_at_a_time() -> None:
    """Fifty objects of 300 KB: the reader never has as much as two of them."""
    items = [{"n": number, "text": "x" * 300_000} for number in range(50)]

    async def run() -> int:
        reader, most = ItemReader(in_chunks(json.dumps({"items": items, "metadata": {}}).encode(), 50_000)), 0
        async for _ in reader.items():
            most = max(most, len(reader._text))
        return most

    assert asyncio.run(run()) < 2 * 300_000 + 100_000


def test_what_never_becomes_an_object_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes, None]:
        nonlocal sent
        yield b'{"items":[{"a":"'
        while True:
            sent += 10_000
            yield b"x" * 10_000

    async def run() -> None:
        async for _ in ItemReader(endless(), largest=100_000).items():
            pass

    with pytest.raises(MalformedListError):
        asyncio.run(run())
    assert sent < 500_000


def limits(sizes: Iterable[int]) -> list[int]:
    """How many are asked for, where the objects of each page have those sizes."""
    asked = [FIRST_PAGE]
    for size in sizes:
        asked.append(next_limit(asked[-1], asked[-1], asked[-1] * size))
    return asked


def test_a_page_has_as_many_objects_as_fit_by_those_of_the_page_before() -> None:
    assert limits([1_500, 1_500]) == [FIRST_PAGE, FIRST_PAGE * GROWTH, LARGEST_PAGE]
    assert limits([1_300_000, 1_300_000, 1_500])[1:] == [3, 3, 12]
    assert limits([PAGE_BYTES * 2])[1:] == [1]
    assert next_limit(3, 0, 100) >= 1


def test_a_page_that_does_not_come_in_time_is_asked_for_smaller_until_all_have_come() -> None:
    """Five hundred small objects and then large ones, as somebody may have arranged them."""
    limits = PageLimits()
    assert [limits.begin(), limits.go_on(100, 100_000), limits.go_on(400, 400_000)] == [100, 400, 500]
    limits.fail()
    assert [limits.begin(), limits.go_on(100, 100_000), limits.go_on(125, 125_000)] == [100, 125, 125]
    limits.fail()
    assert [limits.begin(), limits.go_on(31, 31_000)] == [31, 31]
    limits.end()
    assert limits.begin() == FIRST_PAGE
