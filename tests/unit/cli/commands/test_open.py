from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from esc_operator.errors import ConfigurationError
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from unit.cli.machine import Esc

WEB = """\
values:
  database: {host: db, port: 5432, password: {fn::secret: hunter2}}
  servers: [{"host.name": a}]
  environmentVariables: {PASSWORD: "${database.password}", PORT: "${database.port}"}
  files: {CONF: x}
"""


@pytest.fixture
def web(esc: Esc) -> Esc:
    esc.write("apps/web", WEB)
    return esc


def test_json_is_the_default_and_shows_secrets(web: Esc) -> None:
    answer = web("open", "apps/web")
    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out)["database"] == {"host": "db", "port": 5432, "password": "hunter2"}


@pytest.mark.parametrize(
    ("path", "form", "shown"),
    [
        ("database.password", "string", "hunter2\n"),
        ("database.port", "json", "5432\n"),
        ('servers[0]["host.name"]', "yaml", "a\n"),
        ("database", "yaml", "host: db\npassword: hunter2\nport: 5432\n"),
    ],
)
def test_a_path_leads_to_a_part(web: Esc, path: str, form: str, shown: str) -> None:
    assert web("open", "apps/web", path, "-f", form).out == shown
    assert web("env", "open", "apps/web", path, "--format", form).out == shown


def test_detailed_says_where_things_come_from(web: Esc) -> None:
    detailed = json.loads(web("open", "apps/web", "database.password", "-f", "detailed").out)
    assert (detailed["value"], detailed["secret"]) == ("hunter2", True)
    assert detailed["trace"]["def"]["environment"] == "apps/web"
    assert detailed["trace"]["def"]["begin"] == {"line": 2, "column": 59, "byte": 66}


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("dotenv", 'PASSWORD="hunter2"\nPORT="5432"\n'),
        ("shell", "export PASSWORD='hunter2'\nexport PORT='5432'\n"),
        ("fish", "set -gx PASSWORD 'hunter2'\nset -gx PORT '5432'\n"),
        ("docker", "PASSWORD=hunter2\nPORT=5432\n"),
    ],
)
def test_variables_as_lines_and_a_word_on_files(web: Esc, form: str, shown: str) -> None:
    answer = web("open", "apps/web", "-f", form)
    assert answer.out == shown
    assert answer.err == "Warning: files are left out, use `esc run` to get them: CONF\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["apps/web", "nope"], 1, "Error: the environment has no value at nope; the properties are "),
        (["apps/web", "databsae.port"], 1, "no value at databsae.port; did you mean database.port?\n"),
        (["apps/web", "database.prot"], 1, "no value at database.prot; did you mean database.port?\n"),
        (["apps/web", "database.nothing"], 1, "no value at database.nothing; the properties of database are "),
        (["apps/web", "database.port.x"], 1, "no value at database.port.x; database.port is a number, and has no "),
        (["apps/web", "a[", "-f", "json"], 2, "a[: subscript is missing closing bracket ']'"),
        (["apps/web", "database", "-f", "shell"], 2, "--format shell is for a whole environment"),
        (["apps/nope"], 1, "not found: there is no file"),
        (["apps/web@3"], 1, 'versions are not supported by a folder; leave "@3" out'),
        (["../web"], 1, "is not a reference"),
        (["nope/apps/web"], 1, 'the kubeconfig has no context "nope"'),
    ],
)
def test_what_cannot_be_shown_is_reported(web: Esc, arguments: list[str], status: int, message: str) -> None:
    answer = web("open", *arguments)
    assert (answer.status, answer.out) == (status, "")
    assert message in answer.err


def test_errors_of_the_definition_are_reported_with_their_place_and_without_its_secrets(esc: Esc) -> None:
    esc.write(
        "apps/broken", "imports: [nope]\nvalues:\n  a: {fn::secret: hunter2}\n  b: [hunter2, '${c}']\n  d: ${a.x}\n"
    )
    answer = esc("open", "apps/broken")
    assert (answer.status, answer.out) == (1, "")
    assert "/environments/apps/broken.yaml:1:11: error: " in answer.err
    assert "there is no file" in answer.err
    assert "imports: [nope]\n      |           ^^^^\n" in answer.err
    assert "/environments/apps/broken.yaml:4:16: error: unknown property" in answer.err
    assert answer.err.endswith("Error: apps/broken could not be opened\n")
    assert "hunter2" not in answer.err


