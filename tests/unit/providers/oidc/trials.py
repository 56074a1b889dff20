"""The trial of the bare token; no service takes part."""

from __future__ import annotations

from datetime import timedelta

from esc_operator.providers.oidc.token import OidcToken
from esc_operator.testing import Failure, Trial

INPUTS = {"audience": "https://registry.example.com", "identityToken": {"version": "v2"}, "duration": "1h"}

TRIALS = [
    Trial(
        plugin=OidcToken,
        inputs=INPUTS,
        lease=timedelta(hours=1),
        failures=[
            Failure(
                name="another version",
                inputs={**INPUTS, "identityToken": {"version": "v1"}},
                reason="InvalidInputs",
                says=["write v2"],
            ),
            Failure(
                name="a blank audience",
                inputs={**INPUTS, "audience": " "},
                reason="InvalidInputs",
                says=["write the one that the service expects"],
            ),
            Failure(
                name="a duration of a day",
                inputs={**INPUTS, "duration": "24h"},
                reason="InvalidDuration",
                says=["between 1m and 1h"],
            ),
        ],
        counterpart="real: the cluster's own issuer",
    )
]
