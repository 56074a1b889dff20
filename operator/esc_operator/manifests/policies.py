"""Admission policies, as plain data, that limit the operator's own account where RBAC cannot.

The right to create tokens of ServiceAccounts is the right to be any of them, and the right to write Secrets covers all
Secrets. These policies forbid what the operator never does: get a token for the API server, touch a Secret that is not
its own. They apply to every ServiceAccount named esc-operator, in any namespace, and cost other users one comparison.
"""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.environment_spec import REFUSED_TYPES
from esc_operator.manifests.rights import NAME, NAMESPACE
from esc_operator.resources import GROUP, MANAGED_BY, MANAGED_BY_LABEL
from esc_operator.resources.allowances import WELL_KNOWN_AUDIENCES

TOKENS = "esc-operator-tokens"
SECRETS = "esc-operator-secrets"

PARAMETERS = "esc-operator-tokens"
"""The ConfigMap, beside the operator, in which an administrator lists audiences and ServiceAccounts, one a line."""

API_AUDIENCES = "api-audiences"
"""Its key: further audiences that the API server accepts, such as the cluster's issuer."""

SERVICE_ACCOUNTS = "service-accounts"
"""Its key: the only ServiceAccounts, as `namespace/name`, whose tokens the operator may ask for; without it, all."""

LONGEST_SECONDS = 600
"""The lifetime of a token: what the operator requests, and the minimum that Kubernetes allows."""

_API = "admissionregistration.k8s.io/v1"


def token_policy() -> dict[str, Any]:
    known = ", ".join(f"'{audience}'" for audience in WELL_KNOWN_AUDIENCES)
    return _policy(
        TOKENS,
        resource="serviceaccounts/token",
        operations=("CREATE",),
        parameters={"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}},
        variables={
            "apiAudiences": f"[{known}] + {_lines(API_AUDIENCES)}",
            "accounts": _lines(SERVICE_ACCOUNTS),
            "account": "request.namespace + '/' + request.name",
            "refused": "object.spec.audiences.filter(one, one.trim() == '' || one.trim() in variables.apiAudiences)",
        },
        validations=(
            (
                # The server fills in its own audiences if the request has none.
                "size(object.spec.audiences) > 0 && size(variables.refused) == 0",
                (
                    f"'{NAME} may not get a token that the API server accepts: audience \"'"
                    " + variables.refused.join('\", \"') + '\"'"
                ),
            ),
            (
                f"object.spec.expirationSeconds <= {LONGEST_SECONDS}",
                (
                    f"'{NAME} may get tokens for at most {LONGEST_SECONDS} s, not for '"
                    " + string(object.spec.expirationSeconds) + ' s'"
                ),
            ),
            (
                "size(variables.accounts) == 0 || variables.account in variables.accounts",
                (
                    f"'{NAME} may not act as ServiceAccount ' + variables.account + ': {SERVICE_ACCOUNTS} of its"
                    " ConfigMap does not name it'"
                ),
            ),
        ),
    )


def secret_policy() -> dict[str, Any]:
    types = ", ".join(f"'{kind}'" for kind in REFUSED_TYPES)
    return _policy(
        SECRETS,
        resource="secrets",
        operations=("CREATE", "UPDATE", "DELETE"),
        variables={
            "label": f"'{MANAGED_BY_LABEL}'",
            "labelled": "oldObject != null && has(oldObject.metadata.labels) && variables.label in"
            f" oldObject.metadata.labels && oldObject.metadata.labels[variables.label] == '{MANAGED_BY}'",
            # If someone has removed the label, the operator restores it.
            "owned": "oldObject != null && has(oldObject.metadata.ownerReferences) &&"
            f" oldObject.metadata.ownerReferences.exists(one, one.apiVersion.startsWith('{GROUP}/'))",
        },
        validations=(
            (
                "request.operation == 'CREATE' || variables.labelled || variables.owned",
                f"'{NAME} may not touch Secret ' + request.name + ': it is not its own'",
            ),
            (
                (
                    "request.operation == 'DELETE' || (has(object.metadata.labels) && variables.label in"
                    f" object.metadata.labels && object.metadata.labels[variables.label] == '{MANAGED_BY}')"
                ),
                f"'{NAME} may write only Secrets with the label {MANAGED_BY_LABEL}={MANAGED_BY}'",
            ),
            (
                f"request.operation == 'DELETE' || !(object.type in [{types}])",
                f"'{NAME} may not write a Secret of type ' + object.type + ', which grants rights'",
            ),
        ),
    )


def bindings() -> tuple[dict[str, Any], ...]:
    """Each policy applies without its parameters too; with them it forbids more. If they were required, their absence
    would refuse everyone's tokens, because parameters are looked up before the match conditions on the user."""
    listed = {"name": PARAMETERS, "namespace": NAMESPACE, "parameterNotFoundAction": "Allow"}
    return (
        _binding(TOKENS, TOKENS),
        _binding(f"{TOKENS}-listed", TOKENS, paramRef=listed),
        _binding(SECRETS, SECRETS),
    )


def parameters() -> dict[str, Any]:
    """The ConfigMap without data, so that applying the manifest again keeps what an administrator has set."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PARAMETERS}}


def _lines(key: str) -> str:
    """A CEL expression: the lines of a key of the parameters; none if there are no parameters or no such key."""
    lines = f"params.data['{key}'].split('\\n').map(line, line.trim()).filter(line, line != '')"
    return f"(params == null || !has(params.data) || !('{key}' in params.data) ? [] : {lines})"


def _policy(  # noqa: PLR0913 - the parts of a policy
    name: str,
    *,
    resource: str,
    operations: tuple[str, ...],
    variables: dict[str, str],
    validations: tuple[tuple[str, str], ...],
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": list(operations), "resources": [resource]}
    who = "request.userInfo.username"
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            **(parameters or {}),
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [
                {
                    "name": "the-operator",
                    "expression": f"{who}.startsWith('system:serviceaccount:') && {who}.endsWith(':{NAME}')",
                }
            ],
            "variables": [{"name": name, "expression": expression} for name, expression in variables.items()],
            "validations": [
                {"expression": expression, "messageExpression": message, "reason": "Forbidden"}
                for expression, message in validations
            ],
        },
    }


def _binding(name: str, policy: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": policy, "validationActions": ["Deny"], **more},
    }
