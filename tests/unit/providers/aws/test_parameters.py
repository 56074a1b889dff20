from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.providers.aws.parameters import MOST_IN_BATCH, AwsParameterStore, batches_of
from unit.providers.aws.test_secrets import LOGIN, Context, refusal

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from esc_operator.evaluation import Opened

ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter"


class Store:
    """Parameter Store: what is `missing`, and what the login may not read."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], bool]] = []
        self.missing: set[str] = set()
        self.denied: dict[str, ClientError] = {}

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> Any:  # noqa: N803 - as boto3 has it
        self.calls.append((Names, WithDecryption))
        for name in Names:
            if name in self.denied:
                raise self.denied[name]
        good = [name for name in Names if name not in self.missing]
        return {
            "Parameters": [self._entry(name, WithDecryption) for name in good],
            "InvalidParameters": [name for name in Names if name in self.missing],
        }

    def _entry(self, name: str, decrypted: bool) -> dict[str, Any]:
        base = name.removeprefix(ARN).partition(":")[0]
        return {
            "Name": base,
            "ARN": f"{ARN}{base}",
            "Version": 3,
            "Value": f"{name} {'decrypted' if decrypted else 'as it is'}",
        }

    def close(self) -> None:
        """Nothing to close."""


def read(store: Store, get: dict[str, Any]) -> Opened:
    provider = AwsParameterStore(lambda _target, login: store if login == LOGIN else None)
    context: Any = Context()
    return asyncio.run(provider.open({"region": "eu-west-1", "login": LOGIN, "get": get}, context))


def test_parameters_are_read_ten_a_call() -> None:
    store = Store()
    opened = read(store, {f"n{number}": {"name": f"/p/{number}"} for number in range(25)})
    assert [len(names) for names, _ in store.calls] == [10, 10, 5]
    assert opened.value["n24"] == "/p/24 as it is"
    assert opened.versions[24].version == "3"
    assert opened.versions[24].name == "/p/24"


def test_those_to_decrypt_are_asked_for_apart() -> None:
    store = Store()
    get = {"a": {"name": "/a", "decrypt": True}, "b": {"name": "/b"}, "c": {"name": "/c", "decrypt": True}}
    assert read(store, get).value == {"a": "/a decrypted", "b": "/b as it is", "c": "/c decrypted"}
    assert store.calls == [(["/a", "/c"], True), (["/b"], False)]


def test_versions_and_labels_of_one_parameter_are_told_apart() -> None:
    store = Store()
    get = {"now": {"name": "/a"}, "old": {"name": "/a:2"}, "labelled": {"name": "/a:stable"}}
    assert read(store, get).value == {
        "now": "/a as it is",
        "old": "/a:2 as it is",
        "labelled": "/a:stable as it is",
    }


def test_a_parameter_of_another_account_is_named_by_its_arn_with_or_without_a_version() -> None:
    store = Store()
    assert read(store, {"a": {"name": f"{ARN}/a"}}).value == {"a": f"{ARN}/a as it is"}
    assert read(store, {"a": {"name": f"{ARN}/a:3"}}).value == {"a": f"{ARN}/a:3 as it is"}
    assert [names for names, _ in store.calls] == [[f"{ARN}/a"], [f"{ARN}/a:3"]]


def refused(store: Store, get: dict[str, Any]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(store, get)
    return caught.value


def test_everything_that_is_missing_or_denied_is_told_each_at_its_own_place() -> None:
    store = Store()
    store.missing = {"/p/1", "/p/12:9"}
    store.denied = {
        "/p/2": refusal("AccessDeniedException", "not authorized to perform: ssm:GetParameters"),
        "/p/3": refusal("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist"),
    }
    get = {f"n{number}": {"name": f"/p/{number}", "decrypt": True} for number in range(12)}
    error = refused(store, {**get, "n12": {"name": "/p/12:9", "decrypt": True}})
    assert [(part.path[1], part.reason) for part in error.parts] == [
        ("n1", "AWSParameterMissing"),
        ("n2", "AWSAccessDenied"),
        ("n3", "AWSDecryptionRefused"),
        ("n12", "AWSParameterMissing"),
    ]
    assert error.parts[1].message.startswith('the login may not read the parameter "/p/2" in eu-west-1: allow ssm:Get')
    assert error.parts[3].message.startswith(
        'the parameter "/p/12" does not exist in eu-west-1, in the account of the login, or has no version or label 9: '
    )


_WANTED = st.lists(
    st.tuples(st.sampled_from("abcdefghijklmnop"), st.sampled_from(["", "1", "2"]), st.booleans()), unique=True
)


@given(_WANTED)
def test_batches_have_all_and_no_name_twice(wanted: list[tuple[str, str, bool]]) -> None:
    provider = AwsParameterStore()
    refs = [
        provider.ref({"name": f"/{name}" + (f":{selector}" if selector else ""), "decrypt": decrypts}, "eu-west-1")
        for name, selector, decrypts in wanted
    ]
    made = batches_of(refs)
    assert sorted(ref for batch in made for ref in batch) == sorted(refs)
    for batch in made:
        assert len(batch) <= MOST_IN_BATCH
        assert len({ref.name for ref in batch}) == len(batch)
        assert len({ref.decrypts for ref in batch}) == 1
