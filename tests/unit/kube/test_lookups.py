"""Looking for Secrets that are not ours: how many requests it takes, and that no answer is older than the question."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import ForbiddenError, KubeError, UnavailableError
from esc_operator.kube.lookups import ALONE, CROWD, GOOD_SECONDS, Lookups
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL
from esc_operator.resources.environment import Key
from unit.reconciliation.fake_api import FakeApi

if TYPE_CHECKING:
    from unit.reconciliation.fake_api import Call


class Looking:
    """Looks at a fake API server, under a clock that the test moves."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.time = 100.0
        self.lookups = Lookups(self.api, lambda: self.time)

    async def look(self, *names: str, namespace: str = "apps", since: float | None = None) -> list[bool]:
        """Whether each was found, all looked for at once."""
        asked = (self.lookups.look(Key(namespace, name), self.time if since is None else since) for name in names)
        return [found is not None for found in await asyncio.gather(*asked)]

    @property
    def requests(self) -> Counter[str]:
        return Counter(call.verb for call in self.api.calls)


MANY = [f"env-{number}" for number in range(40)]


def test_one_look_is_one_request_for_the_one_name() -> None:
    looking = Looking()
    looking.api.put_secret("there", {"A": "eA=="})

    assert asyncio.run(looking.look("there")) == [True]
    assert asyncio.run(looking.look("gone")) == [False]
    assert looking.requests == {"read_metadata": 2}


def test_many_looks_at_once_share_a_list() -> None:
    looking = Looking()
    looking.api.put_secret("env-7", {"A": "eA=="})

    found = asyncio.run(looking.look(*MANY))

    assert [name for name, one in zip(MANY, found, strict=True) if one] == ["env-7"]
    assert looking.requests == {"read_metadata": ALONE, "list_page": 1}


def test_each_namespace_is_listed_by_itself() -> None:
    looking = Looking()
    looking.api.put_secret("env-7", {"A": "eA=="}, "apps")

    async def both() -> tuple[list[bool], list[bool]]:
        return await asyncio.gather(looking.look(*MANY), looking.look(*MANY, namespace="other"))

    here, there = asyncio.run(both())
    assert (here.count(True), there.count(True)) == (1, 0)


def test_what_was_wanted_before_the_list_was_made_needs_no_request() -> None:
    looking = Looking()
    asyncio.run(looking.look(*MANY))
    before = len(looking.api.calls)
    looking.time += GOOD_SECONDS / 2

    assert asyncio.run(looking.look("more", since=99.0)) == [False]
    assert len(looking.api.calls) == before


def test_what_is_wanted_later_is_looked_for_anew() -> None:
    looking = Looking()
    asyncio.run(looking.look(*MANY))
    looking.api.put_secret("more", {"A": "eA=="})
    looking.time += 0.001

    assert asyncio.run(looking.look("more")) == [True]


def test_a_list_is_not_good_for_long() -> None:
    looking = Looking()
    asyncio.run(looking.look(*MANY))
    looking.api.put_secret("more", {"A": "eA=="})
    looking.time += GOOD_SECONDS

    assert asyncio.run(looking.look("more", since=99.0)) == [True]


def test_whoever_comes_while_a_list_is_under_way_waits_for_the_next_one() -> None:
    looking = Looking()
    appeared: list[bool] = []

    async def story() -> None:
        late: list[asyncio.Task[list[bool]]] = []

        def while_listing(call: Call) -> None:
            if call.verb == "list_page" and not late:
                late.append(asyncio.create_task(look_late()))

        async def look_late() -> list[bool]:
            # It appears after the first list was made, and before this look.
            looking.time += 0.001
            looking.api.put_secret("late", {"A": "eA=="})
            return await looking.look("late")

        looking.api.before_call = while_listing
        await looking.look(*MANY)
        appeared.extend(await late[0])

    asyncio.run(story())
    assert appeared == [True]


def test_ours_are_left_to_the_informer() -> None:
    looking = Looking()
    for name in MANY:
        looking.api.put_secret(name, {"A": "eA=="}, labels={MANAGED_BY_LABEL: MANAGED_BY})

    found = asyncio.run(looking.look(*MANY))

    assert found.count(True) == ALONE
    assert looking.requests["list_page"] == 1


def test_in_a_crowd_each_is_looked_for_by_its_name() -> None:
    looking = Looking()
    for number in range(CROWD + 1):
        looking.api.put_secret(f"foreign-{number}", {"A": "eA=="})
    looking.api.put_secret("env-7", {"A": "eA=="})

    first = asyncio.run(looking.look(*MANY))
    asyncio.run(looking.look(*MANY))

    assert [name for name, one in zip(MANY, first, strict=True) if one] == ["env-7"]
    assert looking.requests == {"read_metadata": 2 * len(MANY), "list_page": 1}


@pytest.mark.parametrize("error", [UnavailableError("away"), ForbiddenError("no")])
def test_a_list_that_fails_is_reported_to_all_who_wait_for_it(error: KubeError) -> None:
    looking = Looking()
    looking.api.refusals["list_page", "secrets"] = error

    async def look(name: str) -> object:
        try:
            return await looking.lookups.look(Key("apps", name), looking.time)
        except type(error) as raised:
            return raised

    async def all_of_them() -> list[object]:
        return await asyncio.gather(*(look(name) for name in MANY))

    outcomes = asyncio.run(all_of_them())
    assert outcomes.count(None) == ALONE
    assert outcomes.count(error) == len(MANY) - ALONE
    looking.api.refusals.clear()
    assert not any(asyncio.run(looking.look(*MANY)))


def test_one_who_is_cancelled_leaves_the_list_to_the_others() -> None:
    looking = Looking()

    async def story() -> None:
        tasks = [asyncio.create_task(looking.lookups.look(Key("apps", name), looking.time)) for name in MANY]
        await asyncio.sleep(0)
        impatient = tasks.pop(ALONE)  # who has asked for the list
        impatient.cancel()
        assert await asyncio.gather(*tasks) == [None] * len(tasks)
        assert impatient.cancelled()

    asyncio.run(story())
