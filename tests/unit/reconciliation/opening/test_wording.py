"""What people read of errors in a definition that is a text: line, column, path, and the line itself."""

from __future__ import annotations

from typing import Any

import pytest

from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.world import WELL, World, play

A_SECRET = "values:\n  environmentVariables:\n    A: ${b}\n    PASSWORD:\n      fn::secret: |\n        hunter2\n"

MISTAKES = {
    "an unknown property": (
        "# a comment\nvalues:\n  environmentVariables:\n    A: ${b}\n",
        "UnknownProperty",
        'spec.definition: line 4, column 10: values.environmentVariables.A: unknown property "b"',
        "; the line is: A: ${b}",
    ),
    "a tab": (
        "values:\n\tA: 1\n",
        "InvalidYAML",
        "spec.definition: line 2, column 1: found character that cannot start any token",
        ": indent with spaces; the line is: A: 1",
    ),
    "no YAML": (
        "values: [1, 2\nB: 3\n",
        "InvalidYAML",
        "spec.definition: line 2, column 2: did not find",
        "; the line is: B: 3",
    ),
    "no object": (
        "just words\n",
        "InvalidDocument",
        "spec.definition: line 1, column 1: ",
        "; the line is: just words",
    ),
    "only a comment": ("# nothing\n", "InvalidDocument", "spec.definition: environment must be an object", ""),
    "an alias": (
        "values:\n  a: &x 1\n  b: *x\n",
        "InvalidYAML",
        "spec.definition: line 3, column 6: values.b: alias nodes are not supported",
        "; the line is: b: *x",
    ),
    "a secret elsewhere": (
        A_SECRET,
        "UnknownProperty",
        "spec.definition: line 3, column 10: ",
        "; the line is: A: ${b}",
    ),
    "a secret on the line": (
        "values: {environmentVariables: {A: '${b}', P: {fn::secret: hunter2}}}\n",
        "UnknownProperty",
        "spec.definition: line 1, column 36: ",
        'unknown property "b"; the properties are environmentVariables',
    ),
    "a secret before what is no YAML": (
        "values:\n  P:\n    fn::secret: |\n      hunter2\n\tA: hunter2\n",
        "InvalidYAML",
        "spec.definition: line 5, column 1: ",
        ": indent with spaces",
    ),
}


@pytest.mark.parametrize(("text", "reason", "begins", "ends"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_text_is_told_with_its_place_and_its_line(
    text: str, reason: str, begins: str, ends: str
) -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", {"definition": text})
            async with world.operator():
                assert world.told("app") == ("False", reason, "False", reason)
                message = world.condition("app")["message"]
                assert message.startswith(begins)
                assert message.endswith(ends)
                assert "hunter2" not in str(world.api.environment("app")["status"])
                assert "hunter2" not in str(world.api.events)
                assert [event["message"] for event in world.api.events] == [message]

    play(story)


def test_a_mistake_in_an_imported_text_names_environment_and_line_and_does_not_show_the_line() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", {"definition": "values:\n  a: ${b}\n"})
            world.api.put_environment("app", {"definition": "imports: [base]\nvalues: {}\n"})
            async with world.operator():
                assert world.condition("app")["message"] == (
                    'EscEnvironment "apps/base": line 2, column 8: values.a: unknown property "b"; the properties are a'
                )

    play(story)


def test_what_kubectl_changes_in_an_object_stays_in_a_text() -> None:
    text = (
        "# words of YAML 1.1\nvalues:\n  environmentVariables:\n    MODE: on\n    no: n\n"
        "    NUMBER: 12345678901234567890\n    FLOAT: 1.10\n    TIME: 12:30:45\n"
        "    OCTAL: 010\n    DATE: 2026-11-29\n    HEX: '0x1F'\n"
    )
    wanted = {
        "MODE": "on",
        "no": "n",
        "NUMBER": "12345678901234567890",
        "FLOAT": "1.1",
        "TIME": "12:30:45",
        "OCTAL": "8",
        "DATE": "2026-11-29",
        "HEX": "0x1F",
    }

    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", {"definition": text})
            async with world.operator():
                assert world.told("app") == WELL
                assert world.values("app") == wanted
                await _changed(world, {"definition": text.replace("MODE: on", "MODE: off")})
                assert world.values("app") == {**wanted, "MODE": "off"}
                await _changed(world, {"environment": {"values": {"environmentVariables": {"MODE": "fast"}}}})
                assert world.values("app") == {"MODE": "fast"}

    play(story)


def test_the_context_names_the_service_account_and_the_cluster() -> None:
    pulumi = "${context.pulumi.user.login} of ${context.pulumi.organization.login}"
    text = f"values: {{environmentVariables: {{WHO: '{pulumi}'}}}}"

    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", {"definition": text, "serviceAccountName": "web"})
            async with world.operator():
                assert world.values("app") == {"WHO": "system:serviceaccount:apps:web of default"}

    play(story)


async def _changed(world: World, spec: dict[str, Any]) -> None:
    world.api.put_environment("app", spec)
    await world.settle()


@pytest.mark.parametrize("importer", ["definition", "environment"])
@pytest.mark.parametrize("imported", ["definition", "environment"])
def test_texts_and_objects_import_each_other(importer: str, imported: str) -> None:
    def base(x: str) -> dict[str, Any]:
        return (
            {"definition": f"values: {{x: {x}}}"} if imported == "definition" else {"environment": {"values": {"x": x}}}
        )

    app: dict[str, Any] = {"definition": "imports: [base]\nvalues: {environmentVariables: {A: '${x}'}}\n"}
    if importer == "environment":
        app = {"environment": {"imports": ["base"], "values": {"environmentVariables": {"A": "${x}"}}}}

    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", base("old"))
            world.api.put_environment("app", app)
            async with world.operator():
                assert world.values("app") == {"A": "old"}
                world.api.put_environment("base", base("new"))
                await world.settle()
                assert world.values("app") == {"A": "new"}

    play(story)
