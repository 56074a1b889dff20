"""`fn::rotate::aws-iam` on a real API server, and keys that AWS accepts: two at most, and what pods hold works."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, NAMESPACES, ROTATIONS, SECRETS
from esc_operator.resources.sync_record import parse_sync_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_aws import LocalAws
    from local_operator import LocalOperator


@pytest.fixture
def user(tenant: Tenant, aws: LocalAws) -> Iterator[str]:
    """The ARN of an IAM user of the test's own."""
    iam = aws.client("iam")
    arn: str = iam.create_user(UserName=f"user-of-{tenant.namespace}")["User"]["Arn"]
    yield arn
    name = arn.rpartition("/")[2]
    for key in keys_of(aws, arn):
        iam.delete_access_key(UserName=name, AccessKeyId=key)
    iam.delete_user(UserName=name)


def keys_of(aws: LocalAws, user: str) -> list[str]:
    listed = aws.client("iam").list_access_keys(UserName=user.rpartition("/")[2])["AccessKeyMetadata"]
    return [key["AccessKeyId"] for key in listed]


def rotating(tenant: Tenant, user: str) -> dict[str, Any]:
    login = tenant.login()["values"]["aws"]["login"]
    return {
        "values": {
            "iam": {"fn::rotate::aws-iam": {"inputs": {"login": login, "userArn": user}}},
            "environmentVariables": {
                "AWS_ACCESS_KEY_ID": "${iam.current.accessKeyId}",
                "AWS_SECRET_ACCESS_KEY": "${iam.current.secretAccessKey}",
            },
        }
    }


def is_accepted(aws: LocalAws, values: Mapping[str, str]) -> bool:
    s3 = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        s3.list_buckets()
    except ClientError:
        return False
    finally:
        s3.close()
    return True


def honoured(tenant: Tenant) -> str:
    secret = tenant.secret("iam")
    record = parse_sync_record(secret["metadata"]["annotations"]) if secret else None
    return record.rotate_request if record else ""


def ask(tenant: Tenant, request: str) -> dict[str, str]:
    """Ask for a rotation and wait until the Secret honours it; answers its values."""
    tenant.annotate("iam", annotations={"esc-operator.dev/rotate-requested-at": request})
    # By the Secret itself: Ready is True, and the request observed, also while a failed attempt is to be repeated.
    wait_until(lambda: honoured(tenant) == request, "the rotation is honoured", lambda: tenant.status("iam"))
    wait_until(lambda: tenant.is_ready("iam"), "it is told", lambda: tenant.status("iam"))
    return tenant.values("iam")


def test_a_users_keys_alternate_and_the_one_in_use_always_works(tenant: Tenant, aws: LocalAws, user: str) -> None:
    tenant.apply("iam", rotating(tenant, user))
    assert "rotate this environment" in tenant.until_refused("iam", "NotRotated")
    assert keys_of(aws, user) == []
    seen = [ask(tenant, "first")]
    # Three at once; the fourth would have to wait for a minute.
    for number in range(2):
        seen.append(ask(tenant, str(number)))
        assert is_accepted(aws, seen[-1])
        assert is_accepted(aws, seen[-2]), "pods still hold the key before"
        assert len(keys_of(aws, user)) == 2
    assert not is_accepted(aws, seen[0])
    assert len({values["AWS_ACCESS_KEY_ID"] for values in seen}) == 3
    # A login is only taken to make a key, and does not limit its life.
    assert tenant.mints() == 3
    assert "expiresAt" not in tenant.status("iam")
    secret = tenant.secret("iam-rotators")
    assert secret is not None
    assert secret["metadata"]["ownerReferences"][0]["uid"] == tenant.environment("iam")["metadata"]["uid"]
    told = json.dumps([tenant.environment("iam"), tenant.events("iam")])
    assert not any(value in told for values in seen for value in values.values())


