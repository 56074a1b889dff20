"""What the readers of a namespace give, how often they ask, and what they say of all that is missing together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from esc_operator.errors import IdentityError, ProviderError
from esc_operator.evaluation import ReadVersion
from esc_operator.providers.kubernetes.config_maps import PROVIDER as CONFIG_MAPS
from esc_operator.providers.kubernetes.secrets import PROVIDER as SECRETS
from esc_operator.testing import FakeContext
from unit.providers.kubernetes.namespace import PASSWORD, FakeNamespace


def opened(provider: Any, identity: FakeNamespace | None = None, **get: dict[str, Any]) -> Any:
    context = FakeContext(identity=identity or FakeNamespace())
    return asyncio.run(provider.open({"get": get}, context))


def test_keys_and_whole_secrets_are_given_by_name_and_are_secret() -> None:
    answer = opened(SECRETS, one={"name": "db", "key": "user"}, all={"name": "db"}, none={"name": "empty"})
    assert answer.value == {"one": "web", "all": {"user": "web", "password": PASSWORD}, "none": {}}
    assert (answer.secret, answer.lease) == (True, None)
    assert answer.versions[0] == ReadVersion(("get", "one"), "db", "17")
    assert PASSWORD not in repr(answer)


def test_config_maps_are_given_to_the_letter_and_are_no_secrets() -> None:
    answer = opened(CONFIG_MAPS, hosts={"name": "settings", "key": "hosts"})
    assert (answer.value, answer.secret) == ({"hosts": "a\nb\n"}, False)


def test_what_is_not_text_is_given_in_base64_if_that_is_asked_for() -> None:
    answer = opened(SECRETS, jks={"name": "store", "key": "jks", "base64": True})
    assert answer.value == {"jks": "/u3+7Q=="}
    answer = opened(CONFIG_MAPS, logo={"name": "settings", "key": "logo", "base64": True})
    assert answer.value == {"logo": "iVBOR/8="}


def test_an_object_is_read_once_for_all_its_keys() -> None:
    namespace = FakeNamespace()
    opened(SECRETS, namespace, a={"name": "db", "key": "user"}, b={"name": "db", "key": "password"})
    assert namespace.read == ["Secret/db"]


def test_all_that_is_missing_is_told_at_once_each_at_its_place() -> None:
    namespace = FakeNamespace(forbidden=frozenset({"store"}))
    with pytest.raises(ProviderError) as caught:
        opened(
            SECRETS,
            namespace,
            ok={"name": "db", "key": "user"},
            key={"name": "db", "key": "pw"},
            gone={"name": "gone"},
            denied={"name": "store"},
        )
    assert [(".".join(part.path), part.message, part.reason) for part in caught.value.parts] == [
        ("get.key", "Secret apps/db has no key pw, it has 2 keys: add it, or correct `key`", "KeyNotFound"),
        ("get.gone", "Secret apps/gone does not exist: create it, or correct `name`", "ObjectNotFound"),
        ("get.denied", "ServiceAccount apps/web may not get Secret apps/store", "ObjectForbidden"),
    ]
    assert caught.value.reason == "KeyNotFound"


def test_an_outage_of_the_api_server_is_told_as_such_and_ends_the_call() -> None:
    namespace = FakeNamespace(outage=IdentityError("the API server does not answer", reason="KubernetesUnavailable"))
    with pytest.raises(IdentityError, match="does not answer"):
        opened(SECRETS, namespace, a={"name": "db"}, b={"name": "store"})
    assert namespace.read == ["Secret/db"]


def test_keys_of_a_secret_are_not_told() -> None:
    with pytest.raises(ProviderError) as caught:
        opened(SECRETS, a={"name": "db", "key": "pw"})
    assert "password" not in caught.value.message
