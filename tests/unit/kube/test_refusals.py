"""Who refuses a write, and what a person is advised to do: each row of the table, in the API server's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.kube.refusals import (
    LONGEST_MESSAGE,
    PolicyWords,
    advise_on_field,
    denying_policy,
    find_refusal,
)
from esc_operator.kube.translate import error_from_answer

VALUE = "hunter2"
SECRET = 'secrets "aws" is forbidden: '
POLICY = f"{SECRET}ValidatingAdmissionPolicy 'owners' with binding 'all' denied request: "
DOWN = 'Internal error occurred: failed calling webhook "vet.example.com": failed to call webhook: Post "https://x": '

ROWS = {
    "a webhook": (
        f'admission webhook "vet.example.com" denied the request: {VALUE} is weak',
        'the admission webhook "vet.example.com" denies it',
        "kubectl create secret generic try --dry-run=server",
    ),
    "a webhook without a word": (
        'admission webhook "vet.example.com" denied the request without explanation',
        'the admission webhook "vet.example.com" denies it',
        "ask whoever runs it",
    ),
    "a webhook that is down": (
        f"{DOWN}dial tcp 127.0.0.1:1: connect: connection refused",
        'the admission webhook "vet.example.com" cannot be reached (connection refused)',
        "whoever runs it has to bring it back",
    ),
    "a webhook that is slow": (
        f"{DOWN}context deadline exceeded",
        'the admission webhook "vet.example.com" cannot be reached (no answer in time)',
        "The write is repeated",
    ),
    "a webhook that is slow to be connected to": (
        f"{DOWN}net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
        'the admission webhook "vet.example.com" cannot be reached (no answer in time)',
        "The write is repeated",
    ),
    "a webhook without a host": (
        f"{DOWN}dial tcp: lookup vet.example.com: no such host",
        'the admission webhook "vet.example.com" cannot be reached (its host name is not found)',
        "whoever runs it has to bring it back",
    ),
    "a webhook without endpoints": (
        f'{DOWN}no endpoints available for service "vet"',
        'the admission webhook "vet.example.com" cannot be reached (its Service has no endpoints)',
        "whoever runs it has to bring it back",
    ),
    "a webhook without a Service": (
        f'{DOWN}service "vet" not found',
        'the admission webhook "vet.example.com" cannot be reached (its Service does not exist)',
        "leave these Secrets out of its rules",
    ),
    "a webhook with another certificate": (
        f"{DOWN}tls: failed to verify certificate: x509: certificate signed by unknown authority",
        'the admission webhook "vet.example.com" cannot be reached (its certificate is not accepted)',
        "whoever runs it has to bring it back",
    ),
    "a webhook that answers something else": (
        (
            'Internal error occurred: failed calling webhook "vet.example.com": received invalid webhook response: '
            f"expected {VALUE}"
        ),
        'the admission webhook "vet.example.com" cannot be reached (its answer is none of a webhook)',
        "whoever runs it has to bring it back",
    ),
    "a webhook that fails in its own words": (
        f"{DOWN}an error on the server ({VALUE}) has prevented the request from succeeding",
        'the admission webhook "vet.example.com" cannot be reached (the call fails)',
        "whoever runs it has to bring it back",
    ),
    "a policy": (
        f"{POLICY}{VALUE} is weak",
        'the ValidatingAdmissionPolicy "owners" denies it',
        "Look at its rules",
    ),
    "a policy without its parameters": (
        f"{POLICY}failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
        (
            'the ValidatingAdmissionPolicy "owners" denies it: "failed to configure binding: no params found for '
            'policy binding with `Deny` parameterNotFoundAction"'
        ),
        "ask the administrator of the cluster",
    ),
    "a policy that changes objects": (
        f"{SECRET}admission request denied by policy",
        "a MutatingAdmissionPolicy denies it",
        "Look at its rules",
    ),
    "a quota": (
        f"{SECRET}exceeded quota: ten, requested: secrets=1, used: secrets=10, limited: secrets=10",
        'the ResourceQuota "ten" is used up (secrets: 10 of 10)',
        "delete Secrets that nobody needs from this namespace",
    ),
    "a quota by count": (
        f"{SECRET}exceeded quota: ten, requested: count/secrets=1, used: count/secrets=3, limited: count/secrets=3",
        'the ResourceQuota "ten" is used up (count/secrets: 3 of 3)',
        "a larger quota",
    ),
    "a quota of several": (
        f"{SECRET}exceeded quota: ten, requested: secrets=1,x=1, used: secrets=3,x=3, limited: secrets=3,x=3",
        'the ResourceQuota "ten" is used up',
        "a larger quota",
    ),
    "a quota that is not counted": (
        f"{SECRET}status unknown for quota: ten, resources: secrets",
        'the use of the ResourceQuota "ten" is not known yet',
        "it is counted within seconds",
    ),
    "no quota": (
        f"{SECRET}insufficient quota to consume: count/secrets",
        "the API server takes Secrets only where a ResourceQuota covers them",
        "ask the administrator of the cluster",
    ),
    "a namespace that goes": (
        f"{SECRET}unable to create new content in namespace apps because it is being terminated",
        'the namespace "apps" is being deleted',
        "",
    ),
    "a namespace that is gone": ('namespaces "apps" not found', 'there is no namespace "apps"', ""),
    "a right": (
        f'{SECRET}User "system:serviceaccount:esc-system:esc-operator" cannot patch resource "secrets" in API group',
        "the operator has no right to patch Secrets there",
        "grant it as in deploy/",
    ),
    "other managers": (
        'Apply failed with 2 conflicts: conflicts with "kubectl"',
        "other field managers own 2 of its fields",
        "",
    ),
    "another writer": (
        f'Operation cannot be fulfilled on secrets "aws": {VALUE}',
        "another writer has just changed it",
        "",
    ),
    "its size": (
        "Request entity too large: limit is 3145728",
        "it is too large for the API server",
        "1.5 MiB with the names of its keys, labels and annotations",
    ),
    "its size in etcd": (
        "etcdserver: request is too large",
        "it is too large for the API server",
        "Shorten them, or split the environment",
    ),
    "its size on the way to etcd": (
        "rpc error: code = ResourceExhausted desc = trying to send message larger than max",
        "it is too large for the API server",
        "Shorten them, or split the environment",
    ),
    "a full etcd": (
        "etcdserver: mvcc: database space exceeded",
        "the API server's storage is full",
        "free space in etcd",
    ),
    "an etcd without a leader": ("etcdserver: leader changed", "the API server's storage does not answer", ""),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_refusal_names_who_refuses_and_advises_what_fits(row: str) -> None:
    words, cause, advice = ROWS[row]
    refusal = find_refusal(words)
    assert refusal is not None
    assert refusal.cause == cause
    assert advice in refusal.advice
    assert bool(refusal.advice) is bool(advice)
    assert VALUE not in str(refusal)
    # Only a Secret that cannot be changed is mended by deleting it.
    assert "delete it" not in str(refusal)


@pytest.mark.parametrize(
    ("field", "reason", "advice"),
    [
        ("data", "FieldValueForbidden", "the Secret is immutable: delete it, and it is made again with the new values"),
        ("type", "FieldValueInvalid", "the type of a Secret cannot be changed: delete it, and it is made again"),
        ("data[tls.crt]", "FieldValueRequired", "export it, or change spec.target.type"),
        ("data", "FieldValueTooLong", "Shorten them, or split the environment"),
        ("data[.dockerconfigjson]", "FieldValueInvalid", "correct what is exported under that name"),
        ("metadata.labels", "FieldValueInvalid", "correct spec.target.labels"),
        ("metadata.annotations", "FieldValueTooLong", "correct spec.target.annotations"),
        ("metadata.name", "FieldValueInvalid", "correct spec.target.name"),
        ("spec.replicas", "FieldValueInvalid", ""),
    ],
)
def test_an_invalid_field_is_advised_on_by_what_it_is(field: str, reason: str, advice: str) -> None:
    assert advice in advise_on_field(field, reason)
    assert bool(advise_on_field(field, reason)) is bool(advice)
    body = json.dumps({"message": "invalid", "details": {"causes": [{"field": field, "reason": reason}]}}).encode()
    told = error_from_answer(422, body, {}, "write secrets apps/aws", is_confidential=True).message
    assert told.startswith(
        f"could not write secrets apps/aws: the API server refuses it as invalid ({field}: {reason})"
    )
    assert advice in told


def test_a_policys_message_is_told_where_it_stands_in_the_policy_to_the_letter() -> None:
    words = PolicyWords(("every Secret needs the label owner",))
    refusal = find_refusal(f"{POLICY}every Secret needs the label owner", words)
    assert str(refusal) == (
        'the ValidatingAdmissionPolicy "owners" denies it: "every Secret needs the label owner": change spec.target or '
        "the values so that it holds, or ask the administrator of the cluster"
    )


@pytest.mark.parametrize(
    "said",
    [
        "every Secret needs the label owner hunter2",
        "hunter2 every Secret needs the label owner",
        "Every Secret needs the label owner",
        "every Secret needs the label",
        "",
    ],
)
def test_a_message_that_stands_in_the_policy_only_in_part_is_not_told(said: str) -> None:
    refusal = find_refusal(POLICY + said, PolicyWords(("every Secret needs the label owner",)))
    assert refusal is not None
    assert refusal.cause == 'the ValidatingAdmissionPolicy "owners" denies it'


@given(said=st.text(), messages=st.lists(st.text(max_size=10), max_size=3))
def test_whatever_a_policy_says_nothing_is_told_of_it_that_does_not_stand_in_it(said: str, messages: list[str]) -> None:
    refusal = find_refusal(POLICY + said, PolicyWords(tuple(messages)))
    assert refusal is not None
    silent = find_refusal(f"{POLICY}{VALUE}")
    assert silent is not None
    assert said in messages or refusal.cause == silent.cause


def test_an_expression_that_fails_is_told_and_the_words_of_its_failure_are_not() -> None:
    expression = "object.metadata.labels['owner'] != ''"
    said = f"expression '{expression}' resulted in error: no such key: {VALUE}"
    refusal = find_refusal(POLICY + said, PolicyWords(expressions=(expression,)))
    assert refusal is not None
    assert refusal.cause == f'the ValidatingAdmissionPolicy "owners" cannot be evaluated for it ("{expression}")'


def test_a_long_message_is_shortened_and_one_of_many_lines_is_told_in_one() -> None:
    long, lines = "x" * 5000, "first\n  second"
    words = PolicyWords((long, lines))
    told = str(find_refusal(POLICY + long, words))
    assert "x" * (LONGEST_MESSAGE - 1) + "…" in told
    assert len(told) < LONGEST_MESSAGE + 300
    assert 'denies it: "first second": ' in str(find_refusal(POLICY + lines, words))


def test_a_policy_that_changes_objects_is_named_from_the_details() -> None:
    causes = ["policy 'labels' with binding 'all' denied request: " + VALUE]
    refusal = find_refusal(f"{SECRET}admission request denied by policy", causes=causes)
    assert refusal is not None
    assert refusal.cause == 'the MutatingAdmissionPolicy "labels" denies it'


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (f"{POLICY}x", "owners"),
        ("secrets \"aws\" is forbidden: ValidatingAdmissionPolicy 'owners' denied request: x", "owners"),
        ("admission webhook \"w.io\" denied the request: ValidatingAdmissionPolicy 'owners' denied request: x", ""),
        (f"x {POLICY}", ""),
        (f"{SECRET}ValidatingAdmissionPolicy 'a/../../secrets' with binding 'b' denied request: x", ""),
    ],
)
def test_only_the_api_server_can_name_the_policy_that_is_read(words: str, name: str) -> None:
    assert denying_policy(words) == name


@given(
    value=st.text(st.sampled_from("0123456789"), min_size=10, max_size=20),
    begins=st.sampled_from(
        [
            "",
            'admission webhook "w.io" denied the request: ',
            POLICY,
            DOWN,
            SECRET,
            f"{SECRET}admission request denied by policy",
            "Internal error occurred: ",
            "rpc error: code = Unknown desc = ",
        ]
    ),
)
def test_no_words_behind_the_beginning_are_ever_told(value: str, begins: str) -> None:
    for words in (f"{begins}{value}", f"{begins}{value}: connect: connection refused", f"{begins}x509: {value}"):
        assert value not in str(find_refusal(words, PolicyWords(("m",), ("e",)), [f"policy '{begins}' {value}"]))


def test_a_refusal_that_is_none_of_the_api_servers_is_not_known() -> None:
    body: dict[str, Any] = {}
    assert find_refusal(str(body)) is None