def test_restarts_and_rotations_of_the_cluster_make_one_key_each(
    tenant: Tenant, aws: LocalAws, user: str, operator: LocalOperator
) -> None:
    tenant.apply("iam", rotating(tenant, user))
    first = ask(tenant, "first")
    for end in (operator.stop, operator.kill):
        end()
        operator.start()
    tenant.apply("marker", variables(A="1"))
    tenant.until_ready("marker")
    stays(lambda: tenant.values("iam") == first, 1)
    path = ROTATIONS.path()
    spec = {"selector": {"provider": "aws-iam", "namespaces": [tenant.namespace]}}
    body = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": "EscRotation", "metadata": {"generateName": "x-"}}
    name = tenant.cluster.must("POST", path, {**body, "spec": spec})["metadata"]["name"]

    def status() -> dict[str, Any]:
        found: dict[str, Any] = tenant.cluster.must("GET", ROTATIONS.path(None, name)).get("status") or {}
        return found

    wait_until(lambda: status().get("phase") == "Succeeded", "it is rotated", status)
    second = tenant.values("iam")
    assert second != first
    assert is_accepted(aws, second)
    assert is_accepted(aws, first)
    assert sorted(keys_of(aws, user)) == sorted(one["AWS_ACCESS_KEY_ID"] for one in (first, second))
    tenant.cluster.must("DELETE", ROTATIONS.path(None, name))


def test_keys_that_nobody_here_made_are_left_alone(tenant: Tenant, aws: LocalAws, user: str) -> None:
    name = user.rpartition("/")[2]
    made = [aws.client("iam").create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for _ in range(2)]
    tenant.apply("iam", rotating(tenant, user))
    tenant.annotate("iam", annotations={"esc-operator.dev/rotate-requested-at": "first"})
    tenant.until_refused("iam", "UnknownAccessKeys")
    assert keys_of(aws, user) == made


def test_one_of_the_cluster_makes_one_key_for_all_its_namespaces_and_its_state_is_with_the_operator(
    tenant: Tenant, aws: LocalAws, user: str, operator: LocalOperator
) -> None:
    name = f"wide-{tenant.namespace}"
    path, others = CLUSTER_ENVIRONMENTS.path(None, name), [f"{tenant.namespace}-{number}" for number in range(3)]
    for other in others:
        tenant.cluster.must("POST", NAMESPACES.path(), {"metadata": {"name": other}})
    spec = {
        "environment": rotating(tenant, user),
        "serviceAccount": {"namespace": tenant.namespace, "name": "default"},
        "target": {"namespaces": others},
    }
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": name, "annotations": {"esc-operator.dev/rotate-requested-at": "first"}},
        "spec": spec,
    }
    tenant.cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = tenant.cluster.must("GET", path).get("status") or {}
        return found

    def held() -> set[str]:
        found = [tenant.cluster.find(SECRETS, other, name) for other in others]
        return {one["data"]["AWS_ACCESS_KEY_ID"] if one else "" for one in found}

    def has_one_key() -> bool:
        return len(held()) == 1 and "" not in held()

    wait_until(has_one_key, "all have the same", status)
    first = held()
    wait_until(lambda: status().get("rotatorStates"), "it is told where the state is", status)
    namespace, _, states = status()["rotatorStates"].partition("/")
    kept = tenant.cluster.find(SECRETS, namespace, states)
    assert kept is not None
    owner = kept["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == (
        "ClusterEscEnvironment",
        tenant.cluster.must("GET", path)["metadata"]["uid"],
    )
    assert namespace not in {tenant.namespace, *others}
    operator.kill()
    operator.start()
    change = {"metadata": {"annotations": {"esc-operator.dev/rotate-requested-at": "second"}}}
    tenant.cluster.must("PATCH", path, change, content_type="application/merge-patch+json")
    wait_until(lambda: has_one_key() and held() != first, "all have the next one", status)
    assert len(keys_of(aws, user)) == 2
    tenant.cluster.must("DELETE", path)
    wait_until(
        lambda: tenant.cluster.find(SECRETS, namespace, states) is None, "the state is gone with it", patience=60
    )
    tenant.cluster.give_up_namespaces(*others)
