"""A whole life at debug level, and none of the minted values anywhere but in the Secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.harness import Tenant, wait_until
from esc_operator.kube.paths import ENVIRONMENTS, EVENTS

if TYPE_CHECKING:
    from cluster.collector import Collector
    from local_aws import LocalAws
    from local_operator import LocalOperator


def test_no_minted_value_is_found_outside_of_its_secret(
    tenant: Tenant, aws: LocalAws, operator: LocalOperator, collector: Collector
) -> None:
    aws.settings(lifetime=8)
    tenant.apply(
        "app", {**tenant.login(), "values": {**tenant.login()["values"], "own": {"fn::secret": "hunter-two-22"}}}
    )
    tenant.until_ready("app")
    first = tenant.status("app")["refreshedAt"]
    wait_until(lambda: tenant.status("app")["refreshedAt"] > first, "a renewal")
    tenant.annotate("app", annotations={"esc-operator.dev/rotate-requested-at": "now"})
    wait_until(lambda: tenant.status("app").get("observedRotateRequest") == "now", "a rotation")
    tenant.write_secret("app", {"AWS_ACCESS_KEY_ID": "edited"})
    wait_until(lambda: tenant.values("app")["AWS_ACCESS_KEY_ID"] != "edited", "the edit is undone")
    broken = tenant.login()
    broken["values"]["broken"] = "${aws.login.accessKeyId.nothing}"
    broken["values"]["again"] = {"fn::fromJSON": "${aws.login.secretAccessKey}"}
    tenant.apply("app", broken)
    wait_until(lambda: tenant.condition("app").get("status") == "False", "the mistake is told")
    told = command_line(tenant, aws, operator.log.parent)
    aws.inject(service="sts", body="<garbage>", status=200)
    tenant.annotate("app", annotations={"esc-operator.dev/rotate-requested-at": "then"})
    wait_until(lambda: tenant.status("app").get("observedRotateRequest") == "then", "the failure is told")
    metrics = operator.scrape()
    operator.stop()
    operator.start()

    secrets = [*aws.minted_secrets(), "hunter-two-22"]
    assert len(secrets) > 6
    assert f'{{namespace="{tenant.namespace}",name="app"}}' in metrics
    assert f"{tenant.namespace}/app" in collector.text()
    places = {
        "the log": operator.log.read_text(),
        "events": json.dumps(tenant.cluster.must("GET", EVENTS.path())),
        "statuses": json.dumps(
            [item.get("status") for item in tenant.cluster.must("GET", ENVIRONMENTS.path())["items"]]
        ),
        "the command line's errors": told,
        "metrics": metrics,
        "traces": collector.text(),
    }
    for place, text in places.items():
        assert text, place
        # Only the name of the place is told on failure: the value itself must not reach a test's output either.
        assert not any(secret in text for secret in secrets), f"a secret value stands in {place}"


def command_line(tenant: Tenant, aws: LocalAws, folder: Path) -> str:
    """What `esc` says of the broken environment."""
    found = subprocess.run(
        [Path(sys.executable).parent / "esc", "open", f"{tenant.cluster.context}/{tenant.namespace}/app"],
        env={
            **aws.environment,
            "PATH": "/usr/bin:/bin",
            "KUBECONFIG": str(tenant.cluster.kubeconfig),
            "ESC_HOME": str(folder / "esc"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert found.stdout == ""
    return found.stderr
