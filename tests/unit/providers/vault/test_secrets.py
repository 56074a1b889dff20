"""vault-secrets: what it reads, its leases, and why it is refused."""

from __future__ import annotations

import asyncio
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import UNSEEN, Lease, Opened, ReadVersion
from esc_operator.providers.port import Attributed, Checked, Located, LogsIn, Paced, Renews
from esc_operator.providers.vault.secrets import MOST_PATHS, PROVIDER
from unit.providers.conftest import NOW
from unit.providers.vault.answering import ADDRESS, SECRETS, VaultContext, answer, leased, refusal, secret, serving

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

LOGIN = {"address": ADDRESS, "token": "hvs.minted"}
CREDENTIALS = {"username": "v-web-1", "password": "db-password"}
MINUTE = timedelta(seconds=60)
LATER = NOW + timedelta(seconds=40)


def reading(**paths: str | dict[str, str]) -> dict[str, Any]:
    read = {name: {"path": found} if isinstance(found, str) else found for name, found in paths.items()}
    return {"login": LOGIN, "read": read}


def open_vault(inputs: dict[str, Any], context: VaultContext) -> Opened:
    return asyncio.run(PROVIDER.open(inputs, context))


def refused(inputs: dict[str, Any], context: VaultContext) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_vault(inputs, context)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(context.sent)
    assert not [text_ for text_ in SECRETS if text_ in text]
    return caught.value


def test_it_is_all_that_a_reader_with_leases_can_be() -> None:
    for port in (Checked, Located, Attributed, Paced, LogsIn, Renews):
        assert isinstance(PROVIDER, port)
    assert PROVIDER.login({}) is None


def test_a_secret_of_kv_2_nests_as_vault_answers_it() -> None:
    found = {"data": {"key": "value", "port": 5432}, "metadata": {"version": 3}}
    context = serving(secret__data__web=secret(found))
    opened = open_vault(reading(x="secret/data/web"), context)
    assert opened.value == {"x": found}
    assert opened.secret
    assert opened.lease is None
    assert opened.renewal is None
    assert opened.versions == (ReadVersion(("read", "x"), "secret/data/web", "3"),)
    (request,) = context.sent
    assert (request.method, request.url) == ("GET", f"{ADDRESS}/v1/secret/data/web")
    assert request.headers["X-Vault-Token"] == "hvs.minted"


def test_a_secret_of_kv_1_is_flat_and_its_duration_is_no_lease() -> None:
    context = serving(kv__web=secret({"key": "value"}, lease_duration=2764800))
    opened = open_vault(reading(x="/kv/web"), context)
    assert (opened.value, opened.lease, opened.versions) == ({"x": {"key": "value"}}, None, ())


def test_one_field_is_taken_of_either_version() -> None:
    found = {"data": {"key": "value"}, "metadata": {"version": 3}}
    context = serving(kv__web=secret({"key": "one"}), secret__data__web=secret(found))
    inputs = reading(
        a={"path": "kv/web", "field": "key"},
        b={"path": "secret/data/web", "field": "key"},
        c={"path": "secret/data/web", "field": "metadata"},
    )
    assert open_vault(inputs, context).value == {"a": "one", "b": "value", "c": {"version": 3}}


def test_a_version_may_be_pinned_and_a_namespace_is_asked_for() -> None:
    context = VaultContext({"secret/data/we%20b?version=2": [secret({"a": "b"})]})
    inputs = {"login": {**LOGIN, "namespace": "team-a"}, "read": {"x": {"path": "secret/data/we b?version=2"}}}
    open_vault(inputs, context)
    assert context.sent[0].headers["X-Vault-Namespace"] == "team-a"


def test_dynamic_credentials_have_the_lease_that_ends_first() -> None:
    context = serving(database__creds__web=leased(CREDENTIALS), aws__creds__web=leased({"k": "v"}, 3600))
    opened = open_vault(reading(db="database/creds/web", aws="aws/creds/web"), context)
    assert opened.lease == Lease(NOW, NOW + MINUTE)
    assert not [text for text in SECRETS if text in repr((opened, opened.renewal))]


def test_a_term_without_end_is_cut_at_ten_years() -> None:
    lease = open_vault(reading(x="a/b"), serving(a__b=leased(CREDENTIALS, 10**15))).lease
    assert lease is not None
    assert lease.expires_at - NOW == timedelta(days=3650)


def test_a_token_with_a_line_break_is_told_and_not_sent() -> None:
    inputs = {"login": {**LOGIN, "token": "hvs.minted\n"}, "read": {"x": {"path": "kv/a"}}}
    assert refused(inputs, serving()).message.startswith("`login.token` has a space, a line break or another sign")


# Renewals.

RENEW = "sys/leases/renew"


