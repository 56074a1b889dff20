"""`esc open`, `esc run` and `esc env ls` in Pulumi Cloud: references, values, findings and failures."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ProviderError
from unit.cli.cloud.service import NOW, TOKEN, URL, answer, secret
from unit.cli.cloud.test_logging_in import identity, stored, write_stored
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from pathlib import Path

    from unit.cli.machine import Esc

VALUES = {
    "database": {"host": "db.example.com", "port": 5432, "password": secret("hunter2-hunter2")},
    "environmentVariables": {"HOST": "db.example.com", "PASSWORD": secret("hunter2-hunter2"), "DEBUG": True},
    "files": {"CONF": secret("password=hunter2-hunter2\n")},
}


@pytest.fixture
def there(esc: Esc) -> Esc:
    """Somebody who is logged in as jane, with environments of hers and of acme."""
    write_stored(esc, {"accessTokens": {URL: TOKEN}})
    esc("login", URL)
    esc.cloud.environments = {
        "acme/shop/prod": VALUES,
        "acme/default/base": {"a": "acme"},
        "jane/default/base": {"a": "jane"},
        "jane/shop/dev": {"a": "dev"},
    }
    esc.cloud.asked.clear()
    return esc


# References.


@pytest.mark.parametrize(
    ("reference", "shown", "requests"),
    [
        ("acme/shop/prod", "db.example.com", 2),
        ("acme/shop/prod@stable", "db.example.com", 2),
        ("acme/shop/prod:3", "db.example.com", 2),
        ("base", "jane", 3),
        ("base@3", "jane", 3),
        ("shop/dev", "dev", 3),
        ("shop/dev@stable", "dev", 3),
        ("acme/base", "acme", 5),
    ],
)
def test_a_reference_has_one_two_or_three_parts_and_a_version(
    there: Esc, reference: str, shown: str, requests: int
) -> None:
    done = there("open", reference)
    assert (done.status, shown in done.out) == (0, True), done.err
    assert len(there.cloud.asked) == requests, there.cloud.asked


def test_an_old_reference_is_told_the_new_one(there: Esc) -> None:
    told = "Warning: acme/base was taken for acme/default/base, since there is no environment jane/acme/base: write "
    assert there("open", "acme/base").err == f"{told}acme/default/base\n"


def test_a_reference_that_means_two_environments_is_refused(there: Esc) -> None:
    there.cloud.environments["jane/acme/base"] = {"a": "third"}
    done = there("open", "acme/base")
    told = 'Error: "acme/base" is ambiguous: there are jane/acme/base and acme/default/base; write one of these\n'
    assert (done.status, done.out, done.err) == (1, "", told)


def test_too_many_parts_are_told(there: Esc) -> None:
    told = '"a/b/c/d" has too many parts for Pulumi Cloud: write organization/project/name, or name a context'
    assert told in there("open", "a/b/c/d").err
    assert there.cloud.asked == []


def test_the_default_organization_is_that_of_the_setting_the_file_the_service_and_the_user(there: Esc) -> None:
    there.cloud.environments |= {f"{each}/default/base": {"a": each} for each in ("one", "two", "three")}
    there.cloud.default_organization = "three"
    assert '"three"' in there("open", "base").out
    there("login", URL, "--default-org", "two")
    assert '"two"' in there("open", "base").out
    there.settings["PULUMI_DEFAULT_ORGANIZATION"] = "one"
    there.cloud.asked.clear()
    assert '"one"' in there("open", "base").out
    assert len(there.cloud.asked) == 2


def test_a_service_without_default_organizations_has_users(there: Esc) -> None:
    there.cloud.fails["user/organizations/default"] = answer("x", 404)._replace(
        body=b"404 page not found\n", headers={}
    )
    assert '"jane"' in there("open", "base").out


def test_a_namespace_is_a_project_and_a_context_leads_to_a_cluster(there: Esc) -> None:
    static = {"environment": {"values": {"a": "in the cluster"}}}
    there.clusters["kind"] = FakeSession({("apps", "web"): static})
    assert '"dev"' in there("open", "dev", "-n", "shop").out
    asked = list(there.cloud.asked)
    assert "in the cluster" in there("open", "apps/web", "--context", "kind").out
    assert "in the cluster" in there("open", "kind/apps/web", "--context", "kind").out
    assert there.cloud.asked == asked


def test_a_context_before_the_first_slash_is_an_organization_while_logged_in_and_that_is_told(there: Esc) -> None:
    done = there("open", "kind/apps/web")
    assert done.status == 1
    assert "there is no environment kind/apps/web" in done.err
    assert "; kind is a context of your kubeconfig: for its cluster write apps/web --context kind\n" in done.err


def test_a_rotation_is_of_a_cluster(there: Esc) -> None:
    there.clusters["kind"] = FakeSession({("apps", "web"): {"environment": {}}})
    told = f"acme/shop/prod is an environment of {URL}, and esc rotates those of clusters: run pulumi env rotate, or "
    done = there("rotate", "acme/shop/prod")
    assert (done.status, done.out) == (1, "")
    assert told in done.err
    assert there("rotate", "apps/web", "--context", "kind").out == "apps/web: requested new credentials\n"


# Values.


def test_every_format_shows_it(there: Esc) -> None:
    assert json.loads(there("open", "acme/shop/prod").out)["database"] == {
        "host": "db.example.com",
        "password": "hunter2-hunter2",
        "port": 5432,
    }
    assert there("open", "acme/shop/prod", "database.port", "-f", "string").out == "5432\n"
    shell = there("open", "acme/shop/prod", "-f", "shell")
    assert "export PASSWORD='hunter2-hunter2'" in shell.out
    assert "files are left out" in shell.err
    detailed = json.loads(there("open", "acme/shop/prod", "database.password", "-f", "detailed").out)
    assert detailed["secret"] is True
    told = "the environment has no value at database.hots; did you mean database.host?"
    assert told in there("open", "acme/shop/prod", "database.hots").err


def test_a_command_gets_variables_files_and_values_in_its_arguments_and_its_status_counts(there: Esc) -> None:
    script = '{ echo "$HOST $PASSWORD $DEBUG $1"; cat "$CONF"; } > "$0"; exit 7'
    done = there("run", "acme/shop/prod", "--", "sh", "-c", script, str(there.home / "out"), "${database.port}")
    assert (done.status, done.err) == (7, "")
    expected = "db.example.com hunter2-hunter2 true 5432\npassword=hunter2-hunter2\n"
    assert (there.home / "out").read_text() == expected


def test_a_secret_in_an_argument_is_warned_of(there: Esc) -> None:
    done = there("run", "acme/shop/prod", "--", "true", "${database.password}")
    assert "Warning: argument 1 of true holds a secret" in done.err
    assert "hunter2" not in done.err


# Lists.


def test_a_list_has_all_organizations_or_one_or_a_project(there: Esc) -> None:
    every = ["acme/default/base", "acme/shop/prod", "jane/default/base", "jane/shop/dev"]
    assert there("env", "ls").out.splitlines() == every
    assert there("env", "ls", "--organization", "acme").out.splitlines() == every[:2]
    assert there("env", "ls", "-p", "shop").out.splitlines() == [every[1], every[3]]
    shown = json.loads(there("env", "ls", "-p", "shop", "--organization", "acme", "-o", "json").out)
    assert shown == {"environments": [{"organization": "acme", "project": "shop", "name": "prod"}]}
    there.clusters["kind"] = FakeSession({("apps", "web"): {"environment": {}}})
    assert there("env", "ls", "--context", "kind").out == "apps/web\n"


def test_a_name_that_no_environment_can_have_is_not_shown(there: Esc) -> None:
    there.cloud.environments = {"acme/shop/\x1b[2Jprod": {}, "acme/shop/prod": {}}
    assert there("env", "ls").out == "acme/shop/prod\n"
    assert "\x1b" not in there("open", "acme/shop/proo").err


# Findings.

FINDING_RANGE: dict[str, Any] = {
    "environment": "acme/shop/prod",
    "begin": {"line": 2, "column": 10, "byte": 17},
    "end": {"line": 2, "column": 17, "byte": 24},
}
FINDING = {
    "range": FINDING_RANGE,
    "summary": 'unknown property "b"',
}


@pytest.mark.parametrize("called", ["acme/shop/prod", "shop/prod", "prod", None])
def test_findings_are_shown_in_the_text_that_they_point_into(there: Esc, called: str | None) -> None:
    where = {name: part for name, part in FINDING_RANGE.items() if name != "environment"}
    where |= {"environment": called} if called else {}
    there.cloud.findings["acme/shop/prod"] = [{**FINDING, "range": where}, {"summary": "and another"}]
    there.cloud.definitions["acme/shop/prod"] = "values:\n  a: 1 + ${a.b}\n"
    done = there("open", "acme/shop/prod")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        'acme/shop/prod:2:10: error: unknown property "b"',
        "    2 |   a: 1 + ${a.b}",
        "      |          ^^^^^^",
        "error: and another",
        "Error: acme/shop/prod could not be opened",
    ]
    assert there("run", "acme/shop/prod", "--", "touch", str(there.home / "ran")).status == 1
    assert not (there.home / "ran").exists()


def test_a_plaintext_secret_is_not_shown_in_a_finding(there: Esc) -> None:
    there.cloud.findings["acme/shop/prod"] = [FINDING]
    there.cloud.definitions["acme/shop/prod"] = "values:\n  a: {fn::secret: hunter2}\n"
    assert "hunter2" not in there("open", "acme/shop/prod").err


def test_findings_are_shown_without_the_text_where_it_may_not_be_read(there: Esc) -> None:
    there.cloud.findings["acme/shop/prod"] = [FINDING]
    del there.cloud.environments["acme/shop/prod"]
    there.cloud.fails["acme/shop/prod/open"] = answer({"code": 400, "message": "x", "diagnostics": [FINDING]}, 400)
    done = there("open", "acme/shop/prod")
    assert done.err.splitlines() == [
        'acme/shop/prod:2:10: error: unknown property "b"',
        "Error: acme/shop/prod could not be opened",
    ]


def test_the_text_is_not_read_without_a_finding(there: Esc) -> None:
    there("open", "acme/shop/prod")
    assert there.cloud.asked == [
        "POST esc/environments/acme/shop/prod/open",
        "GET esc/environments/acme/shop/prod/open/session",
    ]


def test_what_is_not_exported_although_it_seems_to_be_meant_is_told(there: Esc) -> None:
    there.cloud.environments["acme/shop/prod"] = {"environmentVariables": {"A": {"b": 1}}}
    done = there("open", "acme/shop/prod")
    assert done.status == 0
    assert 'values.environmentVariables: warning: "A" (an object) is left out' in done.err


def test_an_unknown_value_becomes_no_variable(there: Esc) -> None:
    variables = {"A": {"unknown": True}, "B": secret("hunter2-hunter2")}
    there.cloud.fails["open/session"] = answer({"properties": {"environmentVariables": {"value": variables}}})
    done = there("run", "acme/shop/prod", "--", "sh", "-c", 'test -z "${A+set}" && test -n "$B"')
    assert done.status == 0
    assert 'warning: "A" (unknown) is left out' in done.err
    assert there("open", "acme/shop/prod", "-f", "shell").out == "export B='hunter2-hunter2'\n"


def test_warnings_are_told_and_do_not_fail(there: Esc) -> None:
    there.cloud.warnings = [{**FINDING, "severity": "warning", "summary": "old"}]
    done = there("open", "acme/shop/prod")
    assert (done.status, done.err) == (0, "acme/shop/prod:2:10: warning: old\n")


# Failures.


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("acme/shop/prot", '; did you mean "acme/shop/prod"?'),
        ("acme/zzz/zzz", "; the environments of acme are acme/default/base, acme/shop/prod"),
        ("acme/shop/prod@9", 'environment acme/shop/prod has no revision or tag "9" (404): correct the version'),
        ("acme/shop/prod@tags", 'the version "tags" cannot be one'),
    ],
)
def test_what_does_not_exist_is_told_with_what_was_probably_meant(there: Esc, reference: str, message: str) -> None:
    done = there("open", reference)
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert message in done.err


def test_an_environment_that_may_not_be_listed_is_told_without_the_others(there: Esc) -> None:
    there.cloud.fails["environments/acme/"] = answer({"code": 404, "message": "Not Found: environment not found"}, 404)
    there.cloud.fails["environments/acme"] = answer({"code": 403, "message": "Forbidden"}, 403)
    done = there("open", "acme/shop/prod")
    assert (
        "there is no environment acme/shop/prod at https://api.pulumi.com, or the access token may not see it"
        in done.err
    )
    assert "did you mean" not in done.err


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            answer({"code": 403, "message": "Forbidden"}, 403),
            "the access token may not open environment acme/shop/prod (403)",
        ),
        (
            answer({"message": "slow down"}, 429, **{"retry-after": "60"}),
            "limits the rate of requests of organization acme",
        ),
        (answer({}, 503), "failed (503) when asked to open environment acme/shop/prod: wait until it serves again"),
        (answer({"id": 1}), "against what the API promises"),
        (ProviderError(f"{URL} cannot be reached: no; check the URL"), f"{URL} cannot be reached: no; check the URL"),
    ],
    ids=["forbidden", "throttled", "failing", "damaged", "unreachable"],
)
def test_every_failure_is_one_line(there: Esc, failure: Any, message: str) -> None:
    there.cloud.fails["acme/shop/prod/open"] = failure
    done = there("open", "acme/shop/prod")
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert message in done.err


def test_nobody_is_logged_in(esc: Esc) -> None:
    esc.settings["ESC_BACKEND_URL"] = URL
    done = esc("open", "acme/shop/prod")
    assert done.err == f"Error: not logged in to {URL}: run esc login {URL}, or set PULUMI_ACCESS_TOKEN\n"
    assert esc.cloud.asked == []


def test_a_token_that_was_revoked_is_told_with_the_command_that_logs_in_again(there: Esc) -> None:
    there.cloud.users.clear()
    done = there("open", "acme/shop/prod")
    assert "does not accept the access token (401) when asked to open environment acme/shop/prod" in done.err
    assert done.err.endswith(f"; log in again: esc login {URL}\n")
    there.settings["PULUMI_ACCESS_TOKEN"] = "pul-canary"
    done = there("open", "acme/shop/prod")
    assert done.err.endswith(
        "the token is that of PULUMI_ACCESS_TOKEN: correct it, or unset it to use that of esc login\n"
    )
    assert "canary" not in done.err


def test_a_token_of_the_settings_needs_no_files_and_no_login(esc: Esc) -> None:
    esc.cloud.environments["acme/shop/prod"] = VALUES
    esc.settings |= {"PULUMI_BACKEND_URL": URL, "PULUMI_ACCESS_TOKEN": TOKEN}
    write_stored(esc, [])
    assert esc("open", "acme/shop/prod").status == 0
    assert stored(esc) == []


def test_a_lookup_through_http_of_another_machine_is_refused(esc: Esc) -> None:
    esc.settings |= {"PULUMI_BACKEND_URL": "http://pulumi.example", "PULUMI_ACCESS_TOKEN": TOKEN}
    assert "would get the access token unencrypted" in esc("open", "acme/shop/prod").err
    assert esc.cloud.asked == []


# Exchanged tokens.


@pytest.mark.parametrize("revoked", [False, True])
def test_an_exchanged_token_that_is_over_is_had_anew_from_the_file(esc: Esc, tmp_path: Path, revoked: bool) -> None:
    (tmp_path / "token").write_text(identity())
    esc.cloud.environments["acme/shop/prod"] = VALUES
    esc("login", URL, "--oidc-token", f"file://{tmp_path}/token")
    assert (esc("open", "acme/shop/prod").status, len(esc.cloud.exchanged)) == (0, 1)
    fresh = identity().replace("h.", "fresh.")
    (tmp_path / "token").write_text(fresh)
    if revoked:
        del esc.cloud.users["pul-exchanged1"]
    else:
        esc.cloud.now = NOW + timedelta(hours=2)
    assert esc("open", "acme/shop/prod").status == 0
    assert [form["subject_token"] for form in esc.cloud.exchanged] == [identity(), fresh]
    assert stored(esc)["accessTokens"] == {URL: "pul-exchanged2"}
    assert stored(esc)["accounts"][URL]["username"] == "acme"
    assert (esc("open", "acme/shop/prod").status, len(esc.cloud.exchanged)) == (0, 2)


def test_a_file_that_is_gone_is_told(esc: Esc, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(identity())
    esc("login", URL, "--oidc-token", f"file://{tmp_path}/token")
    (tmp_path / "token").unlink()
    esc.cloud.now = NOW + timedelta(hours=2)
    told = f"Error: could not read the identity token in {tmp_path}/token: No such file or directory\n"
    assert esc("open", "acme/shop/prod").err == told


# Imports.


def test_an_environment_of_a_folder_cannot_import_one_of_pulumi_cloud(esc: Esc) -> None:
    esc.write("apps/web", "imports: [acme/shop/prod]")
    done = esc("open", "apps/web")
    assert "a folder has no organizations, and none of its environments imports from Pulumi Cloud" in done.err
