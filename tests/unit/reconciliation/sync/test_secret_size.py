"""What is too large for etcd is refused before it is written, by all that etcd counts."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.sync.secret_size import LARGEST, refuse_size
from unit.reconciliation.world import World, play, static


def a_secret(data: dict[str, str], **metadata: dict[str, str]) -> dict[str, Any]:
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return {"metadata": {"name": "app", "namespace": "apps", **metadata}, "data": encoded}


def long_names(count: int) -> dict[str, str]:
    return {f"{number:04}".rjust(250, "A"): "1" for number in range(count)}


@pytest.mark.parametrize(
    ("secret", "is_refused"),
    [
        (a_secret({"A": "x" * (1 << 20)}), False),
        (a_secret(long_names(2900)), False),
        (a_secret(long_names(3100)), True),
        (a_secret({"A": "x" * (1 << 20), **long_names(1100)}), True),
        (a_secret({"A": "x" * (1 << 20)}, annotations={"a": "y" * (260 << 10)}), False),
        (a_secret({"A": "x" * (1 << 20), **long_names(600)}, annotations={"a": "y" * (250 << 10)}), True),
        (a_secret({}), False),
    ],
)
def test_names_labels_and_annotations_count_as_values_do(secret: dict[str, Any], is_refused: bool) -> None:
    assert bool(refuse_size(secret)) is is_refused


def test_the_message_says_what_takes_how_much_and_what_to_do() -> None:
    message = refuse_size(a_secret({"B": "x" * 300_000, **long_names(3100)}, labels={"a": "b"}))
    assert message.startswith(f"a Secret takes at most 1.5 MiB in etcd ({LARGEST} bytes), and this one takes 19")
    assert "303100 of values, " in message
    assert "of the names of 3101 keys, which are stored twice, " in message
    assert "The largest: B (300018 bytes), " in message
    assert message.endswith("Shorten them, or split the environment")
    assert len(message) < 600


@given(value=st.text(st.sampled_from("0123456789"), min_size=12, max_size=30))
def test_no_value_shows(value: str) -> None:
    assert value not in refuse_size(a_secret({"B": value, **long_names(3100)}))


def test_it_is_told_as_too_large_and_the_api_server_is_not_asked() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(**long_names(3100)))
        async with world.operator():
            assert world.told("app") == ("False", "SecretTooLarge", "False", "SecretTooLarge")
            assert "1.5 MiB in etcd" in world.condition("app")["message"]
            assert world.api.count("apply") == 0

    play(story)
