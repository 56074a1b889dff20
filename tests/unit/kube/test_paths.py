"""Where objects live, and what is known without the Kubernetes client."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import IdentityError
from esc_operator.kube.lines import split_lines
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS, SERVICE_ACCOUNTS
from esc_operator.kube.tokens import missing_service_account, parse_token, token_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def test_paths_are_those_of_the_api() -> None:
    assert SECRETS.path() == "/api/v1/secrets"
    assert SECRETS.path("apps") == "/api/v1/namespaces/apps/secrets"
    assert SERVICE_ACCOUNTS.path("apps", "web", "token") == "/api/v1/namespaces/apps/serviceaccounts/web/token"
    assert (
        ENVIRONMENTS.path("apps", "aws", "status")
        == "/apis/esc-operator.dev/v1alpha1/namespaces/apps/escenvironments/aws/status"
    )


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_leads_to_another_path(namespace: str, name: str) -> None:
    assert SECRETS.path(namespace, name).count("/") == SECRETS.path("a", "b").count("/")
    assert "?" not in SECRETS.path(namespace, name)


def test_a_token_is_asked_for_one_audience_and_never_for_the_api_server() -> None:
    assert token_request("sts.amazonaws.com")["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}
    with pytest.raises(IdentityError):
        token_request("")


def test_a_token_does_not_show() -> None:
    token = parse_token({"status": {"token": "e30.e30.sig", "expirationTimestamp": "2026-05-01T12:00:00Z"}})
    assert token.reveal() == "e30.e30.sig"
    assert "sig" not in repr(token)
    assert token.expires_at is not None


def test_a_missing_service_account_is_reported_with_what_to_do() -> None:
    error = missing_service_account("apps", "web")
    assert error.reason == "ServiceAccountMissing"
    assert "create it, or name another one in spec.serviceAccountName" in error.message


def test_importing_the_package_and_its_plain_parts_leaves_the_client_alone() -> None:
    modules = "esc_operator.kube, esc_operator.kube.paths, esc_operator.kube.tokens, esc_operator.kube.translate"
    script = f"import json, sys, {modules}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    assert not [
        name for name in loaded if name.split(".")[0] in {"kubernetes", "aiohttp", "asyncio", "urllib3", "kopf"}
    ]


@given(lines=st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), cuts=st.lists(st.integers(0)))
def test_lines_are_the_same_however_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"broken off"
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})

    async def chunks() -> AsyncIterator[bytes]:
        for start, end in itertools.pairwise(places):
            yield stream[start:end]

    async def read() -> list[bytes]:
        return [line async for line in split_lines(chunks())]

    assert asyncio.run(read()) == lines
