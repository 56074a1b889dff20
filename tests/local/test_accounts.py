"""moto's records of IAM and STS are worked on by one request at a time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from local_aws import LocalAws, accounts
from local_issuer import LocalIssuer

ROLE = f"arn:aws:iam::{accounts.DEFAULT_ACCOUNT}:role/web"


@pytest.mark.parametrize(
    "look",
    [
        lambda: accounts.find_role(accounts.DEFAULT_ACCOUNT, ROLE),
        lambda: accounts.find_key_in_moto("AKIA"),
        lambda: accounts.make_temporary_key(accounts.DEFAULT_ACCOUNT, ROLE, datetime.now(UTC)),
    ],
    ids=["a role", "a key", "a new key"],
)
def test_whoever_looks_at_them_waits_for_the_request_that_may_change_them(look: Callable[[], object]) -> None:
    looking = threading.Thread(target=look)
    with accounts.alone():
        looking.start()
        looking.join(0.2)
        assert looking.is_alive()
    looking.join(30)
    assert not looking.is_alive()


def test_roles_can_be_made_by_many_at_once(shared_aws: LocalAws, issuer: LocalIssuer) -> None:
    failures: list[BaseException] = []

    def make(maker: int) -> None:
        aws = LocalAws.attach(shared_aws.endpoint_url)
        try:
            for number in range(25):
                aws.create_role(f"made-by-{maker}-{number}", issuer.url, "system:serviceaccount:apps:web")
        except Exception as error:  # noqa: BLE001 - whatever it is, in whichever thread, is for the test to tell
            failures.append(error)

    makers = [threading.Thread(target=make, args=(maker,)) for maker in range(4)]
    for one in makers:
        one.start()
    for one in makers:
        one.join(60)
    assert failures == []
