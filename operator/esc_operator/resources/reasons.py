"""Reasons of conditions and events. Each is CamelCase, stable across releases, and documented here.

A definition's mistakes have the reasons of their diagnostics (`esc_operator.lang`), a provider's failures those of the
provider; the operator's own are below.
"""

SYNCED = "Synced"
"""The Secret holds what the environment evaluates to."""

REFRESHED = "Refreshed"
"""The last attempt to refresh succeeded."""

NO_TARGET = "NoTarget"
"""A ClusterEscEnvironment without `spec.target` fills no Secret: others import it."""

NO_NAMESPACES = "NoNamespaces"
"""No namespace matches the target of a ClusterEscEnvironment."""

NAMESPACES_FAILING = "NamespacesFailing"
"""Some namespaces do not have the current values; the others do."""

SUSPENDED = "Suspended"
"""`spec.suspend` is true: the Secret stays as it is, and is not refreshed."""

EXPIRED = "Expired"
"""The credentials in the Secret have expired and could not be renewed."""

SECRET_NOT_OWNED = "SecretNotOwned"  # noqa: S105 - a reason, not a password
"""The target Secret exists and does not belong to this operator, which does not touch it."""

TARGET_CONFLICT = "TargetConflict"
"""Another environment already fills the target Secret."""

ROTATOR_STATES_NOT_OWNED = "RotatorStatesNotOwned"
"""The Secret for the states of an environment's rotators does not belong to the operator, so nothing is rotated."""

ROTATORS_NOT_ROTATED = "RotatorsNotRotated"
"""A warning: a request asked for the environment's rotators in Pulumi Cloud, and not all of them rotated."""

ROTATOR_STATES_UNPLACED = "RotatorStatesUnplaced"
"""An operator outside of the cluster has no namespace for the states of a ClusterEscEnvironment's rotators."""

SECRET_REFUSED = "SecretRefused"  # noqa: S105 - a reason, not a password
"""The API server, a policy, a webhook or a quota refused the Secret; the message says which, and what to do."""

SECRET_RESTORED = "SecretRestored"  # noqa: S105 - a reason, not a password
"""An event: the Secret is again as the operator wrote it; the message names who had changed it."""

SECRET_CONTESTED = "SecretContested"  # noqa: S105 - a reason, not a password
"""Another writer, or a mutating webhook, keeps changing the Secret, which is restored at growing intervals."""

SECRET_IMMUTABLE = "SecretImmutable"  # noqa: S105 - a reason, not a password
"""A user has made the Secret immutable, so no new values can be written until it is deleted."""

CONFLICT = "Conflict"
"""Another writer changes the Secret again and again, just before the operator does."""

NOT_FOUND = "NotFound"
"""The place for the Secret does not exist, such as its namespace."""

WEBHOOK_UNAVAILABLE = "AdmissionWebhookUnavailable"
"""An admission webhook that has to allow a write could not be called, so the write failed without a judgement."""

STATUS_NOT_WRITTEN = "StatusNotWritten"
"""An event: the API server refused the status of an environment, which still shows an earlier state."""

SECRET_LEFT_OVER = "SecretLeftOver"  # noqa: S105 - a reason, not a password
"""An event: the Secret of a former `spec.target.name` could not be deleted."""

OPERATOR_INTERRUPTED = "OperatorInterrupted"
"""The evaluation of this definition blocked an operator, or took its memory, until it exited, or almost did."""

INVALID_DEFINITION = "InvalidDefinition"
"""The definition has a mistake without a reason of its own."""

INVALID_SPEC = "InvalidSpec"
"""A field of the resource outside of the definition is invalid."""

DEFINITION_NOT_FOUND = "DefinitionNotFound"
"""The ConfigMap or Secret that holds the definition does not exist, or has no such key."""

ACCESS_TOKEN_NOT_FOUND = "PulumiTokenNotFound"  # noqa: S105 - a reason, not a password
"""The Secret that holds the access token for Pulumi Cloud does not exist, or has no such key."""

ACCESS_TOKEN_NOT_USABLE = "PulumiTokenNotUsable"  # noqa: S105 - a reason, not a password
"""The Secret that is named for the access token holds none, or is not of the kind that a token is read from."""

VALUE_NOT_VISIBLE = "ValueNotVisible"
"""A variable's value was not told: who opens the environment may not see it."""

