"""Two users by turns: what is intended, what is kept, and what an interrupted rotation does again."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.providers.databases.postgres import Postgres
from esc_operator.providers.databases.rotator import DatabaseRotator, new_password
from esc_operator.testing import FakeContext
from esc_operator.testing.fakes import FakeStream
from unit.providers.databases.servers import PostgresServer
from unit.providers.databases.trials import INPUTS, USERS

if TYPE_CHECKING:
    from collections.abc import Mapping


def rotator(server: PostgresServer | None = None) -> DatabaseRotator:
    numbers = count(1)
    return DatabaseRotator(Postgres((server or PostgresServer()).connect), lambda: f"password-{next(numbers)}")


def rotate(one: DatabaseRotator, state: Mapping[str, Any] | None, places: list[str] | None = None) -> dict[str, Any]:
    async def connect(url: str) -> FakeStream:
        (places if places is not None else []).append(url)
        return FakeStream()

    context = FakeContext(connect=connect)
    try:
        made: dict[str, Any] = asyncio.run(one.rotate(INPUTS, state, context)).state
    finally:
        context.close()
    return made


def test_users_alternate_and_the_one_in_use_stays() -> None:
    one, state, seen = rotator(), dict[str, Any](), []
    for _ in range(4):
        before = state
        state = rotate(one, one.intend(INPUTS, before or None))
        assert "pending" not in state
        assert state.get("previous") == before.get("current")
        seen.append(state["current"]["username"])
    assert seen == ["app1", "app2", "app1", "app2"]


def test_a_state_that_was_written_by_hand_is_gone_on_with() -> None:
    current = {"username": "app2", "password": "by-hand"}
    state = rotate(rotator(), {"current": current})
    assert state == {"current": {"username": "app1", "password": "password-1"}, "previous": current}


def test_a_user_that_is_not_rotated_any_more_is_followed_by_the_first() -> None:
    current = {"username": "former", "password": "of-before"}
    assert rotate(rotator(), {"current": current})["current"]["username"] == "app1"


def test_an_interrupted_rotation_is_done_again_with_the_same_password() -> None:
    one, server = rotator(), PostgresServer(error=ConnectionResetError(), words="ALTER")
    intended = one.intend(INPUTS, None)
    with pytest.raises(ProviderError):
        rotate(rotator(server), intended)
    assert one.intend(INPUTS, intended) == intended
    assert rotate(one, intended) == {"current": intended["pending"]}


def test_an_intention_for_a_user_that_is_not_named_any_more_is_replaced() -> None:
    one = rotator()
    intended = one.intend({**INPUTS, "rotateUsers": {"username1": "other", "username2": "app2"}}, None)
    assert one.intend(INPUTS, intended)["pending"]["username"] == "app1"


def test_an_intention_is_not_shown_and_nothing_is_open_before_the_first_rotation() -> None:
    one, context = rotator(), FakeContext()
    current = {"username": "app1", "password": "in-use"}
    intended = one.intend(INPUTS, {"current": current})
    assert asyncio.run(one.open(INPUTS, intended, context)).value == {"current": current}
    for state in (None, {}, one.intend(INPUTS, None)):
        with pytest.raises(ProviderError, match="there is no password yet: rotate this environment"):
            asyncio.run(one.open(INPUTS, state, context))


def test_it_connects_to_the_host_and_the_port_of_its_inputs() -> None:
    places: list[str] = []
    rotate(rotator(), None, places)
    assert places == ["postgres://db.example.com:5432"]


@given(st.lists(st.booleans(), max_size=12))
def test_whatever_is_interrupted_the_database_has_the_current_password_or_the_pending_one(ends: list[bool]) -> None:
    """Each rotation ends, or is cut off after the database has its password."""
    one = rotator()
    passwords: dict[str, str] = {}
    kept: Mapping[str, Any] = {}
    for is_whole in ends:
        kept = one.intend(INPUTS, kept)
        made = rotate(one, kept)
        passwords[made["current"]["username"]] = made["current"]["password"]
        kept = made if is_whole else kept
        if current := kept.get("current"):
            assert passwords[current["username"]] == current["password"]
        known = [kept[name] for name in ("current", "previous", "pending") if name in kept]
        assert {(one["username"], one["password"]) for one in known} >= set(passwords.items())
    assert set(passwords) <= set(USERS.values())


def test_passwords_differ_and_need_no_quoting() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(text) == 43 and text.replace("-", "a").replace("_", "a").isalnum() for text in made)
