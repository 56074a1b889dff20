"""What a generated password or passphrase is like, for all inputs that are allowed."""

from __future__ import annotations

import asyncio
import string
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.providers.generated.passphrase import Passphrase
from esc_operator.providers.generated.password import KINDS, SPECIAL, Password
from esc_operator.testing import FakeContext

if TYPE_CHECKING:
    from esc_operator.providers.generated.texts import GeneratedText

MINIMUMS = st.integers(0, 12)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "length": st.integers(8, 100),
        **{kind.name: st.booleans() for kind in KINDS},
        **{kind.minimum: MINIMUMS for kind in KINDS},
        "overrideSpecial": st.text(alphabet="!?äa1", max_size=6),
    },
)


def rotated(rotator: GeneratedText, inputs: dict[str, Any], state: Any = None) -> Any:
    return asyncio.run(rotator.rotate(inputs, state, FakeContext())).state


@given(INPUTS, st.integers())
def test_inputs_have_a_problem_or_a_password_that_fits(inputs: dict[str, Any], seed: int) -> None:
    rotator = Password(Random(seed))
    if list(rotator.problems(inputs)):
        return
    made = rotated(rotator, inputs)["current"]
    assert len(made) == inputs.get("length", 16)
    special = inputs.get("overrideSpecial", SPECIAL)
    letters = {kind.name: kind.characters for kind in KINDS} | {"special": special}
    allowed = "".join(letters[kind.name] for kind in KINDS if inputs.get(kind.name, True))
    assert set(made) <= set(allowed)
    for kind in KINDS:
        assert sum(one in letters[kind.name] for one in made) >= inputs.get(kind.minimum, 0)


def test_a_password_has_sixteen_characters_of_all_kinds_by_default() -> None:
    made = "".join(rotated(Password(Random(1)), {})["current"] for _ in range(50))
    assert len(made) == 50 * 16
    for characters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, SPECIAL):
        assert set(characters) & set(made)


def test_no_place_of_a_password_is_kept_for_a_kind() -> None:
    rotator = Password(Random(7))
    places = {
        made.index(next(one for one in made if one.isdigit()))
        for made in (rotated(rotator, {"length": 8, "numeric": True, "minNumeric": 1})["current"] for _ in range(200))
    }
    assert places == set(range(8))


def test_every_character_is_as_probable_as_another() -> None:
    drawn = "".join(
        rotated(Password(Random(3)), {"length": 100, "upper": False, "numeric": False, "overrideSpecial": "!!!!"})[
            "current"
        ]
        for _ in range(1)
    )
    assert drawn.count("!") < 20, "a character that is written four times counts once"


@pytest.mark.parametrize("length", [3, 15])
def test_a_passphrase_has_words_of_the_list(length: int) -> None:
    made = rotated(Passphrase(Random(1)), {"length": length, "separator": "_"})["current"]
    words = made.split("_")
    assert len(words) == length
    assert all(word.isascii() and word.islower() and 3 <= len(word) <= 8 for word in words)


def test_a_passphrase_has_five_words_by_default_and_may_have_capitals() -> None:
    assert len(rotated(Passphrase(), {})["current"].split("-")) == 5
    assert all(word[0].isupper() for word in rotated(Passphrase(), {"capitalize": True})["current"].split("-"))


@pytest.mark.parametrize("rotator", [Password, Passphrase])
def test_random_numbers_are_the_operating_systems(rotator: type[GeneratedText]) -> None:
    assert isinstance(rotator()._random, SystemRandom)


@pytest.mark.parametrize("rotator", [Password, Passphrase])
def test_no_rotation_repeats_another(rotator: type[GeneratedText]) -> None:
    one, seen = rotator(), set()
    state: Any = {}
    for _ in range(20):
        before = state.get("current")
        state = rotated(one, {}, state or None)
        assert state.get("previous") == before
        seen.add(state["current"])
    assert len(seen) == 20
