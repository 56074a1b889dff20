"""A plug-in whose extra is missing is known all the same, and says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from esc_operator.evaluation import InputProblem
from esc_operator.providers.extras import is_installed, missing_extra
from esc_operator.providers.port import Extra
from esc_operator.providers.registry import provider_registry, rotator_registry


def test_the_problem_names_the_extra_and_how_to_install_it() -> None:
    plugin = SimpleNamespace(extra=Extra("big", ("no_such_module",), "acme-esc"))
    assert list(missing_extra(plugin, "acme-secrets")) == [
        InputProblem(
            (),
            '"acme-secrets" needs the extra "big" of acme-esc, which is not installed here: run pip install'
            " 'acme-esc[big]'; the operator's image needs it too",
            "ExtraMissing",
        )
    ]


def test_nothing_is_missing_where_it_is_installed_or_none_is_needed() -> None:
    assert not list(missing_extra(SimpleNamespace(extra=Extra("small", ("json", "email.utils"))), "acme"))
    assert not list(missing_extra(SimpleNamespace(), "acme"))


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.part", "json.no_such_part"])
def test_a_part_that_is_not_there_is_missing(module: str) -> None:
    assert not is_installed(Extra("big", ("json", module)))


def test_no_plug_in_imports_its_extra_before_it_is_opened() -> None:
    registries = (provider_registry(), rotator_registry())
    plugins = [registry.find(name) for registry in registries for name in registry.names()]
    modules = [module for plugin in plugins if (extra := getattr(plugin, "extra", None)) for module in extra.modules]
    code = (
        "import sys\n"
        f"sys.modules |= dict.fromkeys({modules!r})\n"
        "from esc_operator.cli import main\n"
        "sys.argv = ['esc', 'schema']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert not done.stderr, "a plug-in cannot be loaded without its extra"
    for plugin in plugins:
        assert f'"fn::{"rotate" if hasattr(plugin, "rotate") else "open"}::{plugin.name}"' in done.stdout