def renewed(
    granted: HttpAnswer | list[HttpAnswer], again: HttpAnswer, **more: Any
) -> tuple[Opened | None, VaultContext]:
    first = leased(CREDENTIALS, lease="lease-of-db", **more)
    context = serving(database__creds__web=[first, again], sys__leases__renew=granted)
    opened = open_vault(reading(db="database/creds/web"), context)
    context.time = LATER
    return asyncio.run(PROVIDER.renew(reading(db="database/creds/web"), opened, context)), context


NEW = leased({"username": "v-web-2", "password": "db-password-2"}, lease="lease-of-db-2")


def test_a_lease_is_renewed_for_its_term_and_the_values_stay() -> None:
    found, context = renewed(answer({"lease_duration": 60}), NEW)
    assert found is not None
    assert found.value == {"db": CREDENTIALS}
    assert found.lease == Lease(LATER, LATER + MINUTE, made_at=NOW)
    assert context.bodies(RENEW) == [{"lease_id": "lease-of-db", "increment": 60}]


def test_a_lease_is_renewed_again_and_again_and_remembers_when_its_values_were_made() -> None:
    found, context = renewed(answer({"lease_duration": 60}), NEW)
    for step in range(2, 12):
        assert found is not None
        context.time = NOW + step * timedelta(seconds=40)
        found = asyncio.run(PROVIDER.renew(reading(db="database/creds/web"), found, context))
    assert found is not None
    assert found.lease == Lease(context.time, context.time + MINUTE, made_at=NOW)


@pytest.mark.parametrize(
    "granted", [answer({"lease_duration": 30}), refusal(400, "lease not found"), refusal(403, "permission denied")]
)
def test_what_gets_no_whole_term_is_taken_anew(granted: HttpAnswer) -> None:
    found, context = renewed(granted, NEW)
    assert found is not None
    assert found.value["db"]["username"] == "v-web-2"
    assert found.lease == Lease(LATER, LATER + MINUTE)
    assert not context.bodies("sys/leases/revoke"), "pods still hold the old ones"


def test_what_cannot_be_renewed_at_all_is_opened_anew() -> None:
    found, context = renewed(refusal(500), NEW, renewable=False)
    assert found is None
    assert not context.bodies(RENEW)


def test_what_has_no_lease_is_read_again_when_the_others_are_renewed() -> None:
    inputs = reading(db="database/creds/web", kv="kv/web")
    context = serving(
        database__creds__web=leased(CREDENTIALS),
        kv__web=[secret({"a": "old"}), secret({"a": "new"})],
        sys__leases__renew=answer({"lease_duration": 60}),
    )
    opened = open_vault(inputs, context)
    found = asyncio.run(PROVIDER.renew(inputs, opened, context))
    assert found is not None
    assert found.value == {"db": CREDENTIALS, "kv": {"a": "new"}}


