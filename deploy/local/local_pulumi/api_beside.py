"""What Pulumi Cloud keeps beside an environment: schedules and webhooks, here as data alone.

No schedule runs and no webhook is sent; a ping writes down what would have been sent.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from cronsim import CronSim, CronSimError

from esc_operator.formats.times import parse_time
from local_https import Answer
from local_pulumi.calls import EMPTY, NO_CONTENT, Call, stamp
from local_pulumi.refusals import bad_request, change_requests_are_off, conflict, not_found

_FORMATS = ("raw", "slack", "ms_teams", "pulumi_deployments")


# Schedules


def list_schedules(call: Call) -> Answer:
    return Answer({"schedules": list(call.environment.schedules.values())})


def create_schedule(call: Call) -> Answer:
    environment = call.environment
    schedule = {
        "id": str(uuid.uuid4()),
        "orgID": call.organization,
        "kind": "environment_rotation",
        "paused": False,
        "created": stamp(call.cloud.now()),
        "lastExecuted": "",
        **_timing(call),
    }
    environment.schedules[schedule["id"]] = schedule
    return Answer(schedule)


def read_schedule(call: Call) -> Answer:
    return Answer(_schedule(call))


def update_schedule(call: Call) -> Answer:
    schedule = _schedule(call)
    timing = _timing(call)
    for name in ("scheduleCron", "scheduleOnce"):
        schedule.pop(name, None)
    schedule.update(timing)
    return Answer(schedule)


def delete_schedule(call: Call) -> Answer:
    del call.environment.schedules[_schedule(call)["id"]]
    return EMPTY


def pause_schedule(call: Call) -> Answer:
    _schedule(call)["paused"] = True
    return EMPTY


def resume_schedule(call: Call) -> Answer:
    _schedule(call)["paused"] = False
    return EMPTY


def schedule_history(call: Call) -> Answer:
    assert _schedule(call)
    return Answer({"scheduleHistoryEvents": []})


def _schedule(call: Call) -> dict[str, Any]:
    found = call.environment.schedules.get(call.parts["schedule"])
    if found is None:
        raise not_found(f"schedule '{call.parts['schedule']}'")
    return found


def _timing(call: Call) -> dict[str, Any]:
    given = call.content(scheduleCron=(str, False), scheduleOnce=(str, False), secretRotationRequest=(dict, False))
    cron, once = given["scheduleCron"], given["scheduleOnce"]
    if bool(cron) == bool(once):
        raise bad_request("exactly one of scheduleCron and scheduleOnce is needed")
    following = _next(cron, call.cloud.now()) if cron else parse_time(once)
    if following is None:
        raise bad_request(f"invalid time '{once}'")
    return {
        "modified": stamp(call.cloud.now()),
        "nextExecution": stamp(following.astimezone(UTC)),
        "definition": {
            "environmentPath": str((given["secretRotationRequest"] or {}).get("environmentPath", "")),
            "environmentID": call.environment.id,
        },
        **({"scheduleCron": cron} if cron else {"scheduleOnce": once}),
    }


def _next(cron: str, now: datetime) -> datetime:
    try:
        return next(CronSim(cron, now))
    except (CronSimError, StopIteration) as error:
        raise bad_request(f"invalid cron expression '{cron}'") from error


# Webhooks


def list_hooks(call: Call) -> Answer:
    return Answer([_shown(hook) for hook in call.environment.hooks.values()])


def create_hook(call: Call) -> Answer:
    given = _hook_content(call)
    hooks = call.environment.hooks
    if given["name"] in hooks:
        raise conflict(f"webhook '{given['name']}' already exists")
    hooks[given["name"]] = given
    call.environment.deliveries[given["name"]] = []
    return Answer(_shown(given), 201)


def read_hook(call: Call) -> Answer:
    return Answer(_shown(_hook(call)))


def update_hook(call: Call) -> Answer:
    hook = _hook(call)
    given = _hook_content(call)
    if given["name"] != hook["name"]:
        raise bad_request("a webhook cannot be renamed")
    call.environment.hooks[hook["name"]] = given
    return Answer(_shown(given))


def delete_hook(call: Call) -> Answer:
    del call.environment.hooks[_hook(call)["name"]]
    return NO_CONTENT


def ping_hook(call: Call) -> Answer:
    return Answer(_deliver(call, "ping"))


def list_deliveries(call: Call) -> Answer:
    return Answer(call.environment.deliveries[_hook(call)["name"]])


def redeliver(call: Call) -> Answer:
    for delivery in call.environment.deliveries[_hook(call)["name"]]:
        if delivery["id"] == call.parts["event"]:
            return Answer(_deliver(call, delivery["kind"]))
    raise not_found(f"webhook event '{call.parts['event']}'")


def _hook(call: Call) -> dict[str, Any]:
    found = call.environment.hooks.get(call.parts["hook"])
    if found is None:
        raise not_found(f"webhook '{call.parts['hook']}'")
    return found


def _hook_content(call: Call) -> dict[str, Any]:
    given = call.content(
        name=(str, True),
        displayName=(str, True),
        organizationName=(str, True),
        payloadUrl=(str, True),
        active=(bool, True),
        format=(str, False),
        filters=(list, False),
        groups=(list, False),
        secret=(str, False),
    )
    if given["organizationName"] != call.organization:
        raise bad_request("the organization name does not match the URL")
    if given["format"] not in (None, *_FORMATS):
        raise bad_request(f"unknown webhook format '{given['format']}'")
    for name in ("filters", "groups"):
        if not all(isinstance(one, str) for one in given[name] or ()):
            raise bad_request(f"invalid field '{name}'")
    names = {"projectName": call.parts["project"], "envName": call.parts["env"]}
    return {name: value for name, value in given.items() if value is not None} | names


def _shown(hook: dict[str, Any]) -> dict[str, Any]:
    """Without the secret, which is written and never read."""
    return {name: value for name, value in hook.items() if name != "secret"} | {
        "hasSecret": bool(hook.get("secret")),
        "secretCiphertext": "",
    }


def _deliver(call: Call, kind: str) -> dict[str, Any]:
    hook = _hook(call)
    now = int(call.cloud.clock())
    delivery = {
        "id": str(uuid.uuid4()),
        "kind": kind,
        "payload": json.dumps({"timestamp": now, "message": "Just a friendly ping from Pulumi"}),
        "timestamp": now,
        "duration": 0,
        "requestUrl": hook["payloadUrl"],
        "requestHeaders": "",
        "responseCode": 0,
        "responseHeaders": "",
        "responseBody": "",
    }
    call.environment.deliveries[hook["name"]].insert(0, delivery)
    return delivery


# Change requests


def refuse_change_request(call: Call) -> Answer:
    """Drafts and open requests, as an organization without approvals has them."""
    assert call.environment
    raise change_requests_are_off()
