"""What the README and the examples tell a reader to type, typed as it is written there, in its order.

A command that fails here fails for readers. One that cannot run here is named below with the reason; whatever is new
runs, and a block in a language that is not known fails.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from cluster.documents import Block, Exchange, commands, exchanges, inline_commands, read_blocks, shape, table_rows
from cluster.harness import wait_until
from esc_operator import api
from esc_operator.cli.group import root
from esc_operator.errors import IdentityError
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, ROTATIONS
from esc_operator.resources.allowances import ALLOWED_TOKEN_AUDIENCES, ALLOWED_URLS
from esc_operator.resources.conditions import READY, WARNINGS
from esc_operator.stores.folder import FolderStore
from local_cluster import choose, places
from local_cluster.tools import find_aws, find_kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.harness import Cluster
    from local_aws import LocalAws
    from local_operator import LocalOperator
    from local_pulumi import LocalPulumi

README = places.REPOSITORY / "README.md"
CONTRIBUTING = places.REPOSITORY / ".github" / "CONTRIBUTING.md"
PAGES = [CONTRIBUTING, *sorted((places.REPOSITORY / "operator").glob("**/*.md"))]
ELSEWHERE = {
    "aws-secrets.yaml",
    "azure-secrets.yaml",
    "databases.yaml",
    "doppler.yaml",
    "external.yaml",
    "github.yaml",
    "google-secrets.yaml",
    "infisical.yaml",
    "onepassword.yaml",
    "snowflake.yaml",
    "vault.yaml",
}
"""Examples that name what only the reader has: their own tests apply them with what is here."""
EXAMPLES = sorted(
    file for file in (places.REPOSITORY / "deploy" / "examples").glob("*.yaml") if file.name not in ELSEWHERE
)
ORGANIZATION = "organization: acme"
KINDS = {resource.kind: resource for resource in (ENVIRONMENTS, CLUSTER_ENVIRONMENTS, ROTATIONS)}
BLOCKS = list(read_blocks(README))
INLINE = inline_commands(README)

NOT_HERE = {
    "esc login https://api.pulumi.com": "it needs Pulumi Cloud; test_esc_in_pulumi_cloud.py logs in to a local one",
    "make": "it is a program of its own, or runs this test; that the target exists is checked",
    "docker": "it needs Docker; tests/readers has what reads the file",
    "pip": "it needs a package index that has the operator",
    "kubectl create secret --from-env-file": "a sentence names the option; tests/readers runs the program",
    "kubectl apply --server-side": "it is a part of a command; tests/cluster/test_warnings.py applies so",
    "kubectl apply -k deploy/monitored": "it needs the kinds of the Prometheus operator; tests/deploy renders it",
}
"""Commands that begin like this are not run, and why."""

ONLY_TRIED = {"kubectl apply -k deploy/namespaced": "it is the other way to install the same objects"}
"""Commands that are run with `--dry-run=server`, and why."""

FILLED_IN = {
    "NAMESPACE/NAME": "apps/aws",
    "namespaces/NAMESPACE/escenvironments/NAME": "namespaces/apps/escenvironments/aws",
    "schema NAME": "schema aws-login",
    "CONTEXT": "my-cluster",
    "FOLDER": "environments",
    "kubectl esc …": "kubectl esc --version",
    # The namespace has one here, for a Pulumi Cloud on loopback.
    "kubectl annotate ns apps esc-operator.dev/allowed-urls": "kubectl annotate --overwrite ns apps "
    "esc-operator.dev/allowed-urls",
}
"""What a reader puts in place of what stands for it."""

ONLY_CHECKED = {
    "fn::rotate::azure-app-secret": "test_app_secrets.py rotates one in a local Entra",
    "fn::rotate::postgres": "test_databases.py rotates one in a real PostgreSQL",
}
"""Definitions with these calls are checked and not opened, and why."""

NEEDED = {"jq": "jq", "fish": "source"}
"""Programs that a reader has and a machine of tests need not have, and the words that call them."""

SHOWN = {
    "esc open apps/aws": r'"sessionToken": "\S+"',
    "esc open apps/aws aws.login.accessKeyId -f string": r"^ASIA\w+$",
    "esc env ls": r"^apps/aws$",
    "kubectl explain escenv.spec": r"true: keep the Secret as it is and refresh nothing. Default: false\.",
    "esc run apps/aws -- aws s3 ls": r"^\S+ \S+ apps-reports$",
    "esc rotate apps/aws --wait": r"^apps/aws has new credentials$",
    "esc rotate ClusterEscEnvironment/registry --wait": r"^ClusterEscEnvironment/registry has new credentials$",
    "esc rotate --role 'arn:aws:iam::*:role/apps*' --dry-run": r"^apps/aws ",
    "esc rotate --namespace-selector team=red --wait": r"^[1-9][0-9]* of [0-9]+ environments have new values, and ",
}
"""What some outputs have to have besides the exit status 0."""


class Reader:
    """Somebody with the README, a cluster called `my-cluster`, and the AWS account and the organization in Pulumi Cloud
    of its examples."""

    def __init__(self, cluster: Cluster, aws: LocalAws, pulumi: LocalPulumi, folder: Path) -> None:
        self.cluster, self.folder, self._pulumi = cluster, folder, pulumi
        (folder / "crds").symlink_to(places.REPOSITORY / "crds")
        shutil.copytree(places.REPOSITORY / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("local"))
        for file in (folder / "deploy" / "examples").glob("pulumi*.yaml"):
            file.write_text(self.here(file.read_text()))
        (folder / "environments" / "apps").mkdir(parents=True)
        (folder / "environments" / "apps" / "web.yaml").write_text("values: {region: eu-west-1}\n")
        (folder / "kubeconfig").write_text(yaml.safe_dump(_with_context(cluster, "my-cluster", "apps")))
        programs = [Path(sys.executable).parent, find_kubectl().parent, find_aws().parent]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ESC_", "KUBE"))}
        self.environ = {
            **kept,
            **aws.environment,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "ESC_HOME": str(folder / "esc"),
        }

    def types(self, command: str, text: str | None = None) -> str:
        """What the command prints; it has to succeed."""
        for placeholder, value in FILLED_IN.items():
            command = command.replace(placeholder, value)
        assert not (left := re.findall(r"\b[A-Z]{4,}\b(?!=)", command)), f"what does a reader write for {left}?"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=self.folder,
            env=self.environ,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def here(self, text: str) -> str:
        """A manifest as it is written, but that Pulumi Cloud is elsewhere here."""
        assert text.count(ORGANIZATION) == 1
        return text.replace(ORGANIZATION, f"{ORGANIZATION}\n      apiUrl: {self._pulumi.url}")

    def applies(self, text: str) -> None:
        """Manifests; what becomes Ready has to."""
        self.types("kubectl apply -f -", text)
        for body in yaml.safe_load_all(text):
            self.sees_at_work(body)

    def sees_at_work(self, body: dict[str, Any]) -> None:
        """What becomes Ready is, without a warning, and a rotation is planned or done."""
        resource = KINDS.get(body["kind"])
        if resource is None:
            return
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        wait_until(lambda: self._is_at_work(path), f"{path} is at work", lambda: self.cluster.must("GET", path))

    def _is_at_work(self, path: str) -> bool:
        found = self.cluster.must("GET", path)
        status = found.get("status") or {}
        conditions = {one["type"]: one for one in status.get("conditions") or ()}
        is_current = status.get("observedGeneration") == found["metadata"]["generation"]
        if found["kind"] == ROTATIONS.kind:
            return is_current and bool(status.get("phase"))
        assert conditions.get(WARNINGS, {}).get("status") != "True", conditions
        return is_current and bool(conditions.get(READY, {}).get("status") == "True")


def _with_context(cluster: Cluster, name: str, namespace: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    (context,) = (one["context"] for one in config["contexts"] if one["name"] == cluster.context)
    return {
        **config,
        "contexts": [{"name": name, "context": {**context, "namespace": namespace}}],
        "current-context": name,
    }


@pytest.fixture(scope="module")
def reader(
    cluster: Cluster,
    aws: LocalAws,
    pulumi: LocalPulumi,
    operator: LocalOperator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Reader]:
    """One who has done what the README takes for granted, and has applied the examples."""
    if isinstance(choose.choose_cluster(), choose.ExistingCluster):
        pytest.skip("the namespaces of the README may be somebody's in a cluster that was named")
    aws.clear_faults()
    aws.settings(lifetime=None)
    reader = Reader(cluster, aws, pulumi, tmp_path_factory.mktemp("reader"))
    with contextlib.ExitStack() as stack:
        stack.callback(_clean_up, reader)
        _prepare_aws(aws, cluster, stack)
        token = _prepare_pulumi(pulumi, cluster, reader.folder)
        for command in (
            "kubectl create namespace monitoring",
            f"kubectl apply {' '.join(f'-f deploy/examples/{file.name}' for file in EXAMPLES)}",
            f"kubectl create secret generic pulumi -n apps --from-literal=token={token}",
            "kubectl create secret generic db-credentials -n apps --from-literal=password=hunter2-hunter2",
            "kubectl create secret generic web-tls -n apps --from-literal=tls.crt=certificate",
            "kubectl create configmap settings -n apps --from-literal=mode=fast",
            # Pulumi Cloud is on loopback here. Other raw tokens are allowed as they were.
            f"kubectl annotate namespace apps {ALLOWED_URLS}={pulumi.url}",
            f"kubectl annotate namespace apps {ALLOWED_TOKEN_AUDIENCES}='urn:pulumi:org:acme **'",
            "kubectl label namespace team-a registry=yes",
            "kubectl label namespace apps team=red",
            "esc login kubernetes://my-cluster",
        ):
            reader.types(command)
        yield reader


def _prepare_aws(aws: LocalAws, cluster: Cluster, stack: contextlib.ExitStack) -> None:
    iam, issuer = aws.client("iam"), cluster.issuer()
    # The role that everything is about has the trust policy of the README, to the letter.
    (policy,) = (block.text for block in BLOCKS if block.language == "json")
    policy = policy.replace("ISSUER", issuer.removeprefix("https://"))
    iam.create_role(RoleName="apps", AssumeRolePolicyDocument=policy)
    for role in ("registry", "key-rotation"):
        aws.create_role(role, issuer, "system:serviceaccount:apps:apps")
    for role in ("apps", "registry", "key-rotation"):
        stack.callback(iam.delete_role, RoleName=role)
    iam.create_user(UserName="legacy")
    stack.callback(_delete_user, iam, "legacy")
    aws.create_bucket("apps-reports")
    stack.callback(aws.client("s3").delete_bucket, Bucket="apps-reports")


def _prepare_pulumi(pulumi: LocalPulumi, cluster: Cluster, folder: Path) -> str:
    """An organization as the examples have it; answers an access token."""
    issuer = cluster.issuer()
    pulumi.create_organization("acme", members=["ada"], teams=["platform"])
    pulumi.trust_issuer("acme", issuer, str(cluster.write_authority(folder)))
    pulumi.add_policy("acme", issuer, subject="system:serviceaccount:apps:apps", kind="team", team="platform")
    text = "values: {database: {url: 'postgres://db'}, environmentVariables: {DATABASE_URL: '${database.url}'}}"
    pulumi.tag("acme", "shop/prod", "stable", pulumi.put("acme", "shop/prod", text))
    pulumi.put("acme", "shop/dev", text)
    return pulumi.create_token("acme", user="ada")


def _delete_user(iam: Any, name: str) -> None:
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def _clean_up(reader: Reader) -> None:
    for command in (
        "kubectl delete escrotations,clusterescenvironments --all",
        "kubectl delete namespace apps team-a monitoring --wait=false --ignore-not-found",
        "kubectl delete deployment esc-operator -n esc-system --ignore-not-found",
        "kubectl delete clusterrolebinding scrape-esc-operator --ignore-not-found",
    ):
        reader.types(command)


# The examples.


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_applied_as_it_is_and_works(reader: Reader, file: Path) -> None:
    reader.types(f"kubectl apply -f deploy/examples/{file.name}")
    for body in yaml.safe_load_all(file.read_text()):
        reader.sees_at_work(body)


# The blocks, in their order.


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_is_so(reader: Reader, block: Block) -> None:
    match block.language:
        case "sh":
            for command in commands(block.text):
                types(reader, command)
        case "console":
            for exchange in exchanges(block.text):
                compare(exchange, types(reader, exchange.command))
        case "yaml" if "apiVersion:" in block.text:
            reader.applies(block.text)
        case "yaml" if "environmentFrom:" in block.text:
            metadata = {"name": "from-pulumi", "namespace": "apps"}
            body = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": "EscEnvironment", "metadata": metadata}
            reader.applies(yaml.safe_dump({**body, **yaml.safe_load(reader.here(block.text))}))
        case "yaml" if any(call in block.text for call in ONLY_CHECKED):
            checks(reader, block.text)
        case "yaml":
            rotates(reader, block.text)
        case "json":
            # The role `apps` was made of it: this is what logs in there.
            reader.types("kubectl wait --for=condition=Ready --timeout=60s escenv/aws -n apps")
        case "python":
            run_program(reader, block.text)
        case "sql":
            print("not run: it needs Snowflake, which runs nowhere else")
        case _:
            pytest.fail(f"it is not known how to try a block of {block.language or 'indented lines'}")


def types(reader: Reader, command: str) -> str:
    if command.startswith("make "):
        check_target(command)
    for beginning, why in NOT_HERE.items():
        if command.split()[: len(beginning.split())] == beginning.split():
            print(f"not run: {command}: {why}")
            return ""
    for program, word in NEEDED.items():
        if word in re.split(r"[\s()]+", command) and not shutil.which(program, path=reader.environ["PATH"]):
            pytest.skip(f"{command}: there is no {program} here")
    shown = reader.types(f"{command} --dry-run=server" if command in ONLY_TRIED else command)
    if wanted := SHOWN.get(command):
        assert re.search(wanted, shown, re.MULTILINE), f"$ {command}\n{shown}"
    return shown


def compare(exchange: Exchange, shown: str) -> None:
    """The output has the form that the page shows: the same headings, and a row of the same kind; or the same lines."""
    told = exchange.output
    if exchange.command.startswith("kubectl get"):
        (row,) = table_rows(told)
        assert told.splitlines()[0].split() == shown.splitlines()[0].split(), shown
        assert row in table_rows(shown), f"{row} is not in {table_rows(shown)}"
    else:
        assert {shape(line) for line in told.splitlines()} <= {shape(line) for line in shown.splitlines()}, shown


def rotates(reader: Reader, definition: str) -> None:
    """A definition with a rotator: it is filled once it is rotated."""
    environment = yaml.safe_load(definition)
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": "iam", "namespace": "apps"},
        "spec": {"serviceAccountName": "apps", "environment": environment},
    }
    reader.types("kubectl apply -f -", yaml.safe_dump(body))
    assert reader.types("esc rotate apps/iam --wait") == "apps/iam has new credentials\n"
    reader.sees_at_work(body)


def checks(reader: Reader, definition: str) -> None:
    """A definition that opens what only the reader has."""
    folder = reader.folder / "checked"
    (folder / "default").mkdir(parents=True, exist_ok=True)
    (folder / "default" / "definition.yaml").write_text(definition)
    result = api.check("default/definition", FolderStore(str(folder)))
    assert result.ok, [one.text for one in result.diagnostics]


def run_program(reader: Reader, program: str) -> None:
    """Of the module that the page shows, `identity` is the reader's own."""

    def identity() -> Any:
        raise IdentityError("this environment opens nothing")

    text = program.replace("/srv/environments", str(reader.folder / "environments"))
    names: dict[str, Any] = {"identity": identity}
    exec(compile(text, "README.md", "exec"), names)
    assert names["region"].reveal() == "eu-west-1"