@pytest.mark.parametrize("status", [429, 472, 473, 502, 503])
def test_a_vault_that_does_not_serve_fails_the_renewal_and_nothing_is_taken_anew(status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        renewed(refusal(status, "Vault is sealed"), NEW)
    assert caught.value.outage


def test_leases_are_revoked_one_by_one() -> None:
    inputs = reading(db="database/creds/web", kv="kv/web")
    context = serving(database__creds__web=leased(CREDENTIALS, lease="lease-of-db"), kv__web=secret({}))
    opened = open_vault(inputs, context)
    context.answers["sys/leases/revoke"] = [refusal(403, "permission denied")]
    asyncio.run(PROVIDER.revoke(inputs, opened, context))
    assert context.bodies("sys/leases/revoke") == [{"lease_id": "lease-of-db"}]


def test_a_refused_reading_gives_back_the_leases_that_it_took() -> None:
    context = serving(
        database__creds__web=leased(CREDENTIALS, lease="lease-of-db"),
        kv__web=refusal(404),
        sys__leases__revoke=answer(),
    )
    assert refused(reading(db="database/creds/web", kv="kv/web"), context).reason == "VaultPathMissing"
    assert context.bodies("sys/leases/revoke") == [{"lease_id": "lease-of-db"}]


def test_a_refused_renewal_gives_back_only_what_it_took_itself() -> None:
    inputs = reading(db="database/creds/web", kv="kv/web")
    context = serving(
        database__creds__web=leased(CREDENTIALS, lease="lease-of-db"),
        kv__web=[secret({}), refusal(404)],
        sys__leases__renew=answer({"lease_duration": 60}),
    )
    opened = open_vault(inputs, context)
    with pytest.raises(ProviderError):
        asyncio.run(PROVIDER.renew(inputs, opened, context))
    assert not context.bodies("sys/leases/revoke")


# Refusals.

VERSIONED = {"data": None, "warnings": ["Invalid path for a versioned K/V secrets engine. See the API docs"]}
DELETED = {"data": {"data": None, "metadata": {"version": 4, "destroyed": False, "deletion_time": "2026-01-01"}}}


@pytest.mark.parametrize(
    ("path", "found", "reason", "message"),
    [
        (
            "secret/web",
            answer(VERSIONED, 404),
            "VaultKVVersion",
            (
                "x: the engine of secret/web at vault.test:8200 is KV version 2, whose secrets are below data/: write"
                " secret/data/web, if secret is its mount"
            ),
        ),
        (
            "kv/data/web",
            refusal(404),
            "VaultPathMissing",
            (
                "x: there is nothing at kv/data/web at vault.test:8200: correct `read.x.path`, and leave out data/ if"
                " that engine is KV version 1"
            ),
        ),
        (
            "kv/web",
            refusal(404),
            "VaultPathMissing",
            "x: there is nothing at kv/web at vault.test:8200: correct `read.x.path`",
        ),
        (
            "kv/web",
            refusal(404, 'no handler for route "kv/web". route entry not found.'),
            "VaultPathMissing",
            "x: vault.test:8200 has no secrets engine for kv/web: correct `read.x.path`, or mount one",
        ),
        (
            "secret/data/web",
            answer(DELETED, 404),
            "VaultSecretDeleted",
            (
                "x: version 4 of secret/data/web at vault.test:8200 was deleted: write a new version, or pin another"
                " one with ?version=N"
            ),
        ),
        (
            "database/creds/web",
            refusal(500, "failed to connect to 10.0.0.7"),
            "VaultEngineFailed",
            (
                "x: vault.test:8200 failed at database/creds/web (500): what the engine there needs, such as a"
                " database, may not answer; look into Vault's log"
            ),
        ),
    ],
)
def test_each_refusal_says_what_to_do(path: str, found: HttpAnswer, reason: str, message: str) -> None:
    error = refused(reading(x=path), VaultContext({path: [found]}))
    assert (error.reason, error.message, error.outage) == (reason, message, False)


def test_a_denied_permission_says_which_policy_is_missing() -> None:
    denied = refusal(403, "1 error occurred:\n\t* permission denied\n\n")
    context = serving(kv__web=denied, auth__token__lookup_self=answer({"data": {}}))
    error = refused(reading(x="kv/web"), context)
    assert error.reason == "VaultPermissionDenied"
    assert error.message == (
        'x: the policies of the token do not allow kv/web at vault.test:8200: add path "kv/web" {'
        ' capabilities = ["read"] } to one of them; or, if that engine is KV version 2, write data/ after its mount'
    )


def test_a_token_that_vault_does_not_know_is_told_once_and_asks_for_a_new_login() -> None:
    denied = refusal(403, "permission denied")
    context = serving(kv__a=denied, kv__b=denied, auth__token__lookup_self=denied)
    error = refused(reading(x="kv/a", y="kv/b"), context)
    assert (error.reason, error.login_refused) == ("VaultTokenRefused", True)
    assert error.message.startswith("vault.test:8200 does not know the token in `login.token`: it is wrong,")


def test_all_that_is_missing_is_told_at_once_by_name() -> None:
    context = serving(kv__a=refusal(404), kv__b=secret({}), kv__c=secret({"k": "v"}))
    inputs = reading(one="kv/a", two={"path": "kv/b", "field": "port"}, three="kv/c")
    error = refused(inputs, context)
    assert error.message == (
        "one: there is nothing at kv/a at vault.test:8200: correct `read.one.path`; two: kv/b has no field"
        ' "port": correct `read.two.field`, or leave it out and take the part by its name'
    )
    assert [(part.path, part.reason) for part in error.parts] == [
        (("read", "one"), "VaultPathMissing"),
        (("read", "two"), "VaultFieldMissing"),
    ]


@pytest.mark.parametrize("body", ["", "null", "[]", '{"data": "x"}', '{"data": null}', "{", "[" * 100_000])
def test_an_answer_that_is_none_of_vaults_is_told(body: str) -> None:
    error = refused(reading(x="kv/a"), serving(kv__a=answer(body)))
    assert (error.reason, error.outage) == ("MalformedAnswer", True)


# Inputs.


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("v1/secret/data/web", "leave out v1/"),
        ("secret/../sys/raw", "this is not a path: write one such as secret/data/web or database/creds/web"),
        ("secret//web", "this is not a path"),
        ("secret/web?list=true", "only ?version=N may follow a path"),
        ("secret/we\nb", "this is not a path"),
    ],
)
def test_bad_paths_are_told_at_their_place(path: str, part: str) -> None:
    (problem,) = PROVIDER.problems(reading(x=path))
    assert problem.path == ("read", "x", "path")
    assert part in problem.message


def test_a_bad_address_and_too_many_paths_are_told_and_what_is_not_known_is_not() -> None:
    problems = list(PROVIDER.problems({"login": {"address": "vault"}, "read": UNSEEN}))
    assert [problem.path for problem in problems] == [("login", "address")]
    many = reading(**{f"n{number}": "kv/a" for number in range(MOST_PATHS + 1)})
    (problem,) = PROVIDER.problems(many)
    assert problem.message == "one call reads 64 paths at most, and these are 65: split them into several calls"
    assert not list(PROVIDER.problems({"login": UNSEEN, "read": {"x": UNSEEN, "y": {"path": UNSEEN}}}))
