"""Which failures mean that a service is out of order, whoever asks it for what. Never a user's mistake."""

from __future__ import annotations

from esc_operator.providers import aws_reasons, reasons

PROVIDER_PAUSED = "ProviderPaused"
"""Nothing was asked of the provider, because its last calls met an outage; it is tried again by itself."""

OUTAGES = frozenset(
    {
        reasons.PROVIDER_TIMEOUT,
        reasons.MALFORMED_ANSWER,
        aws_reasons.AWS_UNAVAILABLE,
        aws_reasons.THROTTLED,
        aws_reasons.IDP_COMMUNICATION_ERROR,
    }
)

WAITING = OUTAGES | {PROVIDER_PAUSED}
"""The reasons of those who wait for the end of an outage."""
