"""Checks of what a plug-in must not do: show a secret, or connect to where its author's namespace may not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from esc_operator.driver.networks import Fence
from esc_operator.evaluation import Failed
from esc_operator.providers import reasons
from esc_operator.testing.evidence import Seen, error
from esc_operator.testing.failing import from_request
from esc_operator.testing.fakes import text_answer
from esc_operator.testing.places import at, changed
from esc_operator.testing.running import SHORTEST_SECRET, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.providers.port import HttpRequest
    from esc_operator.testing.trial import Trial

_MOST_QUOTES = 6
_PRIVATE = ("10.0.0.1", "169.254.169.254", "[::1]", "kubernetes.default.svc", "vault.internal.example.com")


def secrets_take_part(trial: Trial) -> Sequence[Seen]:
    """A secret that is in no input and in no answer would prove nothing."""
    done = run(trial)
    answers = [answer.body.decode(errors="replace") for answer in done.script.answers]
    # What an identity reads is known by the value that is made of it.
    places = f"{trial.inputs} {trial.state} {answers} {getattr(done.answer, 'value', '') if trial.identity else ''}"
    for secret in trial.secrets:
        assert len(secret) >= SHORTEST_SECRET, f"a secret of {len(secret)} characters is in every other text"
        assert secret in places, f"the secret that ends with {secret[-3:]!r} is in no input, state or answer"
    return [Seen("secrets", str(len(trial.secrets)))]


def nothing_is_repeated(trial: Trial) -> Sequence[Seen]:
    """The service quotes in its refusal what it was sent: the body, each header, and what secrets there are in them."""
    quotes = trial.quotes or (lambda text: text_answer(text, 400))
    requests, seen = run(trial).script.requests, []
    for number, request in enumerate(requests):
        for text in _sent(request):
            done = run(trial, from_request(number, quotes(text)))
            assert isinstance(done.answer, Failed), "it did not notice the refusal"
            assert done.answer.reason != reasons.PROVIDER_CRASHED, f"{done.answer.message} ({done.origin})"
            seen.append(error("a refusal that quotes what was sent", done.answer))
    return seen[:1]


def hosts_are_fenced(trial: Trial) -> Sequence[Seen]:
    """Hosts within the cluster's network are not asked, however an input names them."""
    plugin: Any = trial.plugin()
    seen: list[Seen] = []
    for path in (tuple(name.split(".")) for name in plugin.host_inputs):
        try:
            given = at(trial.inputs, path)
        except (KeyError, TypeError):
            continue
        for host in _PRIVATE:
            for text in {host, f"https://{host}", f"https://{host}/", f"https://{host}:8200", f"http://{host}", given}:
                seen += _fenced(trial, path, text)
    return list({one.reason: one for one in seen}.values())


def _fenced(trial: Trial, path: tuple[str, ...], text: str) -> list[Seen]:
    done = run(trial, inputs=changed(trial.inputs, path, text), fence=Fence(), seconds=5)
    if trial.settings is not None and text == at(trial.inputs, path):
        return []  # its host is one of the vendor's, or of the settings
    failed = done.failed
    assert failed.reason != reasons.PROVIDER_CRASHED, f"{text}: {failed.message} ({done.origin})"
    assert not done.script.requests, f"{text} was asked"
    refused = {reasons.URL_NOT_ALLOWED} if text == at(trial.inputs, path) else set()
    assert not refused or failed.reason in refused, f"{text}: {failed.reason}: {failed.message}"
    return [error("a host of the cluster's network", failed)]


def _sent(request: HttpRequest) -> list[str]:
    """The longest parts of a request, as a service may quote them."""
    body = (request.body or b"").decode(errors="replace")
    parts: set[str] = set()
    for text in (body, unquote_plus(body), *request.headers.values()):
        parts |= {text, *re.findall(r"[^\s\"'&=]{16,}", text)}
    return sorted(parts, key=len, reverse=True)[:_MOST_QUOTES]
