"""Which failures mean that a service is out of order, whoever asks it for what. Never a user's mistake.

Whoever is refused without a call, because a service is left alone, is told the reason for that: so the reason of a
condition stays the same through an outage, and an alert counts all that wait.
"""

from __future__ import annotations

from esc_operator.providers import aws_reasons, azure_reasons, gcp_reasons, login_reasons, reasons

OUTAGES = frozenset(
    {
        reasons.PROVIDER_TIMEOUT,
        reasons.MALFORMED_ANSWER,
        aws_reasons.AWS_UNAVAILABLE,
        azure_reasons.AZURE_UNAVAILABLE,
        gcp_reasons.GCP_UNAVAILABLE,
        login_reasons.THROTTLED,
        aws_reasons.IDP_COMMUNICATION_ERROR,
    }
)
