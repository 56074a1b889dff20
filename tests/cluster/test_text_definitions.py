"""A definition that is a text arrives to the letter, through kubectl, and its mistakes are told with their place."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    from cluster.harness import Tenant


def kubectl(tenant: Tenant, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """As a person does it, whatever comes of it."""
    place = ["--kubeconfig", str(tenant.cluster.kubeconfig), "--context", tenant.cluster.context]
    command = [str(find_kubectl()), *place, "--namespace", tenant.namespace, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def manifest(spec: str, kind: str = "EscEnvironment") -> str:
    return f"apiVersion: esc-operator.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: app}}\nspec:\n{spec}"


def apply_text(tenant: Tenant, text: str) -> None:
    block = "".join(f"    {line}\n" for line in text.splitlines())
    answer = kubectl(tenant, "apply", "-f", "-", text=manifest(f"  definition: |\n{block}"))
    assert answer.returncode == 0, answer.stderr


LETTERS = """\
# a comment, and words that YAML 1.1 takes for booleans
values:
  first: 1
  environmentVariables:
    MODE: on
    COUNTRY: no
    y: "n"
    SNOWFLAKE: 12345678901234567890
    TIME: 12:30:45
    LATER: ${first}
"""


def test_what_kubectl_changes_in_an_object_stays_in_a_text(tenant: Tenant) -> None:
    apply_text(tenant, LETTERS)
    tenant.until_ready("app")
    assert tenant.values("app") == {
        "MODE": "on",
        "COUNTRY": "no",
        "y": "n",
        "SNOWFLAKE": "12345678901234567890",
        "TIME": "12:30:45",
        "LATER": "1",
    }


def test_a_null_of_a_text_covers_what_it_is_over(tenant: Tenant) -> None:
    tenant.apply("base", {"values": {"environmentVariables": {"KEY": "prod", "KEPT": "1"}}})
    tenant.until_ready("base")
    apply_text(tenant, "imports: [base]\nvalues:\n  environmentVariables: {KEY: null}\n")
    tenant.until_ready("app")
    assert tenant.values("app") == {"KEY": "", "KEPT": "1"}


MISTAKES = {
    "a tab": ("values:\n\tA: 1\n", "InvalidYAML", "line 2, column 1", "A: 1"),
    "no YAML": ("values: [1, 2\nB: 3\n", "InvalidYAML", "line 2, column 2", "B: 3"),
    "an unknown property": (
        "values:\n  environmentVariables:\n    A: ${nothing}\n",
        "UnknownProperty",
        "line 3, column 10: values.environmentVariables.A: ",
        "A: ${nothing}",
    ),
    "a list": ("- values\n", "InvalidDocument", "line 1, column 1: ", "- values"),
}


@pytest.mark.parametrize(("text", "reason", "place", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_shows_line_column_and_excerpt_wherever_people_look(
    tenant: Tenant, text: str, reason: str, place: str, line: str
) -> None:
    apply_text(tenant, text)
    tenant.until_refused("app", reason)
    told = f"spec.definition: {place}"
    for shown in (
        kubectl(tenant, "get", "escenv", "app", "-o", "wide").stdout,
        kubectl(tenant, "describe", "escenv", "app").stdout,
    ):
        assert told in " ".join(shown.split())
        assert f"; the line is: {line}" in " ".join(shown.split())


REFUSED = {
    "two definitions": (
        "  environment: {values: {}}\n  definition: 'values: {}'\n",
        "there is more than one definition: keep one of",
    ),
    "no definition": ("  suspend: true\n", "there is no definition: set one of"),
    "an empty text": (
        "  definition: ''\n",
        "the definition is empty: write the text of an environment, such as 'values: {}'",
    ),
    "no text": ("  definition: {values: {}}\n", 'unknown field "spec.definition.values"'),
}


@pytest.mark.parametrize(("spec", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["EscEnvironment", "ClusterEscEnvironment"])
def test_the_api_server_refuses_with_a_sentence(tenant: Tenant, kind: str, spec: str, told: str) -> None:
    answer = kubectl(tenant, "apply", "--dry-run=server", "-f", "-", text=manifest(spec, kind))
    assert answer.returncode != 0
    assert told in answer.stderr


def test_a_text_that_is_too_large_is_told_with_its_size_and_what_to_do(tenant: Tenant) -> None:
    block = "".join(f"    # {number:08} {'x' * 1000}\n" for number in range(1035))
    spec = manifest(f"  definition: |\n{block}    values: {{}}\n")
    answer = kubectl(tenant, "apply", "--server-side", "-f", "-", text=spec)
    assert answer.returncode == 0, answer.stderr
    message = tenant.until_refused("app", "LimitExceeded")
    assert message.endswith("at most 1,048,576 are allowed: split it into several environments and import them")
    longer = manifest(f"  definition: |\n{block}{block}    values: {{}}\n")
    answer = kubectl(tenant, "apply", "--server-side", "-f", "-", text=longer)
    assert answer.returncode != 0
    assert "spec.definition: Too long: may not be more than 1048576 bytes" in answer.stderr
