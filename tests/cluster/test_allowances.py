"""Allow-lists of a namespace, which its administrator keeps as annotations: what they refuse costs no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.harness import Tenant, stays, wait_until
from esc_operator.resources.allowances import ALLOWED_AUDIENCES, ALLOWED_ROLES

if TYPE_CHECKING:
    from local_operator import LocalOperator

OTHER = "arn:aws:iam::123456789012:role/other-team"
WHERE = "spec.environment.values.aws.login"


def test_a_role_outside_the_list_is_refused_where_it_stands_and_no_token_is_asked_for(tenant: Tenant) -> None:
    tenant.allow(roles="arn:aws:iam::123456789012:role/other-*")
    tenant.apply("aws", tenant.login())
    message = tenant.until_refused("aws", "RoleNotAllowed")
    assert message.startswith(f'{WHERE}: the role "{tenant.role}" is not allowed in namespace {tenant.namespace}')
    assert ALLOWED_ROLES in message
    assert tenant.secret("aws") is None
    stays(lambda: tenant.mints() == 0, 1)


def test_what_was_refused_is_taken_up_as_soon_as_it_is_allowed(tenant: Tenant) -> None:
    tenant.allow(roles="", audiences="")
    tenant.apply("aws", tenant.login())
    tenant.until_refused("aws", "RoleNotAllowed")
    tenant.allow(roles=f"{OTHER}, {tenant.role}")
    assert ALLOWED_AUDIENCES in tenant.until_refused("aws", "AudienceNotAllowed")
    tenant.allow(audiences="sts.amazonaws.com")
    tenant.until_ready("aws")
    assert tenant.mints() == 1


def test_a_role_that_is_taken_off_the_list_is_reported_at_once_and_what_is_held_is_kept(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    before = tenant.secret("aws")
    tenant.allow(roles=OTHER)
    tenant.until_refused("aws", "RoleNotAllowed", "Refreshed")
    assert tenant.condition("aws")["status"] == "True", "until it expires"
    assert tenant.secret("aws") == before
    tenant.allow(roles=None)
    wait_until(lambda: tenant.condition("aws", "Refreshed")["status"] == "True", "it is allowed again")
    assert tenant.secret("aws") == before
    assert tenant.mints() == 1


def test_a_list_that_allows_what_is_held_changes_nothing(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    before = tenant.environment("aws")
    tenant.allow(roles=f"{tenant.role} {OTHER}", audiences="sts.*")
    stays(lambda: tenant.environment("aws") == before, 1.5)
    assert tenant.mints() == 1


def test_imports_and_interpolation_are_no_way_around(tenant: Tenant) -> None:
    tenant.allow(roles=OTHER)
    tenant.apply("base", tenant.login())
    tenant.apply("importer", {"imports": ["base"], "values": {}})
    message = tenant.until_refused("importer", "RoleNotAllowed")
    assert 'base": ' in message
    account, _, name = tenant.role.rpartition("/")
    hidden = tenant.login(roleArn="${account}/${name}")
    hidden["values"] |= {"account": account, "name": name}
    tenant.apply("hidden", hidden)
    assert f'"{tenant.role}"' in tenant.until_refused("hidden", "RoleNotAllowed")
    assert tenant.mints() == 0


def test_a_secret_role_is_refused_without_being_told(tenant: Tenant) -> None:
    tenant.allow(roles=OTHER)
    tenant.apply("aws", tenant.login(roleArn={"fn::secret": "arn:aws:iam::123456789012:role/very-confidential"}))
    message = tenant.until_refused("aws", "RoleNotAllowed")
    assert "very-confidential" not in message
    tenant.allow(roles=None)
    tenant.until_refused("aws", "RoleTrustRefused")
    assert "very-confidential" not in str(tenant.status("aws")) + str(tenant.events("aws"))


@pytest.mark.parametrize("which", ["issuer", "name"])
def test_nobody_gets_a_token_for_the_api_server(tenant: Tenant, operator: LocalOperator, which: str) -> None:
    audience = tenant.cluster.issuer() if which == "issuer" else "https://kubernetes.default.svc"
    tenant.apply("aws", tenant.login(audience=audience))
    message = tenant.until_refused("aws", "AudienceNotAllowed")
    assert f'the audience "{audience}" is one of the API server\'s own' in message
    tenant.allow(audiences=f"{audience} **")
    stays(lambda: tenant.condition("aws")["reason"] == "AudienceNotAllowed", 1)
