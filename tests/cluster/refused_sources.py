"""Definitions that cannot be used, each as somebody writes it, and the sentence that they read. The page
operator/REFUSED_SOURCES.md has the same; `test_refused_sources` compares."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from cluster.pulumi import Organization, join
from cluster.test_text_definitions import kubectl, manifest
from esc_operator.kube.paths import CONFIG_MAPS
from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.harness import Tenant
    from local_pulumi import LocalPulumi

PAGE = places.REPOSITORY / "operator" / "REFUSED_SOURCES.md"
TEXT = "values: {environmentVariables: {A: 1}, database: {password: {'fn::secret': hunter2}}}"
OPEN = "/api/esc/environments/*/shop/prod/open"


@dataclass(frozen=True)
class Place:
    """Where a case is tried: a namespace, and its organization in Pulumi Cloud with the environment shop/prod."""

    tenant: Tenant
    organization: Organization

    @property
    def cloud(self) -> LocalPulumi:
        return self.organization.cloud

    @property
    def name(self) -> str:
        return self.organization.name

    def spec(self, **more: Any) -> str:
        """A spec that takes shop/prod from Pulumi Cloud, but for what is different."""
        source = {**self.organization.source(), **more}
        named = {key: value for key, value in source.items() if value is not None}
        return f"  environmentFrom: {{pulumi: {_flow(named)}}}\n"


def _flow(content: dict[str, Any]) -> str:
    parts = (f"{key}: {_flow(value) if isinstance(value, dict) else value}" for key, value in content.items())
    return f"{{{', '.join(parts)}}}"


@dataclass(frozen=True)
class Case:
    """`spec` is what somebody applies; `before` happens before that, `after` once the environment is filled, and the
    next refresh is then asked for."""

    title: str
    spec: Callable[[Place], str]
    before: Callable[[Place], object] = lambda _: None
    after: Callable[[Place], object] | None = None
    faults: tuple[dict[str, Any], ...] = field(default=())


def told(case: Case, place: Place) -> tuple[str, str]:
    """The reason and the message that people read; the reason of the API server's own refusals is ""."""
    case.before(place)
    for fault in case.faults:
        place.cloud.add_fault(**{**fault, "path": fault["path"].replace("*", place.name, 1)})
    applied = kubectl(place.tenant, "apply", "--server-side", "-f", "-", text=manifest(case.spec(place)))
    if applied.returncode != 0:
        return "", _plain(applied.stderr, place)
    tenant = place.tenant
    if case.after is not None:
        tenant.until_ready("app")
        case.after(place)
        tenant.annotate("app", annotations={"esc-operator.dev/rotate-requested-at": "now"})
    wait_until(
        lambda: tenant.condition("app", "Refreshed").get("status") == "False",
        f"{case.title} is refused",
        lambda: tenant.status("app"),
    )
    condition = tenant.condition("app", "Refreshed")
    return condition["reason"], _plain(condition["message"], place)


def _plain(message: str, place: Place) -> str:
    """A message without what is another in each run."""
    issuer = place.tenant.cluster.issuer()
    text = " ".join(message.replace(issuer, "https://ISSUER").replace(place.cloud.url, "https://API").split())
    text = text.replace(place.cloud.url.removeprefix("https://"), "API")
    text = re.sub(rf"\b{re.escape(place.name)}\b", "acme", text).replace("|", "\\|")
    text = re.sub(r"request [0-9a-f-]{36}", "request REQUEST", text)
    text = re.sub(r"wait \d+ s", "wait 60 s", text)
    text = re.sub(r"has 1,\d{3},\d{3} bytes", "has 1,049,000 bytes", text)
    return re.sub(r"^The EscEnvironment \"app\" is invalid: ", "", text)


def _inline(text: str) -> Callable[[Place], str]:
    block = "".join(f"    {line}\n" for line in text.splitlines())
    return lambda _: f"  definition: |\n{block}"


def _config_map(place: Place) -> None:
    body = {"metadata": {"name": "definitions"}, "data": {"other.yaml": TEXT}}
    place.tenant.cluster.must("POST", CONFIG_MAPS.path(place.tenant.namespace), body)


def _retract(place: Place) -> None:
    place.organization.put(f"{TEXT} # newer")
    place.cloud.retract(place.name, "shop/prod", 2, 3, "it had a wrong password")


def _tokens(**settings: Any) -> Callable[[Place], object]:
    return lambda place: place.cloud.change(**settings)


def _token(**more: Any) -> Callable[[Place], object]:
    """A Secret with an access token."""

    def write(place: Place) -> None:
        token = place.cloud.create_token(place.name, user="ada", **more)
        place.tenant.write_secret("pulumi", {"token": token})

    return write


