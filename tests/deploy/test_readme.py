"""The README tells of every reason that a condition, a diagnostic or an event can give, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from esc_operator.driver import immediate
from esc_operator.kube import no_answer
from esc_operator.lang import reasons as language
from esc_operator.providers import login_reasons
from esc_operator.providers import reasons as providers
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.databases import reasons as database_reasons
from esc_operator.providers.doppler import reasons as doppler_reasons
from esc_operator.providers.external import reasons as external_reasons
from esc_operator.providers.github import reasons as github_reasons
from esc_operator.providers.google import reasons as gcp_reasons
from esc_operator.providers.infisical import reasons as infisical_reasons
from esc_operator.providers.vault import reasons as vault_reasons
from esc_operator.resources import reasons
from esc_operator.stores import folder, references
from local_cluster import places

if TYPE_CHECKING:
    from types import ModuleType

MODULES = (
    aws_reasons,
    azure_reasons,
    database_reasons,
    doppler_reasons,
    external_reasons,
    folder,
    gcp_reasons,
    github_reasons,
    immediate,
    infisical_reasons,
    language,
    login_reasons,
    no_answer,
    providers,
    reasons,
    references,
    vault_reasons,
)
NO_REASONS = {"ClusterEscEnvironment"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_reason_is_in_the_readme(module: ModuleType) -> None:
    text = (places.REPOSITORY / "README.md").read_text()
    values = [value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)]
    found = {value for value in values if re.fullmatch(r"(?:[A-Z]+[a-z]+)+[A-Z]*", value)} - NO_REASONS
    assert found
    assert [reason for reason in sorted(found) if f"`{reason}`" not in text] == []
