"""Every operation of the client once, with an answer that the API gives, and the request that is expected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.stores.pulumi import EnvironmentName, PulumiCloud, Session
from esc_operator.stores.pulumi.records import CloneOptions
from esc_operator.stores.pulumi.tags import Tag
from esc_operator.stores.pulumi.webhooks import Webhook
from unit.stores.pulumi.service import PROD, replies

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from esc_operator.providers.port import HttpAnswer

E = "api/esc/environments/acme/shop/prod"
AT = "2026-11-01T10:00:00Z"
TAG = {
    "id": "t",
    "name": "team",
    "value": "shop",
    "created": AT,
    "modified": AT,
    "editorLogin": "jane",
    "editorName": "J",
}
REVISION = {"number": 1, "created": AT, "creatorLogin": "jane", "creatorName": "Jane", "tags": ["latest"]}
RETRACTED = {"replacement": 1, "at": AT, "byLogin": "jane", "byName": "Jane", "reason": "leaked"}
NAMED = {"name": "stable", "revision": 3, "created": AT, "modified": AT, "editorLogin": "jane", "editorName": "Jane"}
SCHEDULE = {
    "id": "sch-1",
    "orgID": "o",
    "kind": "environment_rotation",
    "paused": False,
    "created": AT,
    "modified": AT,
    "lastExecuted": AT,
    "nextExecution": AT,
    "definition": {"environmentPath": "db"},
    "scheduleCron": "0 3 * * *",
}
HOOK = {
    "active": True,
    "displayName": "Chat",
    "name": "chat",
    "organizationName": "acme",
    "payloadUrl": "https://hooks.example/hunter2",
    "format": "slack",
    "filters": ["environment_revision_created"],
    "groups": [],
    "hasSecret": True,
    "secretCiphertext": "x",
}
DELIVERY = {
    "id": "d-1",
    "kind": "ping",
    "timestamp": 1,
    "duration": 12,
    "responseCode": 200,
    "payload": "hunter2",
    "requestHeaders": "hunter2",
    "requestUrl": "https://hooks.example/hunter2",
    "responseHeaders": "",
    "responseBody": "",
}
OPENED = {"properties": {"a": {"value": "x"}, "s": {"value": "hunter2", "secret": True}}}
EVENT = {
    "id": "r",
    "environmentId": "e",
    "created": AT,
    "preRotationRevision": 3,
    "postRotationRevision": 4,
    "userID": "u",
    "status": "failed",
    "rotations": [
        {"id": "1", "environmentPath": "db", "status": "succeeded"},
        {"id": "2", "environmentPath": "iam", "status": "failed", "errorMessage": "no rights"},
    ],
}
LISTED = {"organization": "acme", "project": "shop", "name": "prod", "created": AT, "modified": "2023-10-10 12:24:03"}
USER = {
    "id": "1",
    "githubLogin": "jane",
    "name": "Jane",
    "email": "j@example.com",
    "avatarUrl": "",
    "organizations": [{"githubLogin": "acme", "name": "Acme", "avatarUrl": ""}],
    "tokenInfo": {"name": "ci", "organization": "acme", "team": "platform"},
}
SESSION = Session((*PROD.path(), "open", "s-1"), "acme", "acme/shop/prod")
STAGING = EnvironmentName("acme", "shop", "staging")
CHAT = Webhook("chat", "Chat", "https://hooks.example/hunter2", secret="hunter2")
OLD = Tag("team", "shop", None, None, "jane")


class Operation(NamedTuple):
    """`body`: the JSON of the request, None for none."""

    call: Callable[[PulumiCloud], Coroutine[Any, Any, Any]]
    line: str
    answer: HttpAnswer
    body: Any = None


NO_CONTENT = replies(204)
DEFINITION = replies(200, b"values: {a: <<x}", pulumi_esc_revision="7", etag='"e7"')

OPERATIONS: dict[str, Operation] = {
    "user": Operation(lambda cloud: cloud.user(), "GET api/user", replies(200, USER)),
    "default organization": Operation(
        lambda cloud: cloud.default_organization(),
        "GET api/user/organizations/default",
        replies(200, {"gitHubLogin": "acme"}),
    ),
    "list": Operation(
        lambda cloud: cloud.list("acme"), "GET api/esc/environments/acme", replies(200, {"environments": [LISTED]})
    ),
    "list all": Operation(
        lambda cloud: cloud.list(),
        "GET api/esc/environments",
        replies(200, {"environments": [LISTED], "nextToken": ""}),
    ),
    "create": Operation(
        lambda cloud: cloud.create(PROD),
        "POST api/esc/environments/acme",
        replies(200),
        {"project": "shop", "name": "prod"},
    ),
    "read": Operation(lambda cloud: cloud.read(PROD), f"GET {E}", DEFINITION),
    "read a version": Operation(lambda cloud: cloud.read(PROD, "7"), f"GET {E}/versions/7", DEFINITION),
    "read decrypted": Operation(lambda cloud: cloud.read(PROD, decrypted=True), f"GET {E}/decrypt", DEFINITION),
    "read a version decrypted": Operation(
        lambda cloud: cloud.read(PROD, "stable", decrypted=True), f"GET {E}/versions/stable/decrypt", DEFINITION
    ),
    "update": Operation(
        lambda cloud: cloud.update(PROD, "values: {}", etag='"e7"'),
        f"PATCH {E}",
        replies(200, {"diagnostics": []}, pulumi_esc_revision="8"),
        b"values: {}",
    ),
    "delete": Operation(lambda cloud: cloud.delete(PROD), f"DELETE {E}", NO_CONTENT),
    "clone": Operation(
        lambda cloud: cloud.clone(PROD, "shop", "copy", CloneOptions(version=3, history=True)),
        f"POST {E}/clone",
        NO_CONTENT,
        {
            "project": "shop",
            "name": "copy",
            "version": 3,
            "preserveHistory": True,
            "preserveAccess": False,
            "preserveEnvironmentTags": False,
            "preserveRevisionTags": False,
        },
    ),
    "read settings": Operation(
        lambda cloud: cloud.is_deletion_protected(PROD), f"GET {E}/settings", replies(200, {"deletionProtected": True})
    ),
    "change settings": Operation(
        lambda cloud: cloud.protect_from_deletion(PROD, protected=True),
        f"PATCH {E}/settings",
        replies(200),
        {"deletionProtected": True},
    ),
    "check": Operation(
        lambda cloud: cloud.check(PROD, "3"), f"POST {E}/versions/3/check?showSecrets=false", replies(200, OPENED), b""
    ),
    "check a text": Operation(
        lambda cloud: cloud.check_text("acme", "values: {}", show_secrets=True),
        "POST api/esc/environments/acme/yaml/check?showSecrets=true",
        replies(200, OPENED),
        b"values: {}",
    ),
    "open": Operation(
        lambda cloud: cloud.open(PROD), f"POST {E}/open?duration=2h0m0s", replies(200, {"id": "s-1"}), b""
    ),
    "open a text": Operation(
        lambda cloud: cloud.open_text("acme", "values: {}"),
        "POST api/esc/environments/acme/yaml/open?duration=2h0m0s",
        replies(200, {"id": "s-1"}),
        b"values: {}",
    ),
    "read a session": Operation(lambda cloud: cloud.read_session(SESSION), f"GET {E}/open/s-1", replies(200, OPENED)),
    "read a property": Operation(
        lambda cloud: cloud.read_session(SESSION, "a.b"), f"GET {E}/open/s-1?property=a.b", replies(200, {"value": 1})
    ),
    "rotate": Operation(
        lambda cloud: cloud.rotate(PROD, ["db"]),
        f"POST {E}/rotate",
        replies(200, {"id": "r", "secretRotationEvent": EVENT}),
        {"Paths": ["db"]},
    ),
    "list rotations": Operation(
        lambda cloud: cloud.rotations(PROD), f"GET {E}/rotate/history", replies(200, {"events": [EVENT]})
    ),
    "list revisions": Operation(
        lambda cloud: cloud.revisions.list(PROD), f"GET {E}/versions?before=0&count=500", replies(200, [REVISION])
    ),
    "find a revision": Operation(
        lambda cloud: cloud.revisions.find(PROD, 1), f"GET {E}/versions?before=2&count=1", replies(200, [REVISION])
    ),
    "retract": Operation(
        lambda cloud: cloud.revisions.retract(PROD, "3", replacement=2, reason="leaked"),
        f"POST {E}/versions/3/retract",
        NO_CONTENT,
        {"replacement": 2, "reason": "leaked"},
    ),
    "list revision tags": Operation(
        lambda cloud: cloud.revision_tags.list(PROD),
        f"GET {E}/versions/tags?count=500",
        replies(200, {"tags": [], "nextToken": ""}),
    ),
    "read a revision tag": Operation(
        lambda cloud: cloud.revision_tags.read(PROD, "stable"), f"GET {E}/versions/tags/stable", replies(200, NAMED)
    ),
    "create a revision tag": Operation(
        lambda cloud: cloud.revision_tags.create(PROD, "stable", 3),
        f"POST {E}/versions/tags",
        NO_CONTENT,
        {"name": "stable", "revision": 3},
    ),
    "move a revision tag": Operation(
        lambda cloud: cloud.revision_tags.move(PROD, "stable", 4),
        f"PATCH {E}/versions/tags/stable",
        NO_CONTENT,
        {"revision": 4},
    ),
    "delete a revision tag": Operation(
        lambda cloud: cloud.revision_tags.delete(PROD, "stable"), f"DELETE {E}/versions/tags/stable", NO_CONTENT
    ),
    "list tags": Operation(
        lambda cloud: cloud.tags.list(PROD),
        f"GET {E}/tags?count=500",
        replies(200, {"tags": {"team": TAG}, "nextToken": "0"}),
    ),
    "read a tag": Operation(lambda cloud: cloud.tags.read(PROD, "team"), f"GET {E}/tags/team", replies(200, TAG)),
    "create a tag": Operation(
        lambda cloud: cloud.tags.create(PROD, "a:b", "shop"),
        f"POST {E}/tags",
        replies(200, TAG),
        {"name": "a:b", "value": "shop"},
    ),
    "update a tag": Operation(
        lambda cloud: cloud.tags.update(PROD, OLD, value="new"),
        f"PATCH {E}/tags/team",
        replies(200, TAG),
        {"currentTag": {"value": "shop"}, "newTag": {"name": "team", "value": "new"}},
    ),
    "delete a tag": Operation(lambda cloud: cloud.tags.delete(PROD, "a:b"), f"DELETE {E}/tags/a%3Ab", NO_CONTENT),
    "list schedules": Operation(
        lambda cloud: cloud.schedules.list(PROD), f"GET {E}/schedules", replies(200, {"schedules": [SCHEDULE]})
    ),
    "read a schedule": Operation(
        lambda cloud: cloud.schedules.read(PROD, "sch-1"), f"GET {E}/schedules/sch-1", replies(200, SCHEDULE)
    ),
    "create a schedule": Operation(
        lambda cloud: cloud.schedules.create(PROD, "0 3 * * *", "db"),
        f"POST {E}/schedules",
        replies(200, SCHEDULE),
        {"scheduleCron": "0 3 * * *", "secretRotationRequest": {"environmentPath": "db"}},
    ),
    "update a schedule": Operation(
        lambda cloud: cloud.schedules.update(PROD, "sch-1", datetime(2026, 12, 1, tzinfo=UTC)),
        f"PATCH {E}/schedules/sch-1",
        replies(200, SCHEDULE),
        {"scheduleOnce": "2026-12-01T00:00:00Z", "secretRotationRequest": {"environmentPath": ""}},
    ),
    "delete a schedule": Operation(
        lambda cloud: cloud.schedules.delete(PROD, "sch-1"), f"DELETE {E}/schedules/sch-1", replies(200)
    ),
    "pause a schedule": Operation(
        lambda cloud: cloud.schedules.pause(PROD, "sch-1"), f"POST {E}/schedules/sch-1/pause", replies(200)
    ),
    "resume a schedule": Operation(
        lambda cloud: cloud.schedules.resume(PROD, "sch-1"), f"POST {E}/schedules/sch-1/resume", replies(200)
    ),
    "read the history of a schedule": Operation(
        lambda cloud: cloud.schedules.history(PROD, "sch-1"),
        f"GET {E}/schedules/sch-1/history",
        replies(200, {"scheduleHistoryEvents": [{"id": "h", "executed": AT, "result": "succeeded", "version": 4}]}),
    ),
    "list webhooks": Operation(lambda cloud: cloud.webhooks.list(PROD), f"GET {E}/hooks", replies(200, [HOOK])),
    "read a webhook": Operation(
        lambda cloud: cloud.webhooks.read(PROD, "chat"), f"GET {E}/hooks/chat", replies(200, HOOK)
    ),
    "create a webhook": Operation(
        lambda cloud: cloud.webhooks.create(PROD, CHAT),
        f"POST {E}/hooks",
        replies(201, HOOK),
        {
            "organizationName": "acme",
            "projectName": "shop",
            "envName": "prod",
            "name": "chat",
            "displayName": "Chat",
            "payloadUrl": "https://hooks.example/hunter2",
            "active": True,
            "format": "raw",
            "filters": [],
            "groups": [],
            "secret": "hunter2",
        },
    ),
    "replace a webhook": Operation(
        lambda cloud: cloud.webhooks.replace(PROD, CHAT._replace(secret="", is_active=False)),
        f"PATCH {E}/hooks/chat",
        replies(200, HOOK),
        {
            "organizationName": "acme",
            "projectName": "shop",
            "envName": "prod",
            "name": "chat",
            "displayName": "Chat",
            "payloadUrl": "https://hooks.example/hunter2",
            "active": False,
            "format": "raw",
            "filters": [],
            "groups": [],
        },
    ),
    "delete a webhook": Operation(
        lambda cloud: cloud.webhooks.delete(PROD, "chat"), f"DELETE {E}/hooks/chat", NO_CONTENT
    ),
    "ping a webhook": Operation(
        lambda cloud: cloud.webhooks.ping(PROD, "chat"), f"POST {E}/hooks/chat/ping", replies(200, DELIVERY)
    ),
    "list deliveries": Operation(
        lambda cloud: cloud.webhooks.deliveries(PROD, "chat"),
        f"GET {E}/hooks/chat/deliveries",
        replies(200, [DELIVERY]),
    ),
}
