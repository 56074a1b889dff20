"""Every installed provider and rotator passes the public suite."""

from __future__ import annotations

import pytest

from esc_operator.providers.registry import provider_registry, rotator_registry
from esc_operator.testing import Check, checks
from unit.providers.declared import all_trials


@pytest.mark.parametrize("check", checks(*all_trials()), ids=str)
def test_it_passes_the_suite(check: Check) -> None:
    check()


def test_every_installed_plug_in_has_a_trial() -> None:
    plugins = [trial.plugin() for trial in all_trials()]
    rotators = {plugin.name for plugin in plugins if hasattr(plugin, "rotate")}
    assert {plugin.name for plugin in plugins if not hasattr(plugin, "rotate")} == set(provider_registry().names())
    assert rotators == set(rotator_registry().names())
