"""The three ways for a pod to have credentials, each in a real pod that lists a bucket.

The AWS refuses an expired key, and a refused pod ends.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from cluster.harness import Tenant, wait_until
from demo.calling import calling_pod
from e2e.pods import ACCOUNT, CONFIG_MAPS, PATIENCE, deploy, is_ready, pods, restarts, taking
from e2e.stage import BUCKET, OBJECT, Stage
from esc_operator.kube.paths import ENVIRONMENTS
from local_cluster import places

pytestmark = pytest.mark.cluster

LIFETIME = 30.0
TOKENS, SETTINGS = "/var/run/tokens", "/var/run/aws-data"


def used_keys(tenant: Tenant) -> list[str]:
    """The keys with which S3 was called, in the order in which they were minted."""
    calls = tenant.aws.calls()
    minted = [mint.access_key_id for mint in tenant.aws.mints().mints]
    return [key for key in minted if "s3" in calls.get(key, {}) and calls[key]["s3"].accepted]


def accepted(tenant: Tenant) -> int:
    return sum(services["s3"].accepted for services in tenant.aws.calls().values() if "s3" in services)


def refused(tenant: Tenant) -> Counter[str]:
    """Every refusal of S3, with whatever key."""
    used = [services["s3"] for services in tenant.aws.calls().values() if "s3" in services]
    return sum((calls.refused for calls in used), Counter[str]())


def lists_with(key: str) -> str:
    """What a pod prints when it has listed the bucket."""
    return f"{OBJECT} listed with the key that ends in {key[-4:]}"


def until(happened: Any, what: str, tenant: Tenant) -> None:
    def tell() -> Any:
        statuses = [pod["status"].get("containerStatuses") for pod in pods(tenant)]
        return statuses, refused(tenant), tenant.cluster.must("GET", ENVIRONMENTS.path(tenant.namespace))["items"]

    wait_until(happened, what, tell, PATIENCE)


def test_a_deployment_lists_the_bucket_before_and_after_a_rotation(stage: Stage, tenant: Tenant) -> None:
    more = {"serviceAccountName": ACCOUNT, "rollout": {"policy": "OnChange", "minInterval": "1s"}}
    tenant.apply("aws", tenant.login(), **more)
    tenant.until_ready("aws")
    first = tenant.values("aws")["AWS_ACCESS_KEY_ID"]
    deploy(tenant, "web", calling_pod(stage.endpoint, BUCKET, **taking("aws")))
    until(lambda: any(map(is_ready, pods(tenant))), "the bucket is listed", tenant)
    assert used_keys(tenant) == [first]
    (old,) = pods(tenant)
    assert lists_with(first) in stage.kubectl("logs", "-n", tenant.namespace, "deployment/web")

    tenant.annotate("aws", annotations={"esc-operator.dev/rotate-requested-at": datetime.now(UTC).isoformat()})
    until(lambda: tenant.condition("aws", "RolledOut").get("reason") == "RolledOut", "the pod is replaced", tenant)
    second = tenant.values("aws")["AWS_ACCESS_KEY_ID"]
    until(lambda: used_keys(tenant) == [first, second], "the bucket is listed with the new key", tenant)
    until(lambda: len(pods(tenant)) == 1, "the old pod is gone", tenant)
    (new,) = pods(tenant)
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert restarts(new) == 0
    assert lists_with(second) in stage.kubectl("logs", "-n", tenant.namespace, new["metadata"]["name"])
    assert tenant.mints() == 2
    assert not refused(tenant)


def test_a_mounted_file_lets_a_pod_go_on_past_the_end_of_its_keys(stage: Stage, tenant: Tenant) -> None:
    stage.aws.settings(lifetime=LIFETIME)
    environment, deployment = yaml.safe_load_all((places.REPOSITORY / "deploy/examples/mounted.yaml").read_text())
    spec = environment["spec"]
    spec["environment"]["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] = tenant.role
    tenant.apply(environment["metadata"]["name"], **spec)
    tenant.until_ready(environment["metadata"]["name"])
    # The image and what it runs are ours; what the recipe says of the file is the example's.
    example = deployment["spec"]["template"]["spec"]
    (container,) = example["containers"]
    settings = {entry["name"]: entry["value"] for entry in container["env"]}
    pod = calling_pod(stage.endpoint, BUCKET, settings=settings, volumeMounts=container["volumeMounts"])
    deploy(tenant, "web-mounted", {**pod, "volumes": example["volumes"]})

    until(lambda: any(map(is_ready, pods(tenant))), "the bucket is listed", tenant)
    expiry = datetime.fromisoformat(tenant.aws.mints().mints[0].expires_at)
    until(lambda: datetime.now(UTC) > expiry, "the first key has expired", tenant)
    before = accepted(tenant)
    until(lambda: accepted(tenant) > before + 1, "the pod goes on", tenant)
    (pod,) = pods(tenant)
    assert restarts(pod) == 0
    keys = used_keys(tenant)
    assert len(keys) >= 2
    assert not refused(tenant)
    # AWS counts a call before the pod can tell of it.
    log = ["logs", "-n", tenant.namespace, pod["metadata"]["name"]]
    until(lambda: all(lists_with(key) in stage.kubectl(*log) for key in keys), "its log tells of all keys", tenant)


def test_an_environment_names_the_role_and_the_pod_assumes_it_itself(stage: Stage, tenant: Tenant) -> None:
    variables = {"AWS_ROLE_ARN": tenant.role, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{TOKENS}/aws"}
    tenant.apply("aws", {"values": {"environmentVariables": variables}})
    tenant.until_ready("aws")
    token = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 3600, "path": "aws"}}
    mounts = [{"name": "token", "mountPath": TOKENS}, {"name": "sts", "mountPath": SETTINGS}]
    pod = calling_pod(
        stage.endpoint, BUCKET, **taking("aws"), settings={"AWS_DATA_PATH": SETTINGS}, volumeMounts=mounts
    )
    volumes = [{"name": "token", "projected": {"sources": [token]}}, place_of_sts(tenant, stage.endpoint)]
    deploy(tenant, "web", {**pod, "volumes": volumes})

    until(lambda: any(map(is_ready, pods(tenant))), "the bucket is listed", tenant)
    (mint,) = tenant.aws.mints().mints
    assert mint.subject == f"system:serviceaccount:{tenant.namespace}:{ACCOUNT}"
    assert mint.session_name.startswith("botocore-session-"), "the pod has asked, and not the operator"
    log = stage.kubectl("logs", "-n", tenant.namespace, "deployment/web")
    assert lists_with(mint.access_key_id) in log
    assert not refused(tenant)


def place_of_sts(tenant: Tenant, endpoint: str) -> dict[str, Any]:
    """A volume for AWS_DATA_PATH that tells the SDK where STS is: Debian's is too old for AWS_ENDPOINT_URL."""
    rules = [{"conditions": [], "type": "endpoint", "endpoint": {"url": endpoint, "properties": {}, "headers": {}}}]
    region = {"builtIn": "AWS::Region", "required": False, "documentation": "", "type": "String"}
    content = json.dumps({"version": "1.0", "parameters": {"Region": region}, "rules": rules})
    tenant.cluster.must(
        "POST", CONFIG_MAPS.path(tenant.namespace), {"metadata": {"name": "sts"}, "data": {"rules": content}}
    )
    items = [{"key": "rules", "path": "sts/2011-06-15/endpoint-rule-set-1.json"}]
    return {"name": "sts", "configMap": {"name": "sts", "items": items}}
