"""A definition that is a text arrives to the letter, through kubectl, and its mistakes are told with their place."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

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
# A comment, and an order that is not the alphabet's.
values:
  z: {first: 1}   # a flow mapping, and spaces before a comment
  environmentVariables:
    # Words that YAML 1.1 takes for booleans, as values and as names.
    MODE: on
    COUNTRY: no
    ANSWER: Yes
    y: "n"
    off: name
    # Numbers that a float cannot hold, and those that are written in another way.
    SNOWFLAKE: 12345678901234567890
    PORTS: 5432:5432
    TIME: 12:30:45
    DATE: 2001-12-14
    # Texts whose quotes and spaces matter.
    QUOTED: '  it''s "so"\\n  '
    GREETING: "gr\u00fcezi \U0001f600"
    LINES: |2
        indented

      once more
    FOLDED: >-
      one
      line
    NOTHING: ~
    LATER: ${z.first}
"""

ARRIVED = {
    "MODE": "on",
    "COUNTRY": "no",
    "ANSWER": "Yes",
    "y": "n",
    "off": "name",
    "SNOWFLAKE": "12345678901234567890",
    "PORTS": "5432:5432",
    "TIME": "12:30:45",
    "DATE": "2001-12-14",
    "QUOTED": '  it\'s "so"\\n  ',
    "GREETING": "gr\u00fcezi \U0001f600",
    "LINES": "  indented\n\nonce more\n",
    "FOLDED": "one line",
    "NOTHING": "",
    "LATER": "1",
}


def test_a_text_arrives_to_the_letter_however_kubectl_writes_it(tenant: Tenant) -> None:
    apply_text(tenant, LETTERS)
    tenant.until_ready("app")
    assert (stored(tenant)["definition"], tenant.values("app")) == (LETTERS, ARRIVED)
    read = kubectl(tenant, "get", "escenv", "app", "-o", "yaml").stdout
    for write in (
        ["replace", "-f", "-"],
        ["apply", "-f", "-"],
        ["apply", "--server-side", "--force-conflicts", "-f", "-"],
    ):
        unversioned = "\n".join(line for line in read.splitlines() if "resourceVersion:" not in line)
        answer = kubectl(tenant, *write, text=unversioned)
        assert answer.returncode == 0, answer.stderr
        assert stored(tenant)["definition"] == LETTERS, write


def test_the_same_as_an_object_is_what_kubectl_makes_of_it(tenant: Tenant) -> None:
    """If kubectl changes nothing any more, nothing above shows anything."""
    block = "".join(f"    {line}\n" for line in LETTERS.splitlines())
    answer = kubectl(tenant, "apply", "-f", "-", text=manifest(f"  environment:\n{block}"))
    assert answer.returncode == 0, answer.stderr
    kept = stored(tenant)["environment"]["values"]["environmentVariables"]
    assert (kept["MODE"], kept["COUNTRY"], kept["ANSWER"]) == (True, False, True)
    assert "off" not in kept
    assert kept["SNOWFLAKE"] != 12345678901234567890
    assert "NOTHING" not in kept


def stored(tenant: Tenant) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(kubectl(tenant, "get", "escenv", "app", "-o", "json").stdout)["spec"]
    return spec


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