KEY = "{name: definitions, key: prod.yaml}"
GIVEN = {"oidc": None, "accessTokenSecretRef": {"name": "pulumi", "key": "token"}}
LONG = "".join(f"    # {number:08} {'x' * 1000}\n" for number in range(1035))

CASES = (
    Case("two sources at once", lambda _: "  environment: {values: {}}\n  definition: 'values: {}'\n"),
    Case("none", lambda _: "  suspend: true\n"),
    Case(
        "two places in environmentFrom",
        lambda place: f"  environmentFrom: {{configMapKeyRef: {KEY}, pulumi: {_flow(place.organization.source())}}}\n",
    ),
    Case("a text that is no YAML", _inline("values: [1, 2\nB: 3")),
    Case("a tab", _inline("values:\n\tA: 1")),
    Case("a text that is too large", lambda _: f"  definition: |\n{LONG}    values: {{}}\n"),
    Case("a ConfigMap that is not there", lambda _: f"  environmentFrom: {{configMapKeyRef: {KEY}}}\n"),
    Case(
        "a ConfigMap without the key", lambda _: f"  environmentFrom: {{configMapKeyRef: {KEY}}}\n", before=_config_map
    ),
    Case("a Secret of another namespace", lambda _: "  environmentFrom: {secretKeyRef: {name: other/x, key: a}}\n"),
    Case("a version in an import", _inline("imports: [shop@stable]\nvalues: {}")),
    Case(
        "an organization that does not trust the issuer",
        lambda place: place.spec(),
        before=lambda place: place.cloud.create_organization(place.name),
    ),
    Case("an organization without such a team", lambda place: place.spec(oidc={"team": "strangers"})),
    Case(
        "an organization that is not there", lambda place: place.spec(organization="nobody", **GIVEN), before=_token()
    ),
    Case("an audience that the namespace does not allow", lambda place: place.spec(organization="nobody")),
    Case("a Secret with a token that is not there", lambda place: place.spec(**GIVEN)),
    Case("a token that has expired", lambda place: place.spec(**GIVEN), before=_token(lifetime=-1.0)),
    Case(
        "a token that is revoked between exchange and open",
        lambda place: place.spec(),
        before=_tokens(revokes_exchanged=True),
    ),
    Case("an environment that is not there", lambda place: place.spec(environment="prd")),
    Case(
        "an environment that was deleted",
        lambda place: place.spec(),
        after=lambda place: place.cloud.delete(place.name, "shop/prod"),
    ),
    Case("a tag that is not there", lambda place: place.spec(version="stabel")),
    Case("a retracted revision", lambda place: place.spec(version=2), before=_retract),
    Case(
        "a mistake in the environment",
        lambda place: place.spec(),
        before=lambda place: place.organization.put("values:\n  environmentVariables:\n    A: ${nothing}"),
    ),
    Case(
        "a session that is gone",
        lambda place: place.spec(),
        faults=({"path": f"{OPEN}/*", "method": "GET", "status": 404, "message": "open session not found"},),
    ),
    Case(
        "a property that the token may not see",
        lambda place: place.spec(),
        before=lambda place: place.cloud.hide(place.name, "shop/prod", "environmentVariables.A"),
    ),
    Case(
        "too many requests",
        lambda place: place.spec(),
        faults=({"path": f"{OPEN}*", "status": 429, "retry_after": "60"},),
    ),
    Case("a service that fails", lambda place: place.spec(), faults=({"path": f"{OPEN}*", "status": 503},)),
    Case(
        "an answer that is HTML",
        lambda place: place.spec(),
        faults=({"path": f"{OPEN}*", "body": "<html>a login page</html>"},),
    ),
    Case("an answer that is cut off", lambda place: place.spec(), faults=({"path": f"{OPEN}/*", "cut_off": True},)),
    Case("an answer of 50 MB", lambda place: place.spec(), faults=({"path": f"{OPEN}/*", "size": 50_000_000},)),
    Case(
        "an answer slower than the timeout", lambda place: place.spec(), faults=({"path": f"{OPEN}*", "delay": 40.0},)
    ),
    Case(
        "a redirect to another host",
        lambda place: place.spec(),
        faults=({"path": f"{OPEN}*", "status": 302, "location": "https://elsewhere.example/"},),
    ),
    Case("an apiUrl in the cluster's network", lambda place: place.spec(apiUrl="https://10.96.0.1")),
    Case("an apiUrl that is no API's", lambda place: place.spec(apiUrl="https://app.pulumi.com/acme")),
)


def prepare(tenant: Tenant, cloud: LocalPulumi, folder: Path) -> Place:
    organization = join(tenant, cloud, str(tenant.cluster.write_authority(folder)))
    organization.put(TEXT)
    return Place(tenant, organization)


def row(case: Case, reason: str, message: str) -> str:
    return f"| {case.title} | {f'`{reason}`' if reason else 'refused by the API server'} | {message} |"
