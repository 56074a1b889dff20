"""How long values can be relied on: what stands beside them, and what a definition names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.evaluation.plain import from_data
from esc_operator.stores.pulumi.lifetimes import earliest_end, lifetime_named

if TYPE_CHECKING:
    from esc_operator.evaluation import Value

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def value(data: Any) -> Value:
    return from_data(data, None, secret=True, deepest=20)


@pytest.mark.parametrize(
    ("data", "ends_in"),
    [
        ({"login": {"expiry": "2026-05-01T13:00:00Z"}}, HOUR),
        ({"login": {"expiration": "2026-05-01T15:00:00+02:00"}}, HOUR),
        ({"a": [{"expiresAt": "2026-05-01T14:00:00Z"}, {"expiry": "2026-05-01T12:30:00Z"}]}, HOUR / 2),
        ({"login": {"expiresAt": int((NOW + HOUR).timestamp())}}, HOUR),
        ({"certificate": {"expiresAt": "2027-05-01T12:00:00Z"}}, None),
        ({"old": {"expiry": "2020-01-01T00:00:00Z"}}, None),
        ({"local": {"expiry": "2026-05-01T13:00:00"}}, None),
        ({"text": {"expiry": "soon"}, "huge": {"expiry": 1e300}, "list": {"expiry": [1]}}, None),
        ({}, None),
    ],
)
def test_the_first_end_within_a_day_counts(data: Any, ends_in: timedelta | None) -> None:
    assert earliest_end(value(data), NOW) == (NOW + ends_in if ends_in else None)


LOGIN = "{fn::open::aws-login: {oidc: {roleArn: r, sessionName: s%s}}}"


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("values: {a: 1}", None),
        ("", None),
        (f"values: {{a: {LOGIN % ''}}}", HOUR),
        (f"values: {{a: {LOGIN % ', duration: 2h'}}}", 2 * HOUR),
        (f"values: {{a: {LOGIN % ', duration: 2h'}, b: {LOGIN % ', duration: 15m'}}}", HOUR / 4),
        (f"values: {{a: {LOGIN % ', duration: 2h'}, b: {LOGIN % ''}}}", HOUR),
        ("values: {a: {fn::open: {provider: gcp-login, inputs: {oidc: {tokenLifetime: 1800s}}}}}", HOUR / 2),
        (f"values: {{a: {{fn::toJSON: [{LOGIN % ', duration: 20m'}]}}}}", HOUR / 3),
        (f"values: {{a: {LOGIN % ', duration: ${b}'}, b: 5m}}", HOUR),
        (f"imports: [base]\nvalues: {{a: {LOGIN % ', duration: 2h'}}}", HOUR),
        ("imports: [base]", HOUR),
        ("values: {a: '${environments.shop.base.key}'}", HOUR),
        ("values: {a: [", HOUR),
        ("values: {a: {fn::open::aws-login: {oidc: {duration: soon}}}}", HOUR),
    ],
)
def test_the_shortest_named_duration_counts_and_an_hour_for_what_names_none(
    text: str, lifetime: timedelta | None
) -> None:
    assert lifetime_named(text) == lifetime
