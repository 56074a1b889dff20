"""Hosts that an environment names as a Vault, other teams' roles and secrets in a real one, and tokens for others."""

from __future__ import annotations

import contextlib
import http.server
import threading
from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import applied, settled
from tenants.stage import ATTACKER, NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_vault import LocalVault
    from tenants.stage import Stage

READ = 'path "secret/data/TEAM/*" { capabilities = ["read"] }'
API_SERVER = "https://kubernetes.default.svc"
STS = "sts.amazonaws.com"


def reading(login: dict[str, Any], path: str = "secret/data/red/own") -> dict[str, Any]:
    call = {"login": login, "read": {"x": {"path": path}}}
    return {
        "values": {
            "vault": {"fn::open::vault-secrets": call},
            "environmentVariables": {"READ": "${vault.x.data.password}"},
        }
    }


def logging_in(address: str, role: str, **more: Any) -> dict[str, Any]:
    return {"fn::open::vault-login": {"address": address, "jwt": {"role": role, **more}}}


def given(address: str) -> dict[str, Any]:
    return {"address": address, "token": {"fn::secret": "hvs.given"}}


@contextlib.contextmanager
def allowing(stage: Stage, **lists: str) -> Iterator[None]:
    """The administrator allows the attacker's namespace this in addition to what it may log in with."""
    namespace = Tenant(stage.administrator, stage.aws, ATTACKER, "")
    roles = f"{stage.attacker.role}, {stage.neighbour.role}"
    stage.allow_change(f"Namespace {ATTACKER}")
    namespace.allow(
        roles=f"{roles}, {lists.get('roles', '')}",
        audiences=f"{STS}, {lists.get('audiences', '')}",
        tokens=lists.get("tokens"),
        urls=lists.get("urls"),
    )
    try:
        yield
    finally:
        namespace.allow(roles=roles, audiences=STS, tokens=None, urls=None)


@contextlib.contextmanager
def teams(stage: Stage) -> Iterator[LocalVault]:
    """A Vault in which each of the two has a role, and a secret that only its role may read; the attacker's namespace
    may use any role of it."""
    with stage.vault() as vault:
        for team in (ATTACKER, NEIGHBOUR):
            vault.create_role(team, f"system:serviceaccount:{team}:default", READ.replace("TEAM", team))
            vault.call("POST", f"secret/data/{team}/own", {"data": {"password": f"{team}-in-vault"}})
        stage.canaries.append(f"{NEIGHBOUR}-in-vault")
        with allowing(stage, roles=f"{vault.url}/**", audiences=vault.url, tokens=vault.url, urls=vault.url):
            yield vault


@attempt("read the own secret in a Vault", allowed=True)
def own_secret(stage: Stage) -> Verdict:
    with teams(stage) as vault:
        name = stage.fresh()
        stage.attacker.apply(name, reading(logging_in(vault.url, ATTACKER)))
        stage.attacker.until_ready(name)
        return Verdict(NOBODY, "Ready", good=stage.attacker.values(name) == {"READ": "red-in-vault"})


@attempt("log in at a Vault with the neighbour's role")
def foreign_role(stage: Stage) -> Verdict:
    with teams(stage) as vault:
        return applied(stage.attacker, stage.fresh(), reading(logging_in(vault.url, NEIGHBOUR)))


@attempt("read the neighbour's secret with the own role of a Vault")
def foreign_secret(stage: Stage) -> Verdict:
    with teams(stage) as vault:
        definition = reading(logging_in(vault.url, ATTACKER), "secret/data/blue/own")
        return applied(stage.attacker, stage.fresh(), definition)


@attempt("read the neighbour's secret by a path upwards")
def path_upwards(stage: Stage) -> Verdict:
    with teams(stage) as vault:
        definition = reading(logging_in(vault.url, ATTACKER), "secret/data/red/../blue/own")
        return applied(stage.attacker, stage.fresh(), definition)


@attempt("log in at a Vault with a role that the list has not")
def unlisted_role(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), reading(logging_in("https://vault.example.com", "any")))


@attempt("have the token for AWS sent to a Vault of the own")
def token_for_aws(stage: Stage) -> Verdict:
    with server() as own, allowing(stage, roles=f"{own.url}/**", tokens="**", urls=own.url):
        verdict = applied(stage.attacker, stage.fresh(), reading(logging_in(own.url, "any", audience=STS)))
        return verdict if not own.asked else Verdict(NOBODY, "the token was sent", good=False)


@attempt("ask a service of the cluster in a Vault's name")
def service_of_the_cluster(stage: Stage) -> Verdict:
    with server() as own:
        verdict = applied(stage.attacker, stage.fresh(), reading(given(own.url)))
        return verdict if not own.asked else Verdict(NOBODY, "it was asked", good=False)


@attempt("ask the API server in a Vault's name")
def api_server(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), reading(given(API_SERVER), "api/secrets"))


@attempt("be led elsewhere by a Vault of the own that redirects")
def redirect(stage: Stage) -> Verdict:
    with server() as target, server(target.url) as own, allowing(stage, urls=own.url):
        name = stage.fresh()
        verdict = applied(stage.attacker, name, reading(given(own.url)))
        assert own.asked, "an administrator has allowed it"
        return verdict if not target.asked else Verdict(NOBODY, "it was followed", good=False)


@attempt("have a secret shown by the path of a reading that fails")
def secret_path(stage: Stage) -> Verdict:
    canary = stage.canary()
    path = {"fn::secret": f"secret/data/{canary}"}
    call = {"login": given("https://vault.example.invalid"), "read": {"x": {"path": path}}}
    name = stage.fresh()
    stage.attacker.apply(
        name, {"values": {"vault": {"fn::open::vault-secrets": call}, "environmentVariables": {"A": "${vault.x}"}}}
    )
    ready = settled(stage.attacker, name)
    found = stage.found(canary)
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=not found)


class Server(http.server.ThreadingHTTPServer):
    """Answers as no Vault does, or redirects; `asked` are the paths."""

    def __init__(self, leads_to: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.leads_to = leads_to
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(307 if self.server.leads_to else 200)
        if self.server.leads_to:
            self.send_header("Location", f"{self.server.leads_to}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def server(leads_to: str = "") -> Iterator[Server]:
    with Server(leads_to) as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield started
        started.shutdown()
        thread.join()
