"""Which failures mean that a service does not serve, whatever was asked of it. Never a user's mistake.

Whoever is refused without a call, because a service is left alone, is told the reason for that: so the reason of a
condition stays the same through an outage, and an alert counts all that wait.
"""

from __future__ import annotations

from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.google import reasons as gcp_reasons

THROTTLING = frozenset({login_reasons.THROTTLED})
"""The service limits the calls for an account: that account's fault, and nobody else's."""

OUTAGES = THROTTLING | frozenset(
    {
        reasons.PROVIDER_TIMEOUT,
        reasons.MALFORMED_ANSWER,
        reasons.UNREACHABLE,
        aws_reasons.AWS_UNAVAILABLE,
        azure_reasons.AZURE_UNAVAILABLE,
        gcp_reasons.GCP_UNAVAILABLE,
        aws_reasons.IDP_COMMUNICATION_ERROR,
    }
)
"""All of them: each is tried again as soon as one call has found out that it is over."""
