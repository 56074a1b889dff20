"""Who has little to do and was served lately."""

from __future__ import annotations

from esc_operator.reconciliation.workqueue.light_tenants import LATELY, LightTenants


def test_one_with_little_to_do_counts_for_so_many_picks() -> None:
    light = LightTenants()
    assert not light
    light.picked("blue", is_light=True)
    for _ in range(LATELY - 1):
        assert light
        light.picked("red", is_light=False)
    assert light
    light.picked("red", is_light=False)
    assert not light


def test_one_counts_from_when_it_was_served_last() -> None:
    light = LightTenants()
    light.picked("blue", is_light=True)
    light.picked("green", is_light=True)
    for _ in range(LATELY - 2):
        light.picked("red", is_light=False)
    light.picked("blue", is_light=True)
    for _ in range(LATELY - 1):
        light.picked("red", is_light=False)
        assert light
    light.picked("red", is_light=False)
    assert not light


def test_one_that_has_much_to_do_now_does_not_count() -> None:
    light = LightTenants()
    light.picked("blue", is_light=True)
    light.drop("blue")
    light.drop("nobody")
    assert not light
    light.picked("blue", is_light=True)
    light.picked("blue", is_light=False)
    assert not light
