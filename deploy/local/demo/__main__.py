"""The story, a few lines a step. `python -m demo [--keep]`, or `make demo`."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from demo.calling import calling_pod, deployment, python_pod
from demo.stage import BUCKET, ORGANIZATION, Stage
from esc_operator.resources.allowances import ALLOWED_TOKEN_AUDIENCES
from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = places.REPOSITORY / "deploy" / "examples" / "aws.yaml"
WORKLOAD = places.REPOSITORY / "deploy" / "examples" / "workload.yaml"
LIFETIME = 24.0
"""Seconds that the credentials live here, so that a refresh can be watched; at AWS it would be an hour."""
PATIENCE = 60.0

ROTATE = "esc-operator.dev/rotate-requested-at"
# Two rollouts follow each other here; elsewhere they are a minute apart at least.
ON_CHANGE = json.dumps({"spec": {"rollout": {"policy": "OnChange", "minInterval": "5s"}}})

LOGIN_LIFETIME = "15s"
DEFINITION = """
values:
  greeting: {greeting}
  login:
    fn::open::timed: {{value: a password, lifetime: {lifetime}}}
  environmentVariables:
    GREETING: ${{greeting}}
    PASSWORD: ${{login.value}}
"""
SHOP = """
apiVersion: esc-operator.dev/v1alpha1
kind: EscEnvironment
metadata: {{name: shop, namespace: apps}}
spec:
  serviceAccountName: apps
  environmentFrom:
    pulumi:
      organization: {organization}
      project: shop
      environment: prod
      apiUrl: {url}
      oidc: {{team: platform}}
  rollout: {{policy: OnChange, minInterval: 5s}}
"""
GREETING = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    print(os.environ["GREETING"], "- with a password of", len(os.environ["PASSWORD"]), "letters", flush=True)
    pathlib.Path("/tmp/called").touch()
    time.sleep(1)
"""

WRONG = """
apiVersion: esc-operator.dev/v1alpha1
kind: EscEnvironment
metadata: {name: wrong, namespace: apps}
spec:
  serviceAccountName: apps
  environment:
    imports: [aws]
    values:
      environmentVariables:
        AWS_ACCESS_KEY_ID: ${aws.login.accesKeyId}
"""


def main() -> int:
    keep = "--keep" in sys.argv[1:]
    stage = Stage()
    began = time.monotonic()
    try:
        Story(stage).tell()
        print(f"\nThe whole story took {time.monotonic() - began:.0f} s.")
        if keep:
            print(f"\nEverything is left running. Go on by hand:\n\n{stage.notes_for_later()}")
    except subprocess.CalledProcessError as error:
        print(f"\nThe demo failed at: {' '.join(error.cmd)}\n{error.stderr or error.output or ''}", file=sys.stderr)
        return 1
    finally:
        if not keep:
            stage.close()
    return 0