FORMATS = ["json", "yaml", "string", "detailed", "dotenv", "docker", "shell", "fish"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "definition",
    [
        "values: {environmentVariables: {GOOD: ok, BAD: '${nope}'}}",
        "values: {environmentVariables: {GOOD: ok}, a: {fn::fromBase64: '!'}}",
        "imports: [nope]\nvalues: {environmentVariables: {GOOD: ok}}",
        "values: {environmentVariables: {GOOD: ok}",
    ],
)
def test_an_error_leaves_nothing_to_read_in_any_format(esc: Esc, form: str, definition: str) -> None:
    esc.write("apps/broken", definition)
    answer = esc("open", "apps/broken", "-f", form)
    assert (answer.status, answer.out) == (1, "")
    assert "error: " in answer.err
    assert answer.err.endswith("Error: apps/broken could not be opened\n")


@pytest.mark.parametrize(
    ("entry", "forms", "why"),
    [
        ("KEYTAB: {fn::fromBase64: AAEC}", "shell fish dotenv docker", "contains a NUL byte"),
        ("a-b: x", "shell fish", '"a-b" cannot be the name of a variable'),
        ("A: $${HOME}", "dotenv", "contains a ${...}, which python-dotenv replaces and Node does not"),
        ("A: {fn::fromJSON: '\"a\\nb\"'}", "docker", "contains a line break"),
    ],
)
def test_a_variable_that_a_format_cannot_hold_leaves_nothing_to_read(
    esc: Esc, entry: str, forms: str, why: str
) -> None:
    esc.write("apps/web", f"values:\n  environmentVariables:\n    GOOD: ok\n    {entry}\n")
    for form in FORMATS[4:]:
        answer = esc("open", "apps/web", "-f", form)
        if form in forms.split():
            assert (answer.status, answer.out) == (1, "")
            assert "/environments/apps/web.yaml:4:" in answer.err.splitlines()[0]
            assert why in answer.err
            assert answer.err.endswith(f"Error: apps/web cannot be written as {form}, so nothing was printed\n")
        else:
            warned = [line for line in answer.err.splitlines() if "warning" in line or "error" in line.lower()]
            assert (answer.status, [line for line in warned if "no shell can read" not in line]) == (0, [])
            assert "GOOD" in answer.out


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("values:\n  a: [1, 2\n  b: c\n", ":3:4: ", "error: yaml: line "),
        ("values:\n\ta: 1\n", ":2:1: ", "error: yaml: line "),
        ("just words\n", ":1:1: ", "error: environment must be an object"),
        ("# nothing\n", ": ", "error: environment must be an object"),
        ("values: {a: ${b}}\n", ":1:", "error: "),
    ],
)
def test_a_mistake_in_a_file_names_the_file_and_the_place_in_it(esc: Esc, text: str, place: str, words: str) -> None:
    esc.write("apps/broken", text)
    first = esc("open", "apps/broken").err.splitlines()[0]
    path, _, rest = first.partition(".yaml")
    assert path.startswith("/")
    assert path.endswith("/apps/broken")
    assert rest.startswith(place)
    assert words in rest


def test_a_mistake_in_an_imported_file_names_that_file(esc: Esc) -> None:
    esc.write("apps/base", "values:\n  a: ${b}\n")
    esc.write("apps/web", "imports: [base]\n")
    assert "/apps/base.yaml:2:8: error: unknown property" in esc("open", "apps/web").err.splitlines()[0]


def test_warnings_are_reported_and_do_not_matter(esc: Esc) -> None:
    esc.write("apps/web", "value: 1\nvalues: {a: 1}\n")
    answer = esc("open", "apps/web", "a")
    assert (answer.status, answer.out) == (0, "1\n")
    assert "/environments/apps/web.yaml:1:1: warning: Field 'value' does not exist" in answer.err


def test_a_login_without_a_token_says_what_is_needed(esc: Esc) -> None:
    esc.write(
        "apps/aws",
        "values: {aws: {fn::open::aws-login: {oidc: {roleArn: 'arn:aws:iam::123456789012:role/x', sessionName: ss}}}}",
    )
    answer = esc("open", "apps/aws")
    assert answer.status == 1
    assert "no identity token to log in with" in answer.err
    assert "ESC_OIDC_TOKEN_FILE or AWS_WEB_IDENTITY_TOKEN_FILE" in answer.err


