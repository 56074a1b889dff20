"""The main job: a role becomes short-lived keys in a Secret, renewed ahead of expiry, and no mint too many."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from cluster.harness import Tenant, stays, variables, wait_until

if TYPE_CHECKING:
    from local_aws import LocalAws
    from local_operator import LocalOperator


def test_a_role_becomes_keys_that_aws_accepts(tenant: Tenant, aws: LocalAws) -> None:
    tenant.apply("aws", tenant.login())
    status = tenant.until_ready("aws")
    values = tenant.values("aws")
    s3 = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=values["AWS_SESSION_TOKEN"],
    )
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["reports"]
    s3.close()
    assert tenant.mints() == 1
    assert status["variables"] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    assert status["secretName"] == "aws"
    assert status["expiresAt"] > status["nextRefreshAt"] > status["refreshedAt"]


def test_the_secret_belongs_to_its_environment_and_goes_with_it(tenant: Tenant) -> None:
    tenant.apply("plain", variables(A="1"), target={"labels": {"team": "red"}, "annotations": {"note": "x"}})
    tenant.until_ready("plain")
    metadata = (tenant.secret("plain") or {})["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "esc-operator", "team": "red"}
    assert metadata["annotations"]["note"] == "x"
    assert metadata["ownerReferences"][0]["uid"] == tenant.environment("plain")["metadata"]["uid"]
    tenant.delete("plain")
    # The garbage collector learns of a new kind only every half minute.
    wait_until(lambda: tenant.secret("plain") is None, "the Secret is collected", patience=90)


def test_labels_and_annotations_mint_nothing(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    before = tenant.secret("aws")
    for number in range(5):
        tenant.annotate("aws", annotations={"note": str(number)}, labels={"edit": str(number)})
    stays(lambda: tenant.mints() == 1, 1.5)
    assert tenant.secret("aws") == before


def test_each_rotation_request_mints_once(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    for count, request in enumerate(["2026-01-01T00:00:00Z", "again"], start=2):
        before = tenant.values("aws")["AWS_ACCESS_KEY_ID"]
        tenant.annotate("aws", annotations={"esc-operator.dev/rotate-requested-at": request})
        wait_until(lambda: tenant.values("aws")["AWS_ACCESS_KEY_ID"] != before, "the keys have changed")  # noqa: B023
        wait_until(lambda: tenant.status("aws").get("observedRotateRequest") == request, "it is told")  # noqa: B023
        assert tenant.mints() == count
    tenant.annotate("aws", annotations={"esc-operator.dev/rotate-requested-at": None})
    stays(lambda: tenant.mints() == 3, 1.0)


def test_environments_that_ask_for_the_same_share_one_mint(tenant: Tenant) -> None:
    for name in ("one", "two", "three"):
        tenant.apply(name, tenant.login())
    for name in ("one", "two", "three"):
        tenant.until_ready(name)
    assert tenant.mints() == 1
    assert len({tenant.values(name)["AWS_ACCESS_KEY_ID"] for name in ("one", "two", "three")}) == 1


def test_a_restart_mints_nothing_and_writes_nothing(tenant: Tenant, operator: LocalOperator) -> None:
    tenant.apply("aws", tenant.login())
    tenant.apply("plain", variables(A="1"))
    tenant.until_ready("aws")
    tenant.until_ready("plain")
    before = [tenant.environment("aws"), tenant.environment("plain"), tenant.secret("aws"), tenant.secret("plain")]
    for end in (operator.stop, operator.kill):
        end()
        operator.start()
        tenant.apply("marker", variables(B=end.__name__))
        wait_until(lambda: (tenant.secret("marker") or {}).get("data"), "the operator is at work again")
        tenant.until_ready("marker")
    after = [tenant.environment("aws"), tenant.environment("plain"), tenant.secret("aws"), tenant.secret("plain")]
    assert after == before
    assert tenant.mints() == 1


def test_what_was_missed_while_the_operator_was_away_is_caught_up(tenant: Tenant, operator: LocalOperator) -> None:
    tenant.apply("changed", variables(A="1"))
    tenant.apply("edited", variables(A="1"))
    tenant.until_ready("changed")
    tenant.until_ready("edited")
    operator.stop()
    tenant.apply("changed", variables(A="2"))
    tenant.apply("new", variables(A="3"))
    tenant.write_secret("edited", {"A": "tampered"})
    operator.start()
    tenant.until_ready("new")
    wait_until(lambda: tenant.values("changed") == {"A": "2"}, "the change is made up for")
    wait_until(lambda: tenant.values("edited") == {"A": "1"}, "the edit is undone")


def test_keys_are_renewed_ahead_of_expiry_and_one_mint_each(tenant: Tenant, aws: LocalAws) -> None:
    aws.settings(lifetime=10)
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    seen: dict[str, None] = {tenant.values("aws")["AWS_ACCESS_KEY_ID"]: None}
    deadline = time.monotonic() + 40
    while len(seen) < 4:
        assert time.monotonic() < deadline, f"only {len(seen)} renewals"
        key = tenant.values("aws")["AWS_ACCESS_KEY_ID"]
        seen[key] = None
        expiry = {mint.access_key_id: mint.expires_at for mint in aws.mints().mints}[key]
        assert datetime.fromisoformat(expiry) > datetime.now(UTC), "the Secret held an expired key"
        time.sleep(0.05)
    minted = [mint.access_key_id for mint in aws.mints().mints if mint.role == tenant.role]
    assert minted == list(seen)


def test_an_edited_or_deleted_secret_is_put_back_without_a_mint(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    values = tenant.values("aws")
    tenant.write_secret("aws", {"AWS_ACCESS_KEY_ID": "mine"})
    wait_until(lambda: tenant.values("aws") == values, "the edit is undone")
    tenant.delete_secret("aws")
    wait_until(lambda: tenant.secret("aws") is not None, "the Secret is back")
    assert tenant.values("aws") == values
    tenant.write_secret("aws", {}, metadata={"labels": {"app.kubernetes.io/managed-by": None}})
    wait_until(
        lambda: "app.kubernetes.io/managed-by" in (tenant.secret("aws") or {})["metadata"].get("labels", {}),
        "the label is back",
    )
    assert tenant.mints() == 1


def test_a_change_of_an_import_reaches_its_importers(tenant: Tenant) -> None:
    tenant.apply("common", {"values": {"level": "info"}})
    tenant.apply("base", {"imports": ["common"], "values": {"region": "eu"}})
    importer = variables(LEVEL="${level}", REGION="${region}")
    tenant.apply("app", {"imports": ["base"], **importer})
    tenant.until_ready("app")
    assert tenant.values("app") == {"LEVEL": "info", "REGION": "eu"}
    tenant.apply("common", {"values": {"level": "debug"}})
    wait_until(lambda: tenant.values("app")["LEVEL"] == "debug", "the change has arrived")


def test_files_are_keys_of_the_secret(tenant: Tenant) -> None:
    definition = {
        "values": {
            "environmentVariables": {"A": "1"},
            "files": {"config.ini": "[default]\na = ${environmentVariables.A}\n"},
        }
    }
    tenant.apply("app", definition)
    tenant.until_ready("app")
    assert tenant.values("app") == {"A": "1", "config.ini": "[default]\na = 1\n"}


def test_a_new_target_name_moves_the_secret(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1"))
    tenant.until_ready("app")
    tenant.apply("app", variables(A="1"), target={"name": "other"})
    wait_until(lambda: tenant.secret("other") is not None, "the new Secret is there")
    wait_until(lambda: tenant.secret("app") is None, "the former one is gone")
    assert tenant.values("other") == {"A": "1"}


def test_a_suspended_environment_keeps_its_secret_and_does_nothing(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1"))
    tenant.until_ready("app")
    tenant.apply("app", variables(A="2"), suspend=True)
    wait_until(lambda: tenant.condition("app").get("reason") == "Suspended", "it is told")
    assert tenant.values("app") == {"A": "1"}
    tenant.apply("app", variables(A="2"), suspend=False)
    wait_until(lambda: tenant.values("app") == {"A": "2"}, "it goes on")


def test_a_retained_secret_outlives_its_environment_and_is_taken_up_again(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1"), target={"deletionPolicy": "Retain"})
    tenant.until_ready("app")
    tenant.delete("app")
    stays(lambda: tenant.secret("app") is not None, 1.0)
    tenant.apply("app", variables(A="2"))
    tenant.until_ready("app")
    assert tenant.values("app") == {"A": "2"}
