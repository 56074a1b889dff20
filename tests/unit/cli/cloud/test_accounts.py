"""What Pulumi's command wrote is read, what it does not know of is kept, and no token shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from esc_operator.cli.cloud.accounts import (
    Account,
    find_account,
    parse,
    render,
    urls,
    with_account,
    without_account,
)
from esc_operator.errors import ConfigurationError

URL = "https://api.pulumi.com"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WRITTEN: dict[str, Any] = {
    "current": URL,
    "accessTokens": {URL: "pul-canary", "s3://state": ""},
    "accounts": {
        URL: {
            "accessToken": "pul-canary",
            "refreshToken": "refresh-canary",
            "username": "jane",
            "organizations": ["jane", "acme"],
            "lastValidatedAt": "2026-11-29T10:11:12.123456789+01:00",
            "tokenInformation": {"name": "laptop", "expiresAt": "2026-11-29T14:00:00Z", "of": "the future"},
            "of": "the future",
        },
        "s3://state": {"lastValidatedAt": "0001-01-01T00:00:00Z"},
    },
    "credentialHelper": {"path": "helper"},
    "version": 1,
}


def test_a_login_of_pulumis_command_is_read() -> None:
    expires = datetime(2026, 11, 29, 14, tzinfo=UTC)
    organizations = ("jane", "acme")
    known = Account("pul-canary", "jane", organizations, expires, is_renewable=True, token_name="laptop")
    assert find_account(WRITTEN, URL) == known
    assert find_account(WRITTEN, f"{URL}/") == find_account(WRITTEN, URL)
    assert find_account(WRITTEN, "https://other.example") is None
    assert find_account(WRITTEN, "s3://state") is None


@pytest.mark.parametrize(
    "data",
    [
        {"accessTokens": {URL: "pul-old"}},
        {"accounts": {URL: {"accessToken": "pul-old"}}},
        {"accessTokens": {f"{URL}/": "pul-old"}, "accounts": {f"{URL}/": None}},
    ],
)
def test_older_files_have_less(data: dict[str, Any]) -> None:
    assert find_account(data, URL) == Account("pul-old")


def test_nothing_of_an_account_shows() -> None:
    assert "canary" not in repr(find_account(WRITTEN, URL))


def test_another_token_replaces_all_that_belonged_to_the_old_one_and_nothing_else() -> None:
    changed = with_account(WRITTEN, f"{URL}/", Account("pul-new", "jane", ("acme",), insecure=True), NOW)
    assert changed["accessTokens"] == {URL: "pul-new", "s3://state": ""}
    assert changed["accounts"][URL] == {
        "accessToken": "pul-new",
        "username": "jane",
        "organizations": ["acme"],
        "lastValidatedAt": "2026-11-29T12:00:00Z",
        "insecure": True,
        "of": "the future",
    }
    untouched = ("current", "credentialHelper", "version")
    assert {name: changed[name] for name in untouched} == {name: WRITTEN[name] for name in untouched}
    assert "canary" not in json.dumps(changed)


def test_the_same_token_keeps_what_is_known_of_it() -> None:
    known = find_account(WRITTEN, URL)
    assert known is not None
    entry = with_account(WRITTEN, URL, known, NOW)["accounts"][URL]
    assert entry["refreshToken"] == "refresh-canary"
    assert entry["tokenInformation"] == WRITTEN["accounts"][URL]["tokenInformation"]


def test_an_exchanged_token_says_when_it_expires_and_whose_it_is() -> None:
    account = Account("pul-x", "acme", expires_at=NOW, token_organization="acme")
    entry = with_account({}, URL, account, NOW)["accounts"][URL]
    assert entry["tokenInformation"] == {"name": "", "organization": "acme", "expiresAt": "2026-11-29T12:00:00Z"}
    assert find_account(with_account({}, URL, account, NOW), URL) == account


def test_a_logout_leaves_the_other_logins() -> None:
    left = without_account(WRITTEN, f"{URL}/")
    assert "canary" not in json.dumps(left)
    assert "current" not in left
    assert urls(left) == ["s3://state"]
    assert without_account(WRITTEN, "https://other.example") == WRITTEN


def test_a_file_that_says_nothing_more_is_removed() -> None:
    assert render(without_account({"current": URL, "accessTokens": {URL: "x"}, "accounts": {URL: {}}}, URL)) is None
    assert render({"version": 1, "accounts": {}}) is None
    assert render(without_account(WRITTEN, URL)) is not None
    assert json.loads(render(WRITTEN) or b"") == WRITTEN


@pytest.mark.parametrize("text", [b"", b" \n"])
def test_an_empty_file_is_that_of_a_write_that_was_interrupted(text: bytes) -> None:
    assert parse(text, "FILE") == {}


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"accounts": []}', b'{"accessTokens": "canary"}', b"\xff", b"canary", b"[" * 100_000]
)
def test_a_damaged_file_is_told_without_its_text(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="FILE is damaged, and was left as it is: correct it, or move") as told:
        parse(text, "FILE")
    assert "canary" not in told.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b'{"$pulumiSecureStore": 1, "data": "x"}',
            "FILE is encrypted, and only Pulumi's own command can read it: set",
        ),
        (b'{"version": 2}', "FILE was written by a newer command of Pulumi's, and was left as it is"),
    ],
)
def test_what_only_pulumis_command_can_read_is_told(text: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse(text, "FILE")