class TestCluster:
    @pytest.fixture
    def cluster(self, esc: Esc) -> FakeSession:
        esc.clusters["kind"] = FakeSession(
            {
                ("apps", "aws"): {"environment": {"imports": ["base"], "values": {"a": "${b}"}}},
                ("apps", "base"): {"environment": {"values": {"b": 1}}},
                ("other", "far"): {"environment": {"imports": ["apps/base"], "values": {"c": "${x}"}}},
            }
        )
        return esc.clusters["kind"]

    @pytest.mark.usefixtures("cluster")
    def test_a_reference_with_a_context_needs_no_login(self, esc: Esc) -> None:
        assert json.loads(esc("open", "kind/apps/aws").out) == {"a": 1, "b": 1}

    @pytest.mark.usefixtures("cluster")
    @pytest.mark.parametrize("reference", ["aws", "apps/aws"])
    def test_a_name_without_namespace_is_in_the_contexts(self, esc: Esc, reference: str) -> None:
        esc("login", "kubernetes://kind")
        assert esc("open", reference, "a").out == "1\n"

    @pytest.mark.usefixtures("cluster")
    def test_errors_name_the_place_in_the_resource(self, esc: Esc) -> None:
        answer = esc("open", "kind/other/far")
        assert answer.status == 1
        assert 'spec.environment.values.c: error: unknown property "x"' in answer.err
        assert 'spec.environment.imports[0]: error: environment "apps/base" not found: ' in answer.err

    def test_a_text_in_a_config_map_or_a_secret_opens_like_any_other(self, esc: Esc, cluster: FakeSession) -> None:
        who = "values: {who: '${context.pulumi.user.login}@${context.pulumi.organization.login}'}\n"
        esc.settings["LOGNAME"] = "jane"
        cluster.environments["apps", "map"] = {"environmentFrom": {"configMapKeyRef": {"name": "defs", "key": "a"}}}
        cluster.environments["apps", "sec"] = {"environmentFrom": {"secretKeyRef": {"name": "defs", "key": "a"}}}
        cluster.environments["apps", "app"] = {"definition": "imports: [map]\nvalues: {more: on}\n"}
        cluster.config_maps["apps", "defs"] = {"metadata": {}, "data": {"a": who}}
        assert json.loads(esc("open", "kind/apps/map").out) == {"who": "jane@kind"}
        assert json.loads(esc("open", "kind/apps/app").out) == {"who": "jane@kind", "more": "on"}
        held = base64.b64encode(b"values:\n  a: ${hunter2}\n").decode()
        cluster.secrets["apps", "defs"] = {"metadata": {}, "data": {"a": held}}
        answer = esc("open", "kind/apps/sec")
        assert answer.status == 1
        assert 'apps/sec:2:8: error: unknown property "hunter2"' in answer.err
        assert "a: ${" not in answer.err  # no line of a Secret, where output ends up in logs

    def test_an_object_that_does_not_exist_says_what_to_do(self, esc: Esc, cluster: FakeSession) -> None:
        cluster.environments["apps", "map"] = {"environmentFrom": {"configMapKeyRef": {"name": "defs", "key": "a"}}}
        answer = esc("open", "kind/apps/map")
        assert (answer.status, answer.out) == (1, "")
        assert answer.err == (
            "Error: spec.environmentFrom.configMapKeyRef: ConfigMap apps/defs does not exist: create it, or correct "
            "the name\n"
        )

    @pytest.mark.usefixtures("cluster")
    def test_environments_are_listed(self, esc: Esc) -> None:
        esc("login", "kubernetes://kind")
        assert esc("env", "ls").out == "apps/aws\napps/base\nother/far\n"

    def test_tokens_are_those_of_the_environments_service_account(self, esc: Esc, cluster: FakeSession) -> None:
        oidc = {"roleArn": "arn:aws:iam::123456789012:role/x", "sessionName": "session"}
        cluster.environments["apps", "aws"] = {
            "serviceAccountName": "deployer",
            "environment": {"values": {"aws": {"fn::open::aws-login": {"oidc": oidc}}}},
        }
        esc.settings |= {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}
        assert esc("open", "kind/apps/aws").status == 1
        assert {*cluster.tokens} == {("apps", "deployer", "sts.amazonaws.com")}

    def test_an_import_logs_in_only_where_its_namespace_is_trusted(self, esc: Esc, cluster: FakeSession) -> None:
        oidc = {"roleArn": "arn:aws:iam::123456789012:role/x", "sessionName": "session"}
        cluster.environments["red", "lib"] = {
            "sharing": {"namespaces": ["apps"]},
            "environment": {"values": {"aws": {"fn::open::aws-login": {"oidc": oidc}}}},
        }
        importer = {"environment": {"imports": ["red/lib"]}}
        cluster.environments["apps", "aws"] = importer
        esc.settings |= {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}
        answer = esc("open", "kind/apps/aws")
        assert answer.status == 1
        assert "and apps/aws does not trust that namespace to act as its ServiceAccount" in answer.err
        assert 'add "red" to its spec.trustedNamespaces' in answer.err
        assert cluster.tokens == []
        cluster.environments["apps", "aws"] = {**importer, "trustedNamespaces": ["red"]}
        assert esc("open", "kind/apps/aws").status == 1
        assert {*cluster.tokens} == {("apps", "default", "sts.amazonaws.com")}

    @pytest.mark.parametrize("reference", ["kind/ClusterEscEnvironment/wide", "wide", "ClusterEscEnvironment/wide"])
    def test_what_belongs_to_the_cluster_is_called_by_its_kind_or_by_its_bare_name(
        self, esc: Esc, cluster: FakeSession, reference: str
    ) -> None:
        cluster.environments["", "wide"] = {"environment": {"imports": ["deep"]}, "sharing": {"namespaces": []}}
        cluster.environments["", "deep"] = {"environment": {"values": {"a": 1}}}
        esc("login", "kubernetes://kind")
        assert json.loads(esc("open", reference).out) == {"a": 1}
        assert esc("env", "ls").out.startswith("ClusterEscEnvironment/deep\nClusterEscEnvironment/wide\napps/aws\n")

    @pytest.mark.parametrize("account", [None, {"namespace": "ops", "name": "robot"}])
    def test_what_belongs_to_the_cluster_logs_in_as_whom_it_says(
        self, esc: Esc, cluster: FakeSession, account: dict[str, str] | None
    ) -> None:
        oidc = {"roleArn": "arn:aws:iam::123456789012:role/x", "sessionName": "session"}
        login = {"values": {"aws": {"fn::open::aws-login": {"oidc": oidc}}}}
        cluster.environments["", "aws"] = {"environment": login, **({"serviceAccount": account} if account else {})}
        esc.settings |= {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}
        answer = esc("open", "kind/ClusterEscEnvironment/aws")
        assert answer.status == 1
        if account:
            assert {*cluster.tokens} == {("ops", "robot", "sts.amazonaws.com")}
        else:
            assert (
                'ClusterEscEnvironment "aws" opens logins without a ServiceAccount: set its spec.serviceAccount'
                in answer.err
            )