DEFINITION_NOT_USABLE = "DefinitionNotUsable"
"""The ConfigMap or Secret does not hold a text at that key, or the Secret is not meant for a definition."""

SERVICE_ACCOUNT_MISSING = "ServiceAccountMissing"
"""The environment's ServiceAccount does not exist."""

TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - a reason, not a password
"""The API server did not issue a token for the ServiceAccount."""

ROLE_NOT_ALLOWED = "RoleNotAllowed"
"""The namespace's administrator does not allow its environments that role."""

AUDIENCE_NOT_ALLOWED = "AudienceNotAllowed"
"""The audience is the API server's own, or not one that the namespace's administrator allows."""

TOKEN_NOT_ALLOWED = "TokenNotAllowed"  # noqa: S105 - a reason, not a password
"""A provider would output the identity token itself, and the namespace's administrator has not allowed that."""

IMPORT_NOT_FOUND = "ImportNotFound"
"""An imported environment does not exist."""

IMPORT_NOT_ALLOWED = "ImportNotAllowed"
"""An environment elsewhere does not exist or is not shared with this place; the message does not say which."""

IMPORT_NOT_TRUSTED = "ImportNotTrusted"
"""A definition of another namespace would open a provider, and the importer's `spec.trustedNamespaces` does not name
that namespace."""

KUBERNETES_UNAVAILABLE = "KubernetesUnavailable"
"""The API server could not be reached or did not answer in time."""

ROLLED_OUT = "RolledOut"
"""Every workload runs with the current values."""

NOTHING_TO_ROLL = "NoWorkloads"
"""No workload takes the Secret, or no named one exists."""

ROLLING_OUT = "RollingOut"
"""New pods are starting."""

ROLLOUT_WAITING = "RolloutWaiting"
"""A workload waits for its `minInterval`, or for its turn among all rollouts of the cluster."""

ROLLOUT_BLOCKED = "RolloutBlocked"
"""A workload is paused, or its update strategy is OnDelete: its pods keep the old values until a user acts."""

ROLLOUT_STUCK = "RolloutStuck"
"""New pods do not become ready."""

ROLLOUT_REVERTED = "RolloutReverted"
"""Something removed the operator's annotation from a pod template; it is restored at most once per `minInterval`."""

ROLLOUT_REFUSED = "RolloutRefused"
"""The API server refused to change a workload."""

PODS_LEFT = "PodsLeft"
"""A rotation without a rollout has changed the Secret: pods take its values when they are next replaced."""

LIFETIME_TOO_SHORT = "LifetimeTooShort"
"""Credentials expire so soon that one rollout has hardly ended before the next one starts."""

ROTATION_DELAYED = "RotationDelayed"
"""An environment's annotation requests rotations too often: three are done at once, and then one a minute."""

ROTATING = "Rotating"
"""An EscRotation is running."""

ROTATED = "Rotated"
"""All environments that an EscRotation selects have new values."""

NOTHING_RENEWED = "NothingRenewed"
"""A rotation was requested of an environment that opens no provider and has no rotator: its values are as before."""

ROTATION_FAILED = "EnvironmentsFailed"
"""Some environments that an EscRotation selects have no new values."""

ENVIRONMENT_FAILED = "EnvironmentFailed"
"""An event of an EscRotation: one of its environments has no new values."""

ROTATION_STOPPED = "TooManyFailures"
"""As many environments of a namespace, or namespaces, failed as `stopAfterFailures` allows, so it stopped."""

NOTHING_SELECTED = "NothingSelected"
"""An EscRotation selects nothing: no environment matches its selector, or all that do are suspended."""

SCHEDULED = "Scheduled"
"""An EscRotation waits for the next time of its schedule."""

DRY_RUN = "DryRun"
"""An EscRotation has only listed what it would rotate."""

INVALID_SCHEDULE = "InvalidSchedule"
"""The schedule of an EscRotation is not a cron expression or never occurs, or its time zone is not known."""

NULL_LOST = "NullLost"
"""A warning: `kubectl apply` took a null out of the definition, so the value below it stays."""

WORKLOADS_MISSING = "WorkloadsMissing"
"""A warning: a workload that `spec.rollout.targets` names does not exist."""

NAMESPACES_MISSING = "NamespacesMissing"
"""A warning: a namespace that `spec.target.namespaces` names does not exist."""

NO_VARIABLES = "NoVariables"
"""The environment exports no variables and no files, so it fills no Secret: others import it."""