def check_target(command: str) -> None:
    makefile = (places.REPOSITORY / "Makefile").read_text()
    assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), f"there is no target for {command}"


# The commands within sentences.


@pytest.mark.parametrize("command", INLINE)
def test_a_command_in_a_sentence_works(reader: Reader, command: str) -> None:
    words = command.split()
    if words[0] == "esc" and is_path(words[1:]):
        return  # the name of a command, and not a call
    if len(words) == 1 or command == "kubectl apply":
        return
    types(reader, command)


def is_path(words: list[str]) -> bool:
    """Whether they name a command of `esc`."""
    return not walk(words)[1]


def walk(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command of `esc` that the first of the words name, and the other words."""
    command: click.Command = root
    for number, word in enumerate(words):
        below = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if below is None:
            return command, words[number:]
        command = below
    return command, []


# The pages themselves.


def test_the_tables_above_name_what_the_pages_have() -> None:
    text = " ".join(README.read_text().split())
    everything = [each for block in BLOCKS for each in commands(block.text.replace("$ ", ""))] + INLINE
    for beginning in (*NOT_HERE, *ONLY_TRIED, *SHOWN):
        assert any(each.startswith(beginning) for each in everything), f"nothing begins with {beginning!r}"
    assert [each for each in FILLED_IN if each not in text] == []


def test_what_contributors_are_told_to_run_is_there() -> None:
    told = [each for block in read_blocks(CONTRIBUTING) for each in commands(block.text)]
    assert told
    for command in told:
        program, *words = command.split()
        if program == "make":
            check_target(command)
        else:
            assert program == ".venv/bin/python"
            paths = [word for word in words if word.startswith("tests/")]
            assert paths
            assert all((places.REPOSITORY / path).exists() for path in paths), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_commands_and_options_that_are_there(page: Path) -> None:
    for command in inline_commands(page):
        program, *words = command.split()
        if program == "make" and words:
            check_target(command)
        if program == "esc" and words not in ([], ["NAME"]):
            found, others = walk(words)
            assert found is not root or others[0].startswith("-"), f"there is no {command}"
            known = {spelling for each in found.params for spelling in each.opts}
            assert {word for word in others if word.startswith("-")} <= known, command


def test_commands_are_read_from_a_page_as_a_reader_does(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n    indented --flag   # why\n\nText `esc open\na` and `kubectl get x \\| wc`, `value`.\n\n"
        "## Two\n\n```sh\na b \\\n  c  # d\n# e\nf '# g'\n```\n\n```console\n$ h\ni\nj\n$ k\n```\n"
    )
    indented, script, console = read_blocks(page)
    assert (indented.section, indented.language, commands(indented.text)) == ("One", "", ["indented --flag"])
    assert (script.section, script.line, commands(script.text)) == ("Two", 10, ["a b   c", "f '# g'"])
    assert list(exchanges(console.text)) == [Exchange("h", "i\nj\n"), Exchange("k", "")]
    assert inline_commands(page) == ["esc open a", "kubectl get x | wc"]
    table = "NAME               NEXT   AGE\nesc-rotate-7xk2p          4m\n"
    assert table_rows(table) == [{"NAME": "<name>", "NEXT": "", "AGE": "<age>"}]
