"""Where an access token may be sent."""

from __future__ import annotations

import pytest

from esc_operator.cli.cloud.urls import cloud_url
from esc_operator.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://api.pulumi.com", "https://api.pulumi.com"),
        ("HTTPS://API.Pulumi.com/", "https://api.pulumi.com"),
        ("https://pulumi.acme.example:8443/base//", "https://pulumi.acme.example:8443/base"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.3.2.1:8080/", "http://127.3.2.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_is_stored_in_one_form(url: str, stored: str) -> None:
    assert cloud_url(url) == stored


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "http://pulumi.acme.example",
            "http://pulumi.acme.example would get the access token unencrypted: use https://",
        ),
        ("http://127.0.0.1.example", "would get the access token unencrypted"),
        ("http://localhost.example", "would get the access token unencrypted"),
        (
            "https://app.pulumi.com/acme",
            "https://app.pulumi.com is a website of Pulumi's: the API is https://api.pulumi",
        ),
        ("https://pulumi.com", "is a website of Pulumi's"),
        (
            "https://api.pulumi.com/api/esc",
            "the URL ends in /api/esc, which esc adds itself: write https://api.pulumi.com",
        ),
        ("https://x.example/api/", "the URL ends in /api, which esc adds itself: write https://x.example"),
        ("https://me:hunter2@x.example", "the URL has a user, a query or a fragment"),
        ("https://x.example?token=hunter2", "the URL has a user, a query or a fragment"),
        ("https://", "this is no URL of Pulumi Cloud: write it like https://api.pulumi.com"),
        ("https://x.example:99999", "this is no URL of Pulumi Cloud"),
        ("https://x.exämple", "this is no URL of Pulumi Cloud"),
    ],
)
def test_what_gets_no_token_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        cloud_url(url)
    assert message in refused.value.message
    assert "hunter2" not in refused.value.message
