"""The kinds of the API group as typed, frozen values: parse(dict) in, plain dicts out. No client, no clock.

Owns the shapes of spec and status, the conditions, their reasons and the record of a sync on its Secret; `manifests`
makes of them what is applied. Invariant: nothing in here can hold a secret value of an evaluated environment.
"""

GROUP = "esc-operator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

ENVIRONMENT_KIND = "EscEnvironment"
CLUSTER_KIND = "ClusterEscEnvironment"

ROTATE_REQUESTED_AT = f"{GROUP}/rotate-requested-at"
"""Annotation of an environment: a new value asks once for new credentials."""

SYNC_RECORD = f"{GROUP}/sync"
"""Annotation of a Secret: what it was made from (see `sync_record`)."""

ENVIRONMENT = f"{GROUP}/environment"
"""Annotation of a Secret: the environment that it belongs to, by its name in the Secret's namespace, or by the full
name of a ClusterEscEnvironment."""

HOLDS = f"{GROUP}/holds"
"""Annotation of a Secret of the operator's own that is no environment's target: what is in it."""

ROTATOR_STATES = "rotator-states"

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "esc-operator"
