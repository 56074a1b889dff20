"""Reasons of conditions and events. Each is CamelCase, stable across releases, and documented here.

Reasons of a definition's mistakes are those of its diagnostics (`esc_operator.lang`), reasons of a provider's failures
are the provider's own; those that the operator gives itself are below.
"""

SYNCED = "Synced"
"""The Secret holds what the environment evaluates to."""

REFRESHED = "Refreshed"
"""The last attempt to refresh succeeded."""

NO_TARGET = "NoTarget"
"""A ClusterEscEnvironment without `spec.target` fills no Secret: it is there to be imported."""

NO_NAMESPACES = "NoNamespaces"
"""No namespace is to get the Secret of a ClusterEscEnvironment."""

NAMESPACES_FAILING = "NamespacesFailing"
"""Some namespaces do not have the present values; the others do."""

SUSPENDED = "Suspended"
"""`spec.suspend` is true: the Secret is kept as it is, and no longer refreshed."""

EXPIRED = "Expired"
"""The credentials in the Secret are past their expiry and could not be renewed."""

SECRET_NOT_OWNED = "SecretNotOwned"  # noqa: S105 - a reason, not a password
"""The target Secret exists and is not this operator's: it is left alone."""

TARGET_CONFLICT = "TargetConflict"
"""Another environment already fills the target Secret."""

ROTATOR_STATES_NOT_OWNED = "RotatorStatesNotOwned"
"""The Secret that would keep the states of an environment's rotators is somebody else's, so nothing is rotated."""

ROTATOR_STATES_UNPLACED = "RotatorStatesUnplaced"
"""An operator outside of the cluster has no namespace for the states of a ClusterEscEnvironment's rotators."""

SECRET_REFUSED = "SecretRefused"  # noqa: S105 - a reason, not a password
"""The API server refused the Secret, for instance because it is immutable or its type cannot be changed."""

OPERATOR_INTERRUPTED = "OperatorInterrupted"
"""The evaluation of this definition held an operator or its memory for so long that it ended, or was about to."""

INVALID_DEFINITION = "InvalidDefinition"
"""The definition has a mistake that has no reason of its own."""

INVALID_SPEC = "InvalidSpec"
"""A field of the resource beside the definition cannot be used."""

SERVICE_ACCOUNT_MISSING = "ServiceAccountMissing"
"""The ServiceAccount that the environment acts as does not exist."""

TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - a reason, not a password
"""The API server did not issue a token for the ServiceAccount."""

ROLE_NOT_ALLOWED = "RoleNotAllowed"
"""The namespace's administrator does not allow its environments that role."""

AUDIENCE_NOT_ALLOWED = "AudienceNotAllowed"
"""The audience is the API server's own, or not one that the namespace's administrator allows."""

TOKEN_NOT_ALLOWED = "TokenNotAllowed"  # noqa: S105 - a reason, not a password
"""A provider would give out the identity token itself, and the namespace's administrator has not allowed that."""

IMPORT_NOT_FOUND = "ImportNotFound"
"""An imported environment does not exist."""

IMPORT_NOT_ALLOWED = "ImportNotAllowed"
"""An environment elsewhere does not exist or is not shared with this place; which of the two is not told."""

IMPORT_NOT_TRUSTED = "ImportNotTrusted"
"""A definition of another namespace would open a provider, and the importer's `spec.trustedNamespaces` does not name
that namespace."""

KUBERNETES_UNAVAILABLE = "KubernetesUnavailable"
"""The API server could not be reached or did not answer in time."""

ROLLED_OUT = "RolledOut"
"""Every workload runs with the present values."""

NOTHING_TO_ROLL = "NoWorkloads"
"""No workload takes the Secret, or none that is named exists."""

ROLLING_OUT = "RollingOut"
"""New pods are on their way."""

ROLLOUT_WAITING = "RolloutWaiting"
"""A workload waits for its `minInterval`, or for its turn among all rollouts of the cluster."""

ROLLOUT_BLOCKED = "RolloutBlocked"
"""A workload is paused, or its update strategy is OnDelete: its pods keep the old values until somebody acts."""

ROLLOUT_STUCK = "RolloutStuck"
"""New pods do not become ready."""

ROLLOUT_REVERTED = "RolloutReverted"
"""Somebody took the mark off a pod template again; it is put back, not more often than `minInterval`."""

ROLLOUT_REFUSED = "RolloutRefused"
"""The API server refused to change a workload."""

PODS_LEFT = "PodsLeft"
"""A rotation that leaves pods alone has changed the Secret: they take its values when they are next replaced."""

LIFETIME_TOO_SHORT = "LifetimeTooShort"
"""Credentials expire so soon that their rollouts hardly end before the next one."""

ROTATION_DELAYED = "RotationDelayed"
"""An environment's annotation asks for rotations too often: three are done at once, and then one a minute."""

ROTATING = "Rotating"
"""An EscRotation is under way."""

ROTATED = "Rotated"
"""All environments that an EscRotation is about have new values."""

ROTATION_FAILED = "EnvironmentsFailed"
"""Some environments that an EscRotation is about have no new values."""

ENVIRONMENT_FAILED = "EnvironmentFailed"
"""An event of an EscRotation: one of its environments has no new values."""

ROTATION_STOPPED = "TooManyFailures"
"""As many environments of a namespace, or namespaces, failed as `stopAfterFailures` allows, so no more were asked."""

NOTHING_SELECTED = "NothingSelected"
"""An EscRotation has nobody to ask: no environment fits its selector, or all that do are suspended."""

SCHEDULED = "Scheduled"
"""An EscRotation waits for the next time of its schedule."""

DRY_RUN = "DryRun"
"""An EscRotation has only told whom it would ask."""

INVALID_SCHEDULE = "InvalidSchedule"
"""The schedule of an EscRotation is no cron expression, never comes, or its time zone is not known."""
