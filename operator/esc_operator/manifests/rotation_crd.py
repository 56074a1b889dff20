"""The CustomResourceDefinition of EscRotation, as plain data. `crds/` holds what this makes; a test compares."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.schema_parts import COUNT, TIME, conditions, label_selector
from esc_operator.resources import CLUSTER_KIND, GROUP, VERSION
from esc_operator.resources.rotation import DEFAULT_AT_ONCE, LONGEST_MESSAGE, MAX_LISTED, MOST_AT_ONCE, Phase


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
        # A date column shows an age, and "<invalid>" for a time in the future.
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
        "description": "Requests new credentials for environments of the whole cluster, once or on a schedule.",
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
                "description": "Why, for people who read it later.",
            },
            "maxConcurrent": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_AT_ONCE,
                "default": DEFAULT_AT_ONCE,
                "description": "How many environments to rotate at a time.",
            },
            "rollout": {
                "type": "boolean",
                "description": "True, the default: environments whose policy is OnChange also replace their pods, and "
                "count as running until that is done. False: only Secrets get new values.",
            },
            "stopAfterFailures": {
                "type": "integer",
                "minimum": 1,
                "description": "Stop in a namespace after this many failures there, and stop the run once this many "
                "namespaces, at least two, have failures. Without it failures stop nothing.",
            },
            "allowNone": {
                "type": "boolean",
                "description": "Succeed even if nothing is rotated, because no environment matches or all that do are "
                "suspended. Otherwise the rotation fails with the reason NothingSelected.",
            },
            "dryRun": {"type": "boolean", "description": "Only list the environments that would be rotated."},
            "schedule": {
                "type": "string",
                "maxLength": 256,
                "pattern": r"^\S+( +\S+){4}$",
                "description": "A cron expression: minute, hour, day of month, month, day of week. Without it the "
                "rotation runs once, at once.",
            },
            "timeZone": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "description": "The schedule's time zone, such as Europe/Berlin; UTC by default.",
            },
            "suspend": {
                "type": "boolean",
                "description": "Start no run, and rotate no further environments in the current one.",
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.timeZone) || has(self.schedule)",
                "message": "timeZone is for a schedule: set schedule too",
            },
            {
                "rule": "!(has(self.schedule) && has(self.dryRun) && self.dryRun)",
                "message": "a dry run has no schedule: leave one of them out",
            },
            {
                "rule": "has(self.schedule) == has(oldSelf.schedule)",
                "message": "schedule cannot be added or removed: create another EscRotation",
            },
            {
                "rule": "has(self.schedule) || self.selector == oldSelf.selector",
                "message": "the selector of a single run cannot be changed: create another EscRotation",
            },
            {
                "rule": "(has(self.dryRun) && self.dryRun) == (has(oldSelf.dryRun) && oldSelf.dryRun)",
                "message": "dryRun cannot be changed: create another EscRotation",
            },
        ],
    }


def _selector() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Which environments: those that match every field that is set; {} selects all.",
        "properties": {
            **label_selector(),
            "namespaces": {
                "type": "array",
                "maxItems": 256,
                "items": {"type": "string", "minLength": 1, "maxLength": 63},
                "description": "Only environments in these namespaces. Without it ClusterEscEnvironments with a target "
                "are included.",
            },
            "namespaceSelector": {
                "type": "object",
                "description": "Only environments in namespaces whose labels match; {} selects all. As with "
                "namespaces, ClusterEscEnvironments are left out.",
                "properties": label_selector(),
            },
            "provider": {
                "type": "string",
                "maxLength": 253,
                "description": "Only environments that open this provider, such as aws-login.",
            },
            "role": {
                "type": "string",
                "maxLength": 2048,
                "description": "Only environments that log in to a role that matches this pattern, in which * is any "
                "text but / and :, and ** is any text. Those whose role is a secret, or not known, are included, and "
                "so are those that would match with ** in place of each *, which is reported.",
            },
        },
    }


def _status() -> dict[str, Any]:
    name = {"type": "string", "maxLength": 253}
    # A ClusterEscEnvironment is named with its kind.
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
                "description": "How many have new values, of how many that should get them.",
            },
            "selected": COUNT,
            "waiting": COUNT,
            "running": COUNT,
            "succeeded": COUNT,
            "failed": COUNT,
            "skipped": COUNT,
            "failures": {
                "type": "array",
                "maxItems": MAX_LISTED,
                "description": "Some of those that failed, and why.",
                "items": {
                    "type": "object",
                    "properties": {
                        **environment,
                        "reason": name,
                        "message": {"type": "string", "maxLength": LONGEST_MESSAGE},
                    },
                },
            },
            "planned": {
                "type": "array",
                "maxItems": MAX_LISTED,
                "description": "Of a dry run: the first environments that would be rotated.",
                "items": {
                    "type": "object",
                    "properties": {
                        **environment,
                        "expiresAt": TIME,
                        "roleHidden": {
                            "type": "boolean",
                            "description": "It may log in to a role that the selector matches: its status does not "
                            "show the role.",
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
