"""Secrets of Doppler and Infisical with tokens of a real API server, from stand-ins that verify them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from cluster.harness import Tenant, wait_until
from local_cluster import places
from local_vendors import Trusted

if TYPE_CHECKING:
    from local_operator import LocalOperator
    from local_vendors import LocalDoppler, LocalInfisical

IDENTITIES = {"doppler": "01234567-89ab-cdef-0123-456789abcdef", "infisical": "7f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"}
PROJECT = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"


def trusted(tenant: Tenant, audience: str) -> Trusted:
    return Trusted(tenant.cluster.issuer(), f"system:serviceaccount:{tenant.namespace}:default", audience)


def example(name: str, **instead: str) -> dict[str, Any]:
    """The definition of an example, with what is here in place of what it names."""
    text = (places.REPOSITORY / "deploy" / "examples" / f"{name}.yaml").read_text()
    for old, new in instead.items():
        assert old in text
        text = text.replace(old, new)
    definition: dict[str, Any] = yaml.safe_load(text)["spec"]["environment"]
    return definition


def test_the_example_of_doppler_works_and_says_what_is_missing(
    tenant: Tenant, doppler: LocalDoppler, operator: LocalOperator
) -> None:
    tenant.allow(urls=doppler.url)
    doppler.create_identity(IDENTITIES["doppler"], trusted(tenant, "elsewhere"))
    doppler.put("web", "prd", API_KEY="key-of-doppler")
    tenant.apply("doppler", example("doppler"))
    message = tenant.until_refused("doppler", "AudienceRefused")
    assert "does not accept the audience https://api.doppler.com" in message
    doppler.create_identity(IDENTITIES["doppler"], trusted(tenant, "https://api.doppler.com"))
    tenant.annotate("doppler", annotations={"esc-operator.dev/rotate-requested-at": "1"})
    message = tenant.until_refused("doppler", "DopplerSecretMissing")
    assert "has no secret DATABASE_URL: correct `get.database.name`, or add it there" in message
    doppler.put("web", "prd", DATABASE_URL="postgres://web")
    tenant.annotate("doppler", annotations={"esc-operator.dev/rotate-requested-at": "2"})
    status = tenant.until_ready("doppler")
    assert tenant.values("doppler") == {"API_KEY": "key-of-doppler", "DATABASE_URL": "postgres://web"}
    assert {"provider": "doppler-login", "role": IDENTITIES["doppler"]} in status["logins"]
    assert "expiresAt" in status
    log = operator.log.read_text()
    assert not [secret for secret in (*doppler.granted_secrets(), "key-of-doppler") if secret in log]


def test_the_example_of_infisical_works_where_its_address_is_allowed(
    tenant: Tenant, infisical: LocalInfisical, operator: LocalOperator
) -> None:
    infisical.create_identity(IDENTITIES["infisical"], trusted(tenant, infisical.url))
    infisical.put(PROJECT, "prod", "/web", API_KEY="key-of-infisical")
    definition = example("infisical", **{"https://infisical.infisical.svc:8443": infisical.url})
    tenant.apply("infisical", definition)
    tenant.until_refused("infisical", "URLNotAllowed")
    assert not infisical.grants()
    tenant.allow(urls=infisical.url)
    status = tenant.until_ready("infisical")
    assert tenant.values("infisical") == {"API_KEY": "key-of-infisical"}
    role = f"{infisical.url}/identities/{IDENTITIES['infisical']}"
    assert {"provider": "infisical-login", "role": role} in status["logins"]
    assert [(one["name"], one["version"]) for one in status["secretVersions"]] == [("API_KEY", "1")]
    assert "key-of-infisical" not in json.dumps(tenant.environment("infisical"))
    log = operator.log.read_text()
    assert not [secret for secret in (*infisical.granted_secrets(), "key-of-infisical") if secret in log]


def test_a_token_of_infisical_is_renewed_ahead_of_its_end(tenant: Tenant, infisical: LocalInfisical) -> None:
    tenant.allow(urls=infisical.url)
    usual, infisical.lifetime = infisical.lifetime, 12
    try:
        infisical.create_identity(tenant.namespace, trusted(tenant, infisical.url))
        login = {"siteUrl": infisical.url, "oidc": {"identityId": tenant.namespace}}
        values = {
            "login": {"fn::open::infisical-login": login},
            "environmentVariables": {"INFISICAL_TOKEN": "${login.accessToken}"},
        }
        tenant.apply("token", {"values": values})
        tenant.until_ready("token")
        first = tenant.values("token")["INFISICAL_TOKEN"]
        wait_until(lambda: tenant.values("token")["INFISICAL_TOKEN"] != first, "another token")
    finally:
        infisical.lifetime = usual
