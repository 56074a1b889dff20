"""The failures of a plug-in that gives no answer: it takes too long, gets no turn, or crashes."""

from __future__ import annotations

import logging

from esc_operator.evaluation import Failed
from esc_operator.providers import reasons

_log = logging.getLogger(__name__)


def timed_out(name: str, limit: str) -> Failed:
    return Failed(
        f'the provider "{name}" did not finish {limit}: its service is slow or does not answer; this is tried again'
        " later",
        reasons.PROVIDER_TIMEOUT,
        outage=True,
    )


def no_turn(name: str, limit: str, tenant: str) -> Failed:
    whose = f"namespace {tenant}" if tenant else "this process"
    return Failed(
        f'the provider "{name}" was not called {limit}: {whose} has more calls waiting than it has turns; open fewer'
        " logins at once, or share them (calls with equal inputs are made once); this is tried again later",
        reasons.NO_TURN,
    )


def crashed(name: str, error: Exception) -> Failed:
    kind = type(error).__name__
    # Neither the text nor the traceback: both may hold the provider's inputs.
    _log.error('The provider "%s" failed unexpectedly with %s.', name, kind)
    return Failed(
        f'the provider "{name}" failed unexpectedly ({kind}); this is a bug in it: report it to its maintainer',
        reasons.PROVIDER_CRASHED,
    )