class Story:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._count = 0

    def tell(self) -> None:
        self._set_up()
        self._fill_a_secret()
        self._watch_a_refresh()
        self._serve_pods()
        self._serve_a_person()
        self._follow_pulumi_cloud()
        self._rotate_everything()
        self._show_a_mistake()

    def _set_up(self) -> None:
        self._step("A cluster: a real API server")
        self._stage.start_cluster()
        self._step("An AWS: roles that trust this cluster's issuer, and nobody's keys")
        role = self._stage.start_aws()
        self._stage.aws.settings(lifetime=LIFETIME)
        say(f"role    {role}", "trusts  system:serviceaccount:apps:apps, for sts.amazonaws.com")
        self._step(f"A Pulumi Cloud: organization {ORGANIZATION} trusts this cluster's issuer, too")
        say(f"API     {self._stage.start_pulumi().url}")
        self._step("The operator, with just the rights of deploy/base")
        log = self._stage.start_operator().log
        say(f"its log {log}")

    def _fill_a_secret(self) -> None:
        self._step("A person has no credentials: aws configure list")
        self._show(["aws", "configure", "list"])
        self._step(f"kubectl apply -f {EXAMPLE.relative_to(places.REPOSITORY)}")
        self._stage.kubectl("create", "namespace", "apps")
        say(self._stage.kubectl("apply", "-f", str(EXAMPLE)).rstrip())
        self._wait("the environment is ready", lambda: ready(self._environment("aws")))
        self._step("A Secret appears, with credentials that live for a short time")
        self._describe_secret()

    def _watch_a_refresh(self) -> None:
        self._step(f"It is refreshed ahead of expiry (AWS grants only {LIFETIME:.0f} s here)")
        first = self._environment("aws")["status"]
        self._stage.aws.settings(lifetime=None)
        self._wait("a refresh", lambda: self._environment("aws")["status"]["refreshedAt"] != first["refreshedAt"])
        left = datetime.fromisoformat(first["expiresAt"]) - datetime.now(UTC)
        say(f"refreshed {left.total_seconds():.0f} s before the old keys would have expired, from here on for an hour")
        self._describe_secret()
        say(f"AWS has minted {self._stage.aws.mints().total} times: once for each")

    def _serve_pods(self) -> None:
        if self._stage.why_no_pods:
            self._step("Pods are left out")
            say(self._stage.why_no_pods)
            return
        self._step("A Deployment takes the Secret by envFrom, and the environment rolls it when its data changes")
        self._stage.kubectl("patch", "escenv", "aws", "-n", "apps", "--type=merge", "-p", ON_CHANGE)
        body = yaml.safe_load(WORKLOAD.read_text())
        # Its own image comes from a registry, and calls the AWS of the world.
        pod = calling_pod(self._stage.prepare_pods(), BUCKET)
        pod["containers"][0]["envFrom"] = body["spec"]["template"]["spec"]["containers"][0]["envFrom"]
        body["spec"]["template"]["spec"] = pod
        say(self._stage.kubectl("apply", "-f", "-", text=json.dumps(body)).rstrip())
        self._stage.kubectl("rollout", "status", "deployment/web", "-n", "apps", f"--timeout={PATIENCE:.0f}s")
        self._show_pod()
        self._step(f"New credentials on request: kubectl annotate escenv aws {ROTATE}=...")
        began = time.monotonic()
        self._stage.kubectl("annotate", "escenv", "aws", "-n", "apps", f"{ROTATE}={datetime.now(UTC).isoformat()}")
        self._wait("the pod is replaced", lambda: reason(self._environment("aws"), "RolledOut") == "RolledOut")
        say(f"RolledOut after {time.monotonic() - began:.0f} s: a new pod was ready before the old one was ended")
        self._show_pod()
        minted = {mint.access_key_id for mint in self._stage.aws.mints().mints}
        calls = [used["s3"] for key, used in self._stage.aws.calls().items() if key in minted and "s3" in used]
        refused = sum(sum(one.refused.values()) for one in calls)
        say(f"S3 has accepted {sum(one.accepted for one in calls)} calls with {len(calls)} keys, and refused {refused}")
        if refused:
            raise SystemExit("a pod held keys that were refused")

    def _show_pod(self, app: str = "web") -> None:
        """The newest pod and the last line of its log."""
        pods = json.loads(self._stage.kubectl("get", "pods", "-n", "apps", "-l", f"app={app}", "-o", "json"))["items"]
        name = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))["metadata"]["name"]
        log = self._stage.kubectl("logs", "-n", "apps", name, "--tail=1").rstrip()
        say(f"$ kubectl logs {name}", log)

    def _serve_a_person(self) -> None:
        self._step("kubectl get escenv")
        say(self._stage.kubectl("get", "escenv", "-n", "apps").rstrip())
        reference = f"{self._stage.context}/apps/aws"
        self._step(f"The same environment at a terminal: esc run {reference} -- aws s3 ls")
        self._show(["esc", "run", reference, "--", "aws", "s3", "ls"])

    def _follow_pulumi_cloud(self) -> None:
        self._step(f"An environment of Pulumi ESC, {ORGANIZATION}/shop/prod, opened with the ServiceAccount's token")
        cloud = self._stage.pulumi
        assert cloud is not None, "it has been started"
        self._revise("hello", LOGIN_LIFETIME)
        # By themselves, environments can name only public hosts, and give no token to any but Pulumi's own.
        allowed = f"{ALLOWED_TOKEN_AUDIENCES}=urn:pulumi:org:{ORGANIZATION}"
        self._stage.kubectl("annotate", "namespace", "apps", allowed)
        manifest = SHOP.format(organization=ORGANIZATION, url=cloud.url)
        say(self._stage.kubectl("apply", "-f", "-", text=manifest).rstrip())
        self._wait("the environment is ready", lambda: ready(self._environment("shop")))
        self._tell_shop()
        if not self._stage.why_no_pods:
            pod = python_pod(GREETING, {}, envFrom=[{"secretRef": {"name": "shop"}}])
            self._stage.kubectl("apply", "-f", "-", text=json.dumps(deployment("shop", pod)))
            self._stage.kubectl("rollout", "status", "deployment/shop", "-n", "apps", f"--timeout={PATIENCE:.0f}s")
        self._step("A new revision in Pulumi Cloud: it comes with the next refresh, and the pod is replaced")
        first = self._environment("shop")["status"]["definitionRevision"]
        self._revise("good evening", "1h")
        self._wait("the new revision", lambda: self._environment("shop")["status"]["definitionRevision"] != first)
        self._tell_shop()
        if not self._stage.why_no_pods:
            self._wait("the pod is replaced", lambda: reason(self._environment("shop"), "RolledOut") == "RolledOut")
            self._show_pod("shop")
        asked = cloud.ask("counts")
        say(*(f"{count:>3} x {operation}" for operation, count in sorted(asked.items())))

    def _revise(self, greeting: str, lifetime: str) -> None:
        """Write a revision in Pulumi Cloud."""
        assert self._stage.pulumi is not None, "it has been started"
        text = DEFINITION.format(greeting=greeting, lifetime=lifetime)
        self._stage.pulumi.ask("put", organization=ORGANIZATION, environment="shop/prod", text=text)

    def _tell_shop(self) -> None:
        status = self._environment("shop")["status"]
        said = f"revision {status['definitionRevision']}, expires {status.get('expiresAt')}"
        say(f"{', '.join(status['variables'])}: {said}")

    def _rotate_everything(self) -> None:
        command = ["esc", "rotate", "--all", "--reason", "a laptop was stolen", "--wait"]
        self._step("New credentials for the whole cluster: " + shlex.join(command))
        before = self._stage.aws.mints().total
        self._show([*command, "--context", self._stage.context])
        say("$ kubectl get escrot", self._stage.kubectl("get", "escrot").rstrip())
        minted = self._stage.aws.mints().total - before
        say(f"AWS has minted {minted} time{'' if minted == 1 else 's'} for it")

    def _show_a_mistake(self) -> None:
        self._step("A mistake: ${aws.login.accesKeyId}")
        self._stage.kubectl("apply", "-f", "-", text=WRONG)
        self._wait("the mistake is told", lambda: conditions(self._environment("wrong")).get("Ready") == "False")
        say(self._stage.kubectl("get", "escenv", "-n", "apps", "-o", "wide").rstrip(), "")
        found = subprocess.run(
            ["esc", "open", f"{self._stage.context}/apps/wrong"],
            env=self._stage.person(),
            capture_output=True,
            text=True,
            check=False,
        )
        say("$ esc open apps/wrong", found.stderr.rstrip(), f"(exit status {found.returncode})")
        if found.returncode == 0:
            raise SystemExit("the mistake went unnoticed")

    def _describe_secret(self) -> None:
        secret = json.loads(self._stage.kubectl("get", "secret", "aws", "-n", "apps", "-o", "json"))
        for name, value in sorted(secret["data"].items()):
            say(f"{name:<24} [secret] ({len(value)} bytes in base64)")
        say(f"expires {self._environment('aws')['status']['expiresAt']}")

    def _environment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._stage.kubectl("get", "escenv", name, "-n", "apps", "-o", "json"))
        return found

    def _show(self, command: list[str]) -> None:
        """Run a command as the person would, and fail where it fails."""
        done = subprocess.run(command, env=self._stage.person(), capture_output=True, text=True, check=True)
        say(done.stdout.rstrip())

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {PATIENCE:.0f} s in vain until {what}")
            time.sleep(0.2)

    def _step(self, title: str) -> None:
        self._count += 1
        print(f"\n{self._count}. {title}", flush=True)


def say(*texts: str) -> None:
    for text in texts:
        for line in text.splitlines() or [""]:
            print(f"   {line}", flush=True)


def conditions(environment: dict[str, Any]) -> dict[str, str]:
    found = (environment.get("status") or {}).get("conditions") or []
    return {condition["type"]: condition["status"] for condition in found}


def reason(environment: dict[str, Any], kind: str) -> str:
    found = (environment.get("status") or {}).get("conditions") or []
    return next((condition["reason"] for condition in found if condition["type"] == kind), "")


def ready(environment: dict[str, Any]) -> bool:
    return conditions(environment).get("Ready") == "True"


if __name__ == "__main__":
    sys.exit(main())
