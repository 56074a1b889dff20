"""What readers have in common: many at once, and all failures together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import Opened, ReadVersion
from esc_operator.providers.reading import AT_ONCE, MOST_ITEMS, MOST_TOLD, Found, opened, read_each, too_many


class Store:
    """Answers with the name in upper case, or with the error for it."""

    def __init__(self, **failures: ProviderError) -> None:
        self.failures = failures
        self.asked: list[tuple[str, str]] = []
        self.running = self.most_running = 0

    async def read(self, ref: str, asking: str) -> Found:
        self.asked.append((ref, asking))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        if ref in self.failures:
            raise self.failures[ref]
        return Found(ref.upper(), "7", "a note")


def read(store: Store, **wanted: str) -> Opened:
    inputs = {"get": {name: {"name": ref} for name, ref in wanted.items()}}
    return opened("get", inputs, asyncio.run(read_each("get", wanted, store.read)))


def refused(store: Store, **wanted: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(store, **wanted)
    return caught.value


def test_what_several_names_ask_for_is_read_once() -> None:
    store = Store()
    answer = read(store, a="x", b="y", c="x")
    assert answer.value == {"a": "X", "b": "Y", "c": "X"}
    assert answer.versions[2] == ReadVersion(("get", "c"), "x", "7", "a note")
    assert store.asked == [("x", "get.a"), ("y", "get.b")]


def test_a_few_are_read_at_a_time() -> None:
    store = Store()
    read(store, **{f"n{number}": f"ref{number}" for number in range(50)})
    assert store.most_running == AT_ONCE


def test_each_failure_is_told_and_the_whole_is_refused() -> None:
    store = Store(x=ProviderError("x is missing", reason="Missing"), z=ProviderError("z is denied", reason="Denied"))
    error = refused(store, a="x", b="y", c="z")
    assert (error.message, error.reason) == ("x is missing; z is denied", "Missing")
    assert [(part.path, part.reason) for part in error.parts] == [(("get", "a"), "Missing"), (("get", "c"), "Denied")]


def test_what_is_the_same_for_all_is_told_once() -> None:
    store = Store(
        x=ProviderError("the firewall", reason="Firewall"), y=ProviderError("the firewall", reason="Firewall")
    )
    assert refused(store, a="x", b="y").message == "the firewall"


def test_no_message_is_endless() -> None:
    failures = {f"ref{number}": ProviderError(f"no {number}", reason="Missing") for number in range(MOST_TOLD + 5)}
    message = refused(Store(**failures), **{name: name for name in failures}).message
    assert message.count("no ") == MOST_TOLD
    assert message.endswith("(and 5 more)")


@pytest.mark.parametrize("of_all", [{"outage": True}, {"throttled": True}, {"login_refused": True}], ids=str)
def test_after_a_failure_of_all_nothing_more_is_asked_and_it_is_told_alone(of_all: dict[str, Any]) -> None:
    names = {f"ref{number}": f"ref{number}" for number in range(100)}
    store = Store(ref0=ProviderError("missing", reason="Missing"), ref3=ProviderError("down", reason="Down", **of_all))
    error = refused(store, **names)
    assert (error.message, error.outage, error.throttled) == (
        "down",
        "login_refused" not in of_all,
        "throttled" in of_all,
    )
    assert len(store.asked) == AT_ONCE


def test_one_call_reads_so_many_at_most() -> None:
    assert not list(too_many("get", dict.fromkeys(range(MOST_ITEMS))))  # type: ignore[arg-type]  # only their number counts
    (problem,) = too_many("get", {str(number): {} for number in range(MOST_ITEMS + 1)})
    assert "split them into several calls" in problem.message
