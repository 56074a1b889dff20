"""How many calls of Secrets Manager 200 secrets of one environment take, and how long, as `esc open` reads them.

A local AWS on loopback counts the calls of the reader's key, and verifies each signature. Prints one JSON line a
figure: the calls, and the wall time of the median of a few openings after the first, which loads boto3.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import yaml

from esc_operator import api
from esc_operator.stores.port import Failed, StoredDefinition
from esc_operator.testing import FakeIdentity
from local_aws import LocalAws
from local_aws.root_user import REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET

if TYPE_CHECKING:
    from esc_operator.providers.port import Identity

FIGURES = ("aws_secrets_calls_200", "aws_secrets_seconds_200")

SECRETS = 200
RUNS = 5


class OneDefinition:
    """A store with one environment, which reads all of the secrets."""

    def __init__(self) -> None:
        login = {"static": {"accessKeyId": ROOT_ACCESS_KEY_ID, "secretAccessKey": {"fn::secret": ROOT_SECRET}}}
        get = {f"n{number}": {"secretId": f"prod/{number}"} for number in range(SECRETS)}
        values = {
            "login": {"fn::open::aws-login": login},
            "secrets": {"fn::open::aws-secrets": {"region": REGION, "login": "${login}", "get": get}},
        }
        self._text = yaml.safe_dump({"values": values})

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        del importer
        return StoredDefinition(name, self._text)


def identity() -> Identity:
    return FakeIdentity()


def measure() -> tuple[int, float]:
    """The calls of one opening, and the seconds of the median one."""
    with LocalAws() as aws:
        manager = aws.client("secretsmanager")
        for number in range(SECRETS):
            manager.create_secret(Name=f"prod/{number}", SecretString=f"value-{number}")
        times: list[float] = []
        for _ in range(RUNS + 1):
            aws.forget_counts()
            began = time.perf_counter()
            result = api.open("bench/reader", OneDefinition(), identity=identity, settings=aws.environment)
            times.append(time.perf_counter() - began)
            assert result.ok, result.errors
            calls: dict[str, Any] = dict(aws.calls()[ROOT_ACCESS_KEY_ID]["secretsmanager"].actions)
            assert calls == {"BatchGetSecretValue": calls["BatchGetSecretValue"]}, calls
    return calls["BatchGetSecretValue"], statistics.median(times[1:])


def main(wanted: list[str]) -> None:
    calls, seconds = measure()
    figures = {"aws_secrets_calls_200": (calls, "calls"), "aws_secrets_seconds_200": (round(seconds, 3), "s")}
    for name in wanted or FIGURES:
        value, unit = figures[name]
        print(json.dumps({"figure": name, "value": value, "unit": unit}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
