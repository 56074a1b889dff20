"""Secrets by way of refusals: who refuses a Secret says what it likes, and only what was there before may be told."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import EVENTS, SECRETS
from tenants.admission import WRITES_OF_SECRETS, refusing_policy, refusing_webhook
from tenants.attempt import Verdict, attempt
from tenants.judging import settled
from tenants.stage import ATTACKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.stage import Stage

ITS_OWN = "every Secret needs the label owner"


def _told(stage: Stage, name: str, canary: str) -> tuple[str, bool]:
    """What the author is told of the refusal, and whether no form of the secret stands anywhere."""
    stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
    ready = settled(stage.attacker, name)
    quoted = [place for form in _forms(canary) for place in stage.found(form)]
    return f"{ready['reason']}: {ready['message']}", not quoted and ready["status"] == "False"


def _forms(canary: str) -> list[str]:
    """What may be quoted: a policy reads base64."""
    texts = (canary, base64.b64encode(canary.encode()).decode())
    found = [[one, one[: len(one) // 2], one[::-1], " ".join(one), one.upper(), one.encode().hex()] for one in texts]
    return [form for forms in found for form in forms]


# A policy.

_DATA = "string(object.data.TOKEN)"
QUOTES = {
    "its beginning": f"{_DATA}.substring(0, 12)",
    "it in capitals": f"{_DATA}.upperAscii()",
    "it with blanks": f"{_DATA}.split('').join(' ')",
    "it behind its own message": f"'{ITS_OWN} ' + {_DATA}",
    "it before its own message": f"{_DATA} + ' {ITS_OWN}'",
}


def _quoting(what: str, expression: str) -> None:
    @attempt(f"have a policy's words about a Secret told, which quote {what}")
    def quoted(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with refusing_policy(stage, name, {"message": ITS_OWN, "messageExpression": expression}):
            told, kept = _told(stage, name, canary)
        named = f'the ValidatingAdmissionPolicy "{name}" denies it: its words may quote a value' in told
        return Verdict("operator", told, good=kept and named)


for _what, _expression in QUOTES.items():
    _quoting(_what, _expression)


@attempt("have a policy's own message about a Secret told, which stands in the policy", allowed=True)
def its_own_message(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    with refusing_policy(stage, name, {"message": ITS_OWN}):
        told, kept = _told(stage, name, canary)
    named = f'the ValidatingAdmissionPolicy "{name}" denies it: "{ITS_OWN}": change spec.target or the values' in told
    return Verdict("nobody", told, good=kept and named)


@attempt("have a policy's words told about a Secret that is deleted, which quote it")
def quoted_at_the_end(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
    stage.attacker.until_ready(name)
    quoting = "'it was ' + string(oldObject.data.TOKEN)"
    deletes = {**WRITES_OF_SECRETS, "operations": ["DELETE"]}
    with refusing_policy(stage, name, {"messageExpression": quoting}, deletes, _is_kept):
        stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}), target={"name": f"{name}-new"})
        wait_until(lambda: _event(stage, name, "SecretLeftOver"), "an event tells that it is left over")
        told = _event(stage, name, "SecretLeftOver")
        kept = not [place for form in _forms(canary) for place in stage.found(form)]
    wait_until(lambda: not _is_kept(stage, name), "the policy is in force no more")
    stage.administrator.must("DELETE", SECRETS.path(ATTACKER, name))
    named = f'the ValidatingAdmissionPolicy "{name}" denies it' in told
    return Verdict("operator", told, good=kept and named)


def _is_kept(stage: Stage, name: str) -> bool:
    status, _ = stage.administrator.request("DELETE", SECRETS.path(ATTACKER, name), {"dryRun": ["All"]})
    return status >= 400


def _event(stage: Stage, name: str, reason: str) -> str:
    """The message of an event about an environment; "" where there is none."""
    events = stage.administrator.must("GET", EVENTS.path(ATTACKER))["items"]
    about = [one for one in events if one["involvedObject"]["name"] == name and one["reason"] == reason]
    return str(about[0]["message"]) if about else ""


# A webhook.

SAYINGS: dict[str, Callable[[str], str]] = {
    "reversed": lambda canary: canary[::-1],
    "in half": lambda canary: canary[: len(canary) // 2],
    "with blanks": " ".join,
    "in hexadecimal": lambda canary: canary.encode().hex(),
    "as JSON": lambda canary: json.dumps({"value": canary}),
    "as a webhook that cannot be reached": lambda canary: f"failed calling webhook {canary}: connection refused",
    "as a quota": lambda canary: f'secrets "x" is forbidden: exceeded quota: {canary}, requested: secrets=1',
}


def _saying(what: str, say: Callable[[str], str]) -> None:
    @attempt(f"have a webhook's words about a Secret told, which quote it {what}")
    def said(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with refusing_webhook(stage, name, {"message": say(canary)}):
            told, kept = _told(stage, name, canary)
        named = f'the admission webhook "{name}.example.com" denies it: its words may quote a value' in told
        return Verdict("operator", told, good=kept and named and "--dry-run=server" in told)


for _what, _say in SAYINGS.items():
    _saying(_what, _say)


@attempt("refuse the status of an environment, so that nobody learns that its Secret is refused")
def status_refused(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    rule = {
        "apiGroups": ["esc-operator.dev"],
        "apiVersions": ["v1alpha1"],
        "operations": ["UPDATE"],
        "resources": ["escenvironments/status"],
    }
    with refusing_policy(stage, name, {"message": "no status"}, rule, _status_is_refused):
        stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
        wait_until(lambda: _event(stage, name, "StatusNotWritten"), "an event tells that it is not written")
        told = _event(stage, name, "StatusNotWritten")
    stage.attacker.until_ready(name)
    kept = not [place for form in _forms(canary) for place in stage.found(form)]
    named = (
        f'the ValidatingAdmissionPolicy "{name}" denies it; until it can be written, the status says what was' in told
    )
    return Verdict("operator", told, good=kept and named)


def _status_is_refused(stage: Stage, name: str) -> bool:
    path = f"/apis/esc-operator.dev/v1alpha1/namespaces/{ATTACKER}/escenvironments/{name}"
    stage.attacker.apply(name, variables(TOKEN="none"), suspend=True)
    status, _ = stage.administrator.request(
        "PATCH",
        f"{path}/status",
        {"status": {"failures": 1}},
        content_type="application/merge-patch+json",
        dryRun="All",
    )
    return status >= 400
