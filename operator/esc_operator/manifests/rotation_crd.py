"""The CustomResourceDefinition of EscRotation, as plain data. `crds/` holds what this makes; a test compares."""

from __future__ import annotations

from typing import Any

from esc_operator.formats import schedules
from esc_operator.manifests.schema_parts import (
    META,
    conditions,
    count,
    flag,
    label_selector,
    observed_generation,
    text,
    time,
)
from esc_operator.resources import CLUSTER_KIND, GROUP, VERSION
from esc_operator.resources.definition_source import PULUMI
from esc_operator.resources.rotation import (
    DEFAULT_AT_ONCE,
    LONGEST_MESSAGE,
    MAX_LISTED,
    MOST_AT_ONCE,
    NO_ORGANIZATIONS,
    Phase,
)


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
        {"name": "Reason", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Complete")].reason'},
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
            **META,
            "spec": _spec(),
            "status": _status(),
        },
    }


def _spec() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Which environments get new credentials, when, and how many at a time.",
        "required": ["selector"],
        "properties": {
            "selector": _selector(),
            "reason": text(
                "Why, for people who read it later, such as: a laptop was stolen. Default: none.", maxLength=1024
            ),
            "maxConcurrent": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_AT_ONCE,
                "default": DEFAULT_AT_ONCE,
                "description": f"How many environments to rotate at a time, 1 to {MOST_AT_ONCE}. Namespaces take "
                f"turns. Default: {DEFAULT_AT_ONCE}.",
            },
            "rollout": flag(
                "true: environments whose rollout.policy is OnChange also replace their pods, and count as running "
                "until that is done. false: only Secrets get new values. Default: true."
            ),
            "pulumiRotators": flag(
                "true: environments that come from Pulumi Cloud have their rotators (fn::rotate) rotated there first, "
                "for everyone who opens them. false: they are only opened anew. Default: false."
            ),
            "stopAfterFailures": {
                "type": "integer",
                "minimum": 1,
                "description": "Stop in a namespace after this number of failures there, and stop the run once this "
                "number of namespaces, at least two, have failures. Default: failures stop nothing.",
            },
            "allowNone": flag(
                "true: succeed even if nothing is rotated, because no environment matches or all that do are "
                "suspended. false: that fails with the reason NothingSelected. Default: false."
            ),
            "dryRun": flag("true: only list what would be rotated, in status.planned. Default: false."),
            "schedule": {
                **text(
                    "A cron expression (minute, hour, day of month, month, day of week), such as 0 3 1 * * for 3:00 on "
                    f"the first of each month, or one of {', '.join(schedules.SHORT_SCHEDULES)}. Default: the rotation "
                    "runs once, at once.",
                    maxLength=256,
                ),
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.matches(r'^\\S+( +\\S+){{4}}$') || self in {sorted(schedules.SHORT_SCHEDULES)}",
                        "message": f"this is not a schedule: {schedules.ADVICE}",
                    }
                ],
            },
            "timeZone": text(
                "The time zone of schedule, such as Europe/Berlin. Default: UTC.", minLength=1, maxLength=64
            ),
            "suspend": flag(
                "true: start no run, and rotate no further environments in the current one. Default: false."
            ),
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
            **label_selector("an environment"),
            "namespaces": {
                "type": "array",
                "maxItems": 256,
                "items": {"type": "string", "minLength": 1, "maxLength": 63},
                "description": "Only environments in these namespaces, such as [red, blue]. Default: all namespaces, "
                "and ClusterEscEnvironments with a target.",
            },
            "namespaceSelector": {
                "type": "object",
                "description": "Only environments in namespaces whose labels match; {} selects all of them, and no "
                "ClusterEscEnvironment. Default: as namespaces says.",
                "properties": label_selector("a namespace"),
            },
            "provider": text(
                "Only environments that open this provider, such as aws-login. Default: any or none.", maxLength=253
            ),
            "organization": text(
                "Only environments that are opened in this organization of Pulumi Cloud, in any case of letters. It "
                "implies provider pulumi. Those of which that is not known are included. Default: any or none.",
                minLength=1,
                maxLength=253,
            ),
            "role": text(
                "Only environments that log in to a role that matches this pattern, such as "
                "arn:aws:iam::*:role/apps-*; * is any text but / and :, and ** is any text. Those whose role is a "
                "secret, or not known, are included. So are those that would match with ** in place of each *, which "
                "is reported. Default: any role or none.",
                maxLength=2048,
            ),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"!has(self.organization) || !has(self.provider) || self.provider == '{PULUMI}'",
                "message": NO_ORGANIZATIONS,
            }
        ],
    }


def _status() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "How far the current run is, or how the last one ended.",
        "properties": {
            "phase": text(
                "Pending: nothing has run yet. Running: a run is under way. Suspended: spec.suspend is true. "
                "Succeeded: the last run gave all environments new values. Failed: some have none. Stopped: it ended "
                "after too many failures. DryRun: status.planned lists what would be rotated.",
                enum=[str(phase) for phase in Phase],
            ),
            "conditions": conditions(
                "Complete: the last run has ended, and every selected environment has new values. Failed: it has "
                "ended, and some have none."
            ),
            "observedGeneration": observed_generation(),
            "run": count("The number of the current or last run, from 1; with a schedule it grows."),
            "progress": text("How many have new values, of how many that should get them, such as 12/30."),
            "selected": count("The number of environments that the run selected."),
            "waiting": count("The number of them that are not requested yet."),
            "running": count("The number of them that are getting new values."),
            "succeeded": count("The number of them that have new values."),
            "failed": count("The number of them that have no new values."),
            "skipped": count("The number of them that are suspended."),
            "failures": {
                "type": "array",
                "maxItems": MAX_LISTED,
                "description": f"Those that failed, and why; at most {MAX_LISTED}.",
                "items": {
                    "type": "object",
                    "properties": {
                        **_environment(),
                        "reason": text("One word for why, as in a condition of the environment.", maxLength=253),
                        "message": text("What happened, why, and what to do about it.", maxLength=LONGEST_MESSAGE),
                    },
                },
            },
            "planned": {
                "type": "array",
                "maxItems": MAX_LISTED,
                "description": f"Of a dry run: the environments that would be rotated, in order; at most {MAX_LISTED}.",
                "items": {
                    "type": "object",
                    "properties": {
                        **_environment(),
                        "expiresAt": time("When its credentials expire, in UTC. Absent if they do not."),
                        "roleHidden": flag(
                            "It may log in as the selector says: its status does not show the role or the organization."
                        ),
                    },
                },
            },
            "startedAt": time("When the current or last run began, in UTC."),
            "completedAt": time("When the last run ended, in UTC. Absent while one is under way."),
            "lastScheduleTime": time("When the last run was due by schedule, in UTC."),
            "nextScheduleTime": time("When the next run is due by schedule, in UTC."),
        },
    }


def _environment() -> dict[str, Any]:
    return {
        "namespace": text("The environment's namespace. Absent for a ClusterEscEnvironment.", maxLength=253),
        "name": text(
            f"The environment's name; for a ClusterEscEnvironment, {CLUSTER_KIND}/NAME.",
            maxLength=253 + len(f"{CLUSTER_KIND}/"),
        ),
    }
