from __future__ import annotations

from esc_operator.evaluation import OpenRecord, ReadVersion
from esc_operator.reconciliation.opening.records import versions_of
from esc_operator.resources.environment import Key
from esc_operator.resources.status import MAX_VERSIONS, SecretVersion

WEB = Key("apps", "web")


def record(environment: str, *versions: ReadVersion, provider: str = "aws-secrets") -> OpenRecord:
    return OpenRecord("values.x", environment, provider, None, versions=versions)


def read(name: str, version: str = "7", note: str = "") -> ReadVersion:
    return ReadVersion(("get", name), f"prod/{name}", version, note)


def test_a_status_tells_what_its_own_definitions_and_those_of_its_namespace_read_in_order() -> None:
    opens = [record("apps/web", read("b"), read("a", note="base64")), record("apps/base", read("c"))]
    assert versions_of(opens, WEB) == (
        SecretVersion("aws-secrets", "get.a", "prod/a", "7", "base64"),
        SecretVersion("aws-secrets", "get.b", "prod/b", "7"),
        SecretVersion("aws-secrets", "get.c", "prod/c", "7"),
    )


def test_what_others_read_is_not_told() -> None:
    opens = [record("shared/base", read("a")), record("ClusterEscEnvironment/base", read("b"))]
    assert versions_of(opens, WEB) == ()
    assert [one.input for one in versions_of(opens, Key("", "wide"))] == ["get.b"]


def test_a_status_lists_so_many_and_no_more_and_cuts_what_is_too_long() -> None:
    many = [read(f"n{number:03}") for number in range(200)]
    assert len(versions_of([record("apps/web", *many)], WEB)) == MAX_VERSIONS
    long = ReadVersion(("get", "x" * 5000), "n" * 5000, "v" * 5000, "t" * 5000)
    (cut,) = versions_of([record("apps/web", long)], WEB)
    assert [len(text) for text in cut[1:]] == [1024, 2048, 1024, 253]
