"""The CustomResourceDefinition of EscRotation, as plain data. `crds/` holds what this makes; a test compares."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.schema_parts import COUNT, TIME, conditions, label_selector
from esc_operator.resources import CLUSTER_KIND, GROUP, VERSION
from esc_operator.resources.rotation import DEFAULT_AT_ONCE, LONGEST_TOLD, MAX_TOLD, MOST_AT_ONCE, Phase


def rotation_crd() -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"escrotations.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": "EscRotation",
                "listKind": "EscRotationList",
                "plural": "escrotations",
                "singular": "escrotation",
                "shortNames": ["escrot"],
                "categories": ["esc"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _columns() -> list[dict[str, Any]]:
    return [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Progress", "type": "string", "jsonPath": ".status.progress"},
        {"name": "Running", "type": "integer", "jsonPath": ".status.running"},
        {"name": "Failed", "type": "integer", "jsonPath": ".status.failed"},
        {"name": "Skipped", "type": "integer", "jsonPath": ".status.skipped"},
        {"name": "Started", "type": "date", "jsonPath": ".status.startedAt"},
        # A date column shows an age, and "<invalid>" for a time to come.
        {"name": "Next", "type": "string", "jsonPath": ".status.nextScheduleTime"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Why", "type": "string", "jsonPath": ".spec.reason", "priority": 1},
        {
            "name": "Message",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Complete")].message',
            "priority": 1,
        },
    ]


def _schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Asks environments of the whole cluster once, or on a schedule, for new credentials.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec(),
            "status": _status(),
        },
    }


def _spec() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["selector"],
        "properties": {
            "selector": _selector(),
            "reason": {
                "type": "string",
                "maxLength": 1024,
                "description": "Why, for whoever looks at it later.",
            },
            "maxConcurrent": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_AT_ONCE,
                "default": DEFAULT_AT_ONCE,
                "description": "So many environments are under way at a time.",
            },
            "rollout": {
                "type": "boolean",
                "description": "True, the default: environments whose policy is OnChange replace their pods, and are "
                "under way until that is done. False: Secrets get new values and no pod is replaced for them.",
            },
            "stopAfterFailures": {
                "type": "integer",
                "minimum": 1,
                "description": "In a namespace in which so many have failed no more are asked, and once so many "
                "namespaces, two at least, have failures no more are asked at all; without it all are.",
            },
            "allowNone": {
                "type": "boolean",
                "description": "It is fine if nothing is rotated, because no environment fits or all that do are "
                "suspended; otherwise the rotation fails with the reason NothingSelected.",
            },
            "dryRun": {"type": "boolean", "description": "Only tell which environments would be asked."},
            "schedule": {
                "type": "string",
                "maxLength": 256,
                "pattern": r"^\S+( +\S+){4}$",
                "description": "A cron expression: minute, hour, day of month, month, day of week. Without it there is "
                "one run, at once.",
            },
            "timeZone": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "description": "Of the schedule, such as Europe/Berlin; UTC by default.",
            },
            "suspend": {"type": "boolean", "description": "Begin no run, and ask nobody more in the one under way."},
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.timeZone) || has(self.schedule)",
                "message": "timeZone is for a schedule",
            },
            {
                "rule": "!(has(self.schedule) && has(self.dryRun) && self.dryRun)",
                "message": "a dry run has no schedule",
            },
            {
                "rule": "has(self.schedule) == has(oldSelf.schedule)",
                "message": "a single run does not become a schedule, nor the other way round: create another one",
            },
            {
                "rule": "has(self.schedule) || self.selector == oldSelf.selector",
                "message": "whom a single run is about cannot be changed: create another one",
            },
            {
                "rule": "(has(self.dryRun) && self.dryRun) == (has(oldSelf.dryRun) && oldSelf.dryRun)",
                "message": "a dry run stays one: create another one",
            },
        ],
    }


def _selector() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Which environments: those that fit everything that is given; {} is all of them.",
        "properties": {
            **label_selector(),
            "namespaces": {
                "type": "array",
                "maxItems": 256,
                "items": {"type": "string", "minLength": 1, "maxLength": 63},
                "description": "Only in these namespaces; without it ClusterEscEnvironments that have a target are "
                "meant as well.",
            },
            "namespaceSelector": {
                "type": "object",
                "description": "Only in namespaces whose labels fit; {} is all of them. As with namespaces, "
                "ClusterEscEnvironments are left out.",
                "properties": label_selector(),
            },
            "provider": {
                "type": "string",
                "maxLength": 253,
                "description": "Only those that open this provider, such as aws-login.",
            },
            "role": {
                "type": "string",
                "maxLength": 2048,
                "description": "Only those that log in to a role that fits this pattern, in which * is any text; those "
                "whose role is a secret, or not known, are taken along.",
            },
        },
    }


def _status() -> dict[str, Any]:
    name = {"type": "string", "maxLength": 253}
    # One of the cluster is named with its kind.
    environment = {"namespace": name, "name": {"type": "string", "maxLength": 253 + len(f"{CLUSTER_KIND}/")}}
    return {
        "type": "object",
        "properties": {
            "phase": {"type": "string", "enum": [str(phase) for phase in Phase]},
            "conditions": conditions(),
            "observedGeneration": COUNT,
            "run": COUNT,
            "progress": {
                "type": "string",
                "description": "How many have new values, of how many that are to have them.",
            },
            "selected": COUNT,
            "waiting": COUNT,
            "running": COUNT,
            "succeeded": COUNT,
            "failed": COUNT,
            "skipped": COUNT,
            "failures": {
                "type": "array",
                "maxItems": MAX_TOLD,
                "description": "Some of those that failed, and why.",
                "items": {
                    "type": "object",
                    "properties": {
                        **environment,
                        "reason": name,
                        "message": {"type": "string", "maxLength": LONGEST_TOLD},
                    },
                },
            },
            "planned": {
                "type": "array",
                "maxItems": MAX_TOLD,
                "description": "Of a dry run: the first that would be asked.",
                "items": {
                    "type": "object",
                    "properties": {
                        **environment,
                        "expiresAt": TIME,
                        "roleHidden": {
                            "type": "boolean",
                            "description": "It may log in as the selector says: which role it asks for is not told.",
                        },
                    },
                },
            },
            "startedAt": TIME,
            "completedAt": TIME,
            "lastScheduleTime": TIME,
            "nextScheduleTime": TIME,
        },
    }
