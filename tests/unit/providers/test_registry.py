"""Plug-ins are found by name, loaded once, and never vanish without a word."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons
from esc_operator.providers.registry import Registry, provider_registry, rotator_registry

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "esc_operator.providers"


def registry(*entries: tuple[str, str]) -> Registry[object]:
    def discover(group: str) -> Iterable[EntryPoint]:
        return [EntryPoint(name, value, group) for name, value in entries]

    return Registry(GROUP, "provider", reasons.UNKNOWN_PROVIDER, discover)


def test_the_installed_aws_login_is_found_and_loaded_once() -> None:
    providers = provider_registry()
    assert "aws-login" in providers.names()
    assert providers.find("aws-login") is providers.find("aws-login")
    assert providers.find("aws-login").name == "aws-login"


def test_an_unknown_provider_is_told_as_upstream_tells_it() -> None:
    with pytest.raises(ProviderError, match=r'^unknown provider "x"$') as caught:
        registry().find("x")
    assert caught.value.reason == "UnknownProvider"


def test_an_unknown_rotator_is_no_unknown_provider() -> None:
    with pytest.raises(ProviderError, match=r'^unknown rotator "x"$') as caught:
        rotator_registry().find("x")
    assert caught.value.reason == "UnknownRotator"


def test_a_plug_in_that_does_not_load_is_an_error_that_names_it_and_hurts_no_other() -> None:
    providers = registry(("broken", "no_such_module:P"), ("bare", "json:NOTHING"), ("good", "json:dumps"))
    for name in ("broken", "bare"):
        with pytest.raises(ProviderError, match=f'the provider "{name}"') as caught:
            providers.find(name)
        assert caught.value.reason == "ProviderNotLoaded"
    assert providers.find("good") is not None


def test_two_distributions_cannot_claim_one_name() -> None:
    with pytest.raises(ProviderError, match="registered more than once, by a:P and b:P") as caught:
        registry(("x", "a:P"), ("x", "b:P")).find("x")
    assert caught.value.reason == "ProviderAmbiguous"


def test_the_same_registration_seen_twice_is_one() -> None:
    assert registry(("x", "json:dumps"), ("x", "json:dumps")).find("x") is not None


def test_importing_driver_and_providers_is_cheap() -> None:
    script = (
        "import sys\n"
        "import esc_operator.driver, esc_operator.providers.registry, esc_operator.providers.port\n"
        "dear = {'asyncio', 'boto3', 'botocore', 'kubernetes', 'kopf', 'importlib.metadata', 'logging'}\n"
        "print(sorted(dear & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_a_provider_does_not_load_its_sdk() -> None:
    script = (
        "import sys\n"
        "from esc_operator.providers.registry import provider_registry\n"
        "provider_registry().find('aws-login')\n"
        "print(sorted({'boto3', 'botocore', 'asyncio'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
