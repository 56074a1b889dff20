"""A pod that calls S3 as programs do: with what it finds in its environment or in a file, again and again.

For the demo and for the tests on a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_cluster import images

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLING = """
import os, pathlib, signal, sys, time
import boto3
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
session = boto3.Session()
s3 = session.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
while True:
    listed = s3.list_objects_v2(Bucket=os.environ["BUCKET"])
    keys = " ".join(entry["Key"] for entry in listed["Contents"])
    key, revision = session.get_credentials().access_key[-4:], os.environ.get("REVISION", "")
    print(keys, "listed with the key that ends in", key, revision, flush=True)
    pathlib.Path("/tmp/called").touch()
    time.sleep(1)
"""
"""A refused call ends it, so a pod that was refused once has a restart to show for it."""


def calling_pod(endpoint: str, bucket: str, **container: Any) -> dict[str, Any]:
    """A pod's spec. It is ready from its first call on; `container` says where it has credentials from."""
    settings = {
        "BUCKET": bucket,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # One call is one request: nothing is repeated until it works.
        "AWS_MAX_ATTEMPTS": "1",
        **container.pop("settings", {}),
    }
    return python_pod(CALLING, settings, **container)


def deployment(name: str, pod: Mapping[str, Any], namespace: str = "apps") -> dict[str, Any]:
    """A Deployment of one such pod."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": dict(pod)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def python_pod(program: str, settings: Mapping[str, str], **container: Any) -> dict[str, Any]:
    """The spec of a pod that runs a program in Python; it is ready once there is a file /tmp/called."""
    return {
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "containers": [
            {
                "name": "main",
                "image": images.reference(images.WORKLOAD.name),
                "imagePullPolicy": "Never",
                "command": ["/usr/bin/python3", "-c", program],
                "env": [{"name": name, "value": value} for name, value in settings.items()],
                # Only until the first success: a probe each second of each pod would cost more than the pods do.
                "startupProbe": {
                    "exec": {"command": ["/bin/busybox", "test", "-e", "/tmp/called"]},
                    "periodSeconds": 1,
                    "timeoutSeconds": 5,
                    "failureThreshold": 120,
                },
                **container,
            }
        ],
    }
