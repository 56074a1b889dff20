"""Alert rules and dashboard, held against what the operator tells and against Prometheus' own judge."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from esc_operator.handlers.environment_metrics import count_environments
from local_cluster import places
from local_cluster.tools import find_kubectl
from local_prometheus import find_promtool
from unit.handlers.test_metrics import NOW, SNAPSHOT, everything

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = places.REPOSITORY / "deploy"
MONITORING = DEPLOY / "monitoring"
RULES = yaml.safe_load((MONITORING / "rules.yaml").read_text())
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]


def metrics_named() -> set[str]:
    """Every metric that a rule or a panel asks for."""
    text = (MONITORING / "rules.yaml").read_text() + json.dumps(DASHBOARD)
    return set(re.findall(r"\besc_operator_\w+", text))


def panels() -> Iterator[dict[str, Any]]:
    yield from DASHBOARD["panels"]


def test_every_metric_that_is_asked_for_is_one_that_is_reported() -> None:
    told = everything().text(SNAPSHOT, asyncio.run(count_environments([], NOW, 0))).decode()
    families = list(text_string_to_metric_families(told))
    names = {sample.name for family in families for sample in family.samples} | {family.name for family in families}
    assert len(metrics_named()) > 20
    assert metrics_named() <= names


def test_the_prometheus_operator_gets_the_same_rules() -> None:
    body = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())
    assert (body["apiVersion"], body["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert body["spec"] == RULES


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_is_tested(rule: dict[str, Any]) -> None:
    tests = (MONITORING / "rules-test.yaml").read_text()
    assert rule["alert"].removeprefix("EscOperator") in tests


@pytest.fixture
def promtool() -> Path:
    found = find_promtool()
    if found is None:
        pytest.skip("promtool is neither on PATH nor built: `make alerts` builds it, in some minutes")
    return found


def test_prometheus_finds_no_fault_with_names_and_units(promtool: Path) -> None:
    told = everything().text(SNAPSHOT, asyncio.run(count_environments([], NOW, 0)))
    done = subprocess.run([promtool, "check", "metrics"], input=told, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_prometheus_judges_the_rules_to_do_what_their_tests_say(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", "rules-test.yaml"], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_have_their_place_and_ask_the_data_source_that_is_chosen() -> None:
    assert len({panel["id"] for panel in panels()}) == len(DASHBOARD["panels"])
    for one, other in itertools.combinations(panels(), 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    for panel in panels():
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def test_the_monitored_base_is_the_base_and_what_watches_it() -> None:
    base, monitored = built("base"), built("monitored")
    added = {key: body for key, body in monitored.items() if key not in base}
    assert {key: monitored[key] for key in base} == base
    assert sorted(added) == [
        ("ConfigMap", "esc-operator-dashboard"),
        ("PrometheusRule", "esc-operator"),
        ("Service", "esc-operator-metrics"),
        ("ServiceMonitor", "esc-operator"),
    ]
    assert {body["metadata"]["namespace"] for body in added.values()} == {"esc-system"}
    assert json.loads(added["ConfigMap", "esc-operator-dashboard"]["data"]["dashboard.json"]) == DASHBOARD


def test_the_monitor_finds_the_service_and_that_the_port_of_the_pod() -> None:
    objects = built("monitored")
    service = objects["Service", "esc-operator-metrics"]
    template = objects["Deployment", "esc-operator"]["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    monitor = objects["ServiceMonitor", "esc-operator"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] == port["name"]
    # Else nothing is served, and an environment's namespace would be told as `exported_namespace`.
    assert endpoint["bearerTokenFile"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert endpoint["honorLabels"] is True


def built(folder: str) -> dict[tuple[str, str], dict[str, Any]]:
    text = subprocess.run(
        [str(find_kubectl()), "kustomize", str(DEPLOY / folder)], check=True, capture_output=True, text=True
    ).stdout
    return {(body["kind"], body["metadata"]["name"]): body for body in yaml.safe_load_all(text)}
