"""The kinds of the API group as typed, frozen values: parse(dict) in, plain dicts out. No client, no clock.

Owns the shapes of spec and status, the conditions, their reasons and the record of a sync on its Secret; `manifests`
derives the manifests from them. Invariant: nothing here can hold a secret value of an evaluated environment.
"""

GROUP = "esc-operator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

ENVIRONMENT_KIND = "EscEnvironment"
CLUSTER_KIND = "ClusterEscEnvironment"

ROTATE_REQUESTED_AT = f"{GROUP}/rotate-requested-at"
"""Annotation of an environment: a new value requests new credentials once."""

ROTATE_PULUMI_ROTATORS = f"{GROUP}/rotate-pulumi-rotators"
"""Annotation of an environment: with the value of ROTATE_REQUESTED_AT, that request also rotates its rotators in Pulumi
Cloud. No later request does, although the annotation stays."""

SYNC_RECORD = f"{GROUP}/sync"
"""Annotation of a Secret: what it was made from (see `sync_record`)."""

ENVIRONMENT = f"{GROUP}/environment"
"""Annotation of a Secret: its environment, by the name in the Secret's namespace, or the full name of a
ClusterEscEnvironment."""

HOLDS = f"{GROUP}/holds"
"""Annotation of the operator's own Secrets that are not an environment's target: their contents."""

ROTATOR_STATES = "rotator-states"

MADE_BY = f"{GROUP}/made-by"
ROTATE_COMMAND = "esc-rotate"
"""Label of an EscRotation that `esc rotate` made, and its value: the operator keeps only the newest of these."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "esc-operator"
