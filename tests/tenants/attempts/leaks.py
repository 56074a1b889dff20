"""Secrets by way of others' words: who refuses a Secret, what is asked in DNS, and what stands in metrics."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import Resource
from tenants.admission import is_refused, refusing_policy, refusing_webhook
from tenants.attempt import Verdict, attempt
from tenants.judging import secret_kept, settled
from tenants.stage import ATTACKER

if TYPE_CHECKING:
    from tenants.stage import Stage

QUOTAS = Resource("/api/v1", "resourcequotas", "ResourceQuota")

QUOTING = "'TOKEN is ' + string(object.data.TOKEN)"


def _filled(stage: Stage, canary: str, name: str) -> Verdict:
    """What an author is told whose Secret somebody refuses with the secret in their words."""
    stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
    ready = settled(stage.attacker, name)
    told = f"{ready['reason']}: {ready['message']}"
    quoted = [place for form in (canary, _encoded(canary)) for place in stage.found(form)]
    good = not quoted and ready["status"] == "False"
    return Verdict("operator", f"tells it in {quoted}: {told}" if quoted else told, good=good)


def _encoded(canary: str) -> str:
    return base64.b64encode(canary.encode()).decode()


# A policy.


def _policy(reason: str) -> None:
    @attempt(f"have a policy's words about a Secret told, which quote it ({reason})")
    def quoted_by_a_policy(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with refusing_policy(stage, name, {"messageExpression": QUOTING, "reason": reason}):
            verdict = _filled(stage, canary, name)
        named = f'the ValidatingAdmissionPolicy "{name}" denies it' in verdict.told
        return Verdict(verdict.by, verdict.told, good=verdict.good and named)


for _reason in ("Forbidden", "Invalid", "RequestEntityTooLarge"):
    _policy(_reason)


# A webhook.


def _webhook(what: str, status: dict[str, Any]) -> None:
    @attempt(f"have a webhook's words about a Secret told, which quote it ({what})")
    def quoted_by_a_webhook(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with refusing_webhook(stage, name, json.loads(json.dumps(status).replace("THE VALUE", canary))):
            verdict = _filled(stage, canary, name)
        named = f'the admission webhook "{name}.example.com" denies it' in verdict.told
        return Verdict(verdict.by, verdict.told, good=verdict.good and named)


_webhook("in the message", {"message": "THE VALUE"})
_webhook("as invalid fields", {"code": 422, "details": {"causes": [{"field": "THE VALUE", "reason": "THE VALUE"}]}})
_webhook("as a policy of that name", {"message": "ValidatingAdmissionPolicy 'THE VALUE' with binding 'x' denied"})


# A quota.


@attempt("fill a Secret beyond the quota")
def beyond_the_quota(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    body = {"metadata": {"name": name}, "spec": {"hard": {"count/secrets": "0"}}}
    stage.administrator.must("POST", QUOTAS.path(ATTACKER), body)
    try:
        wait_until(lambda: is_refused(stage, name), "the quota is in force")
        verdict = _filled(stage, canary, name)
    finally:
        stage.administrator.must("DELETE", QUOTAS.path(ATTACKER, name))
    return Verdict(
        verdict.by, verdict.told, good=verdict.good and f'the ResourceQuota "{name}" is used up' in verdict.told
    )


# The name of a host.


def _host(what: str, region: str) -> None:
    @attempt(f"have the name of a host made of a secret looked up ({what})")
    def looked_up(stage: Stage) -> Verdict:
        canary = stage.canary()
        login = stage.attacker.login(region=region)
        login["values"]["secret"] = {"fn::secret": canary}
        verdict = secret_kept(stage, login, canary)
        refused = verdict.told.startswith("SecretHost") and "write it in plain" in verdict.told
        return Verdict(verdict.by, verdict.told, good=verdict.good and refused)


_host("as a region", "${secret}")
_host("as a part of one", "eu-${secret}-1")


# Metrics.


@attempt("read all tenants' environments in /metrics without a token")
def metrics_of_nobody(stage: Stage) -> Verdict:
    return _metrics(stage, "", 401)


@attempt("read all tenants' environments in /metrics with a made-up token")
def metrics_of_a_forger(stage: Stage) -> Verdict:
    return _metrics(stage, "e30.eyJzdWIiOiJzeXN0ZW06bWFzdGVycyJ9.e30", 401)


@attempt("read all tenants' environments in /metrics with a token of the own namespace")
def metrics_of_a_tenant(stage: Stage) -> Verdict:
    return _metrics(stage, stage.token(ATTACKER, "default"), 403)


def _metrics(stage: Stage, token: str, expected: int) -> Verdict:
    status, text = stage.operator.ask_metrics(token)
    return Verdict(
        "operator", f"{status}: {text.splitlines()[0]}", good=status == expected and "esc_operator" not in text
    )


@attempt("read /metrics with the right to", "administrator", allowed=True)
def metrics_of_who_may(stage: Stage) -> Verdict:
    status, text = stage.operator.ask_metrics(stage.operator.metrics_token)
    return Verdict("nobody", str(status), good=status == 200 and "esc_operator_environments " in text)
