"""The schemas of statuses of environments, as plain data. Each kind has only fields that the operator writes there."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.schema_parts import conditions, count, flag, observed_generation, text, time
from esc_operator.resources.status import MAX_FAILING, MAX_LOGINS, MAX_VERSIONS
from esc_operator.resources.warnings import LONGEST_WARNING, MAX_WARNINGS


def environment_status() -> dict[str, Any]:
    """The status of an EscEnvironment."""
    return _status("the Secret holds", _common())


def cluster_environment_status() -> dict[str, Any]:
    """The status of a ClusterEscEnvironment, which fills Secrets in many namespaces."""
    return _status("the Secrets of all namespaces hold", {**_common(), **_many_namespaces()})


def _status(what_holds: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What the operator did last, and when it acts next. It holds no value of any variable.",
        "properties": {
            "conditions": conditions(
                f"Ready: {what_holds} the current values. Refreshed: the last attempt succeeded. RolledOut: the pods "
                "have the values. LifetimeTooShort: credentials expire too soon for the rollouts that they cause. "
                "Warnings: something is probably not as you meant it; set only while there are any."
            ),
            **properties,
        },
    }


def _common() -> dict[str, Any]:
    return {
        "observedGeneration": observed_generation(),
        "observedRotateRequest": text(
            "The annotation esc-operator.dev/rotate-requested-at that the operator acted on last."
        ),
        "observedRotation": text("The run of an EscRotation that the operator acted on last, as in rotation.id."),
        "rotation": _rotation(),
        "secretName": text("The name of the Secret."),
        "secretResourceVersion": text(
            "Identifies the Secret's content as the operator last saw it intact; it checks any other before it trusts "
            "it."
        ),
        "warnings": {
            "type": "array",
            "maxItems": MAX_WARNINGS,
            "description": "What is probably not as you meant it, although nothing has failed.",
            "items": {
                "type": "object",
                "required": ["reason", "message"],
                "properties": {
                    "reason": text("One word for it, such as NotExported. The README says what to do about each."),
                    "message": text("What is wrong, where, and what to do about it.", maxLength=LONGEST_WARNING),
                },
            },
        },
        "variables": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The names of the variables and files in the Secret.",
        },
        "expiresAt": time(
            "When the first of the credentials in the Secret expires, in UTC. Absent if none of them does."
        ),
        "refreshedAt": time("When the values were last obtained, in UTC."),
        "nextRefreshAt": time(
            "When the operator renews the values ahead of their expiry, or tries again, in UTC. Absent if nothing "
            "expires. What does not expire is read again each spec.refresh.interval."
        ),
        "failures": count("The number of attempts that have failed since the last success. Absent if it is 0."),
        "lastFailureAt": time("When the last of these failures was, in UTC."),
        "rolledOutRevision": text("The revision of the Secret's data that all pods have."),
        "rolloutStartedAt": time("When the rollout that is under way began, in UTC."),
        "rolloutSeconds": count("How many seconds the last rollout took, until its last pod was ready."),
        "imports": _imports(),
        "indirectImports": text("A digest of everything that the imports import: it changes when any of that changes."),
        "definitionMark": text("A mark of the text that environmentFrom refers to: it changes when the text does."),
        "definitionOrigin": text("The environment in Pulumi Cloud that the values are from, such as acme/shop/prod."),
        "definitionRevision": text("The revision of that environment that the values are from, such as 12."),
        "rotatorStates": text("The Secret that holds the states of its rotators, as namespace/name."),
        "logins": _logins(),
        "moreLogins": flag(
            "More may have been opened than logins lists: a rotation by provider or role includes the environment."
        ),
        "secretVersions": _secret_versions(),
        "rotationsCountUntil": time(
            "Each rotation that the annotation requests counts for a minute, one after the other, until then, in UTC. "
            "While three count, the next one waits."
        ),
        "rotationDueAt": time(
            "When the rotation that the annotation requests will start, in UTC. Absent unless it has to wait."
        ),
        "allowances": text("If a role is hidden: a digest of the roles that the namespace allowed at the last login."),
    }


def _many_namespaces() -> dict[str, Any]:
    return {
        "definitionNamespace": text("The namespace of the object that environmentFrom refers to."),
        "rolloutDigest": text("A digest of the namespaces whose pods have the values of their Secret."),
        "namespaces": {
            "type": "object",
            "description": "How many namespaces should have the Secret, and have it.",
            "properties": {
                "matched": count("The number of namespaces that should have the Secret."),
                "synced": count("The number of namespaces whose Secret has the current values."),
                "failing": count("The number of namespaces whose Secret does not."),
                "failures": _failing("The first namespaces whose Secret does not have the current values, and why."),
                "rolledOut": count("The number of namespaces in which all pods have the values of their Secret."),
                "behind": _failing("The first namespaces in which pods do not, and why; the worst first."),
            },
        },
        "seals": {
            "type": "array",
            "maxItems": 2,
            "items": {"type": "string"},
            "description": "Marks by which the operator recognizes the Secrets that it made, the newest first.",
        },
    }


def _rotation() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "The run of an EscRotation that last requested new credentials.",
        "required": ["id", "requestedAt"],
        "properties": {
            "id": text("Identifies the run: the EscRotation's UID, and the run's number.", minLength=1, maxLength=128),
            "name": text("The name of the EscRotation.", maxLength=253),
            "requestedAt": time("When the run began, in UTC. Credentials that were issued before do not count."),
            "rollout": flag("Whether the run may replace pods."),
            "pulumiRotators": flag("Whether the run also rotates its rotators in Pulumi Cloud."),
        },
    }


def _imports() -> dict[str, Any]:
    return {
        "type": "array",
        "description": "The environments that this one imports, directly or through others of its namespace.",
        "items": {
            "type": "object",
            "properties": {
                "name": text("The environment, as the import names it."),
                "generation": count("Its metadata.generation when it was read; 0 if it could not be read."),
                "uid": text("Its UID, which distinguishes it from one of the same name that was deleted."),
                "definitionMark": text("A mark of its text, if its environmentFrom refers to one."),
            },
        },
    }


def _logins() -> dict[str, Any]:
    return {
        "type": "array",
        "maxItems": MAX_LOGINS,
        "description": "The providers that were opened, and the role that each used.",
        "items": {
            "type": "object",
            "required": ["provider"],
            "properties": {
                "provider": text("The name of the provider, such as aws-login.", maxLength=253),
                "role": text(
                    "The role that it logged in to, such as arn:aws:iam::123456789012:role/apps. Absent if it has "
                    "none.",
                    maxLength=2048,
                ),
                "organization": text(
                    "The organization of the environment that it opened, for provider pulumi.", maxLength=253
                ),
                "roleHidden": flag(
                    "The role is a secret, or the provider does not report it: a rotation by role includes the "
                    "environment."
                ),
            },
        },
    }


def _secret_versions() -> dict[str, Any]:
    return {
        "type": "array",
        "maxItems": MAX_VERSIONS,
        "description": "Which version of which secret was read from a store, for definitions of this namespace; the "
        f"first {MAX_VERSIONS}.",
        "items": {
            "type": "object",
            "required": ["provider", "input"],
            "properties": {
                "provider": text("The name of the provider, such as aws-secrets.", maxLength=253),
                "input": text("The input that asks for the secret, such as get.database.", maxLength=1024),
                "name": text("The secret's name in its store. Absent if it is a secret itself.", maxLength=2048),
                "version": text("The version that was read. Absent if the name is.", maxLength=1024),
                "note": text("What else there is to know of the value, such as that it is base64.", maxLength=253),
            },
        },
    }


def _failing(description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "maxItems": MAX_FAILING,
        "description": description,
        "items": {
            "type": "object",
            "required": ["namespace", "reason", "message"],
            "properties": {
                "namespace": text("The name of the namespace."),
                "reason": text("One word for why, as in a condition."),
                "message": text("What happened there, why, and what to do about it."),
            },
        },
    }