class TestAnEnvironmentInPulumiCloud:
    """Of a cluster: it is opened with the user's rights in the cluster, and as its own spec says."""

    SOURCE: ClassVar[dict[str, Any]] = {"organization": "acme", "project": "shop", "environment": "prod"}

    @pytest.fixture
    def cluster(self, esc: Esc) -> FakeSession:
        esc.clusters["kind"] = FakeSession({})
        return esc.clusters["kind"]

    def put(self, cluster: FakeSession, **access: Any) -> None:
        cluster.environments["apps", "web"] = {"environmentFrom": {"pulumi": {**self.SOURCE, **access}}}

    def test_its_access_token_is_read_from_its_own_namespace(self, esc: Esc, cluster: FakeSession) -> None:
        self.put(cluster, accessTokenSecretRef={"name": "pulumi", "key": "token"})
        answer = esc("open", "kind/apps/web")
        assert answer.status == 1
        assert (
            "spec.environmentFrom.pulumi.accessTokenSecretRef: Secret apps/pulumi does not exist: create it, or correct"
            in answer.err
        )

    def test_the_service_is_asked_and_its_failure_told(self, esc: Esc, cluster: FakeSession) -> None:
        token = base64.b64encode(b"pul-0123456789").decode()
        cluster.secrets["apps", "pulumi"] = {"metadata": {"name": "pulumi"}, "data": {"token": token}}
        self.put(cluster, accessTokenSecretRef={"name": "pulumi", "key": "token"}, apiUrl="http://127.0.0.1:1")
        answer = esc("open", "kind/apps/web")
        assert answer.status == 1
        assert "http://127.0.0.1:1 cannot be reached" in answer.err
        assert "pul-0123456789" not in answer.err

    def test_the_service_accounts_token_is_requested_for_the_organization(self, esc: Esc, cluster: FakeSession) -> None:
        self.put(cluster, oidc={}, apiUrl="http://127.0.0.1:1")
        answer = esc("open", "kind/apps/web")
        assert "http://127.0.0.1:1 cannot be reached" in answer.err
        assert {*cluster.tokens} == {("apps", "default", "urn:pulumi:org:acme")}


def test_environments_of_a_folder_are_listed(web: Esc) -> None:
    web.write("default/base", "values: {}")
    assert web("env", "ls").out == "apps/web\ndefault/base\n"
    assert json.loads(web("env", "ls", "-o", "json").out) == {
        "environments": [{"project": "apps", "name": "web"}, {"project": "default", "name": "base"}]
    }


def test_an_empty_folder_lists_nothing(esc: Esc) -> None:
    assert esc("env", "ls").out == ""
    assert json.loads(esc("env", "ls", "-o", "json").out) == {"environments": []}


def test_a_session_that_cannot_be_had_is_one_line(esc: Esc) -> None:
    def refuse(_: str) -> FakeSession:
        raise ConfigurationError('cannot use context "kind" of the kubeconfig')

    esc.connect = refuse
    assert esc("open", "kind/apps/aws").err == 'Error: cannot use context "kind" of the kubeconfig\n'
