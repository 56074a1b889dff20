"""What is a host alone."""

from __future__ import annotations

import pytest

from esc_operator.formats.hosts import is_host


@pytest.mark.parametrize(
    "text", ["db", "db.example.com", "DB.Example.com", "my_db.svc", "10.0.0.1", "::1", "2001:db8::1", "1"]
)
def test_names_and_addresses_are_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://db",
        "db:5432",
        "[::1]",
        "fe80::1%eth0",
        "/run/postgresql",
        "a,b",
        "me@db",
        "db/x",
        "d b",
        "d\u00f6b",
        "-db",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_host(text)
