"""Kubeconfigs, as both transports use them: what one does differently from the other is a bug."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from esc_operator.errors import ConfigurationError, EscError, KubeError
from esc_operator.kube.api import KubeApi
from esc_operator.kube.connect import LOG, read_connection
from esc_operator.kube.exec_plugin import NO_TERMINAL, Terminal
from esc_operator.kube.kubeconfig import read_contexts, read_kubeconfig
from esc_operator.kube.paths import NAMESPACES
from esc_operator.kube.session import open_session
from local_cluster import certificates
from unit.kube.strangers import strangers

from .servers import ApiServer, Proxy, Seen, SocksProxy, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

V1 = "client.authentication.k8s.io/v1"
SERVER_NAME = "kube.example"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority = certificates.Authority.create(folder)
    authority.issue_client(certificates.ADMIN)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(SERVER_NAME)]
    authority.issue_server("apiserver", "kube-apiserver", names)
    return folder


class World(NamedTuple):
    """A machine with kubeconfigs in `folder`, an API server, and a proxy that leads to it."""

    folder: Path
    pki: Path
    api: ApiServer
    proxy: Proxy

    @property
    def cluster(self) -> dict[str, Any]:
        return {"server": f"https://127.0.0.1:{self.api.port}", "certificate-authority": str(self.pki / "ca.crt")}

    def pem(self, name: str) -> str:
        return (self.pki / name).read_text()

    def write(self, user: Any, cluster: Mapping[str, Any] | None = None, name: str = "config") -> str:
        path = self.folder / name
        path.write_text(json.dumps(kubeconfig(user, {**self.cluster, **(cluster or {})})))
        return str(path)

    def program(self, answer: Mapping[str, Any], name: str = "log-in", more: str = "") -> dict[str, Any]:
        """An exec plug-in in a file beside the kubeconfig, by its relative path."""
        path = self.folder / name
        body = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": answer})
        path.write_text(f"#!{sys.executable}\nimport json, os, sys\nanswer = json.loads({body!r})\n{more}\n")
        with path.open("a") as file:
            file.write("print(json.dumps(answer))\n")
        path.chmod(0o755)
        return {"exec": {"apiVersion": V1, "command": f"./{name}", "interactiveMode": "Never"}}


def kubeconfig(user: Any, cluster: Any) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }


@pytest.fixture
def world(tmp_path: Path, pki: Path) -> Iterator[World]:
    api = ApiServer(pki)
    proxy = Proxy(api.port)
    with serving(api), serving(proxy):
        yield World(tmp_path, pki, api, proxy)


def ask_asynchronously(
    files: str | None, context: str | None, settings: Mapping[str, str], terminal: Terminal = NO_TERMINAL
) -> None:
    async def ask() -> None:
        api = KubeApi(await read_connection(files, context, settings, terminal))
        try:
            await api.list_page(NAMESPACES, None, dict)
        finally:
            await api.close()
            await asyncio.sleep(0.05)  # TLS connections end some turns of the loop later

    asyncio.run(ask())


def ask_synchronously(
    files: str | None, context: str | None, settings: Mapping[str, str], terminal: Terminal = NO_TERMINAL
) -> None:
    open_session(context or "", settings, terminal, files).list_namespaces()


TRANSPORTS = {"asynchronous": ask_asynchronously, "synchronous": ask_synchronously}


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest) -> Callable[..., None]:
    return TRANSPORTS[request.param]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def by_certificate(world: World, *, inline: bool) -> dict[str, str]:
    names = {"client-certificate": "admin.crt", "client-key": "admin.key"}
    if inline:
        return {f"{field}-data": encoded(world.pem(name)) for field, name in names.items()}
    for name in names.values():
        (world.folder / name).write_text(world.pem(name))
    return names


def with_token_file(world: World) -> dict[str, str]:
    (world.folder / "token").write_text("of the file\n")
    return {"tokenFile": "token", "token": "inline"}


def id_token() -> str:
    part = base64.urlsafe_b64encode(json.dumps({"exp": 4102444800}).encode()).decode().rstrip("=")
    return f"{part}.{part}.{part}"


ADMIN = "kubernetes-admin"

USERS: dict[str, tuple[Callable[[World], dict[str, Any]], Seen]] = {
    "nobody": (lambda _: {}, Seen()),
    "a token": (lambda _: {"token": "t"}, Seen("Bearer t")),
    "a token file beside the kubeconfig, before a token": (with_token_file, Seen("Bearer of the file")),
    "a certificate, inline": (lambda world: by_certificate(world, inline=True), Seen(client=ADMIN)),
    "a certificate in files beside the kubeconfig": (lambda w: by_certificate(w, inline=False), Seen(client=ADMIN)),
    "a certificate and a token": (
        lambda world: {**by_certificate(world, inline=True), "token": "t"},
        Seen("Bearer t", ADMIN),
    ),
    "a password": (lambda _: {"username": "me", "password": "p"}, Seen(f"Basic {encoded('me:p')}")),
    "a program that gives a token": (lambda world: world.program({"token": "made"}), Seen("Bearer made")),
    "a program that gives a certificate": (
        lambda world: world.program(
            {"clientCertificateData": world.pem("admin.crt"), "clientKeyData": world.pem("admin.key")}
        ),
        Seen(client=ADMIN),
    ),
    "a token, before a program": (lambda w: {"token": "t", **w.program({"token": "made"})}, Seen("Bearer t")),
    "an auth-provider": (
        lambda _: {"auth-provider": {"name": "oidc", "config": {"id-token": id_token()}}},
        Seen(f"Bearer {id_token()}"),
    ),
}


@pytest.mark.parametrize("who", USERS)
def test_a_cluster_is_asked_as_the_user_that_the_kubeconfig_names(
    world: World, ask: Callable[..., None], who: str
) -> None:
    make, expected = USERS[who]
    ask(world.write(make(world)), None, os.environ)
    assert world.api.seen == [expected]


CLUSTERS: dict[str, tuple[dict[str, Any], str]] = {
    "an authority beside the kubeconfig": ({"certificate-authority": "ca.crt"}, ""),
    "no look at the certificate": ({"certificate-authority": None, "insecure-skip-tls-verify": True}, ""),
    "another name for TLS": ({"tls-server-name": SERVER_NAME}, SERVER_NAME),
}


@pytest.mark.parametrize("how", CLUSTERS)
def test_a_server_is_known_by_what_the_kubeconfig_says(world: World, ask: Callable[..., None], how: str) -> None:
    cluster, name = CLUSTERS[how]
    (world.folder / "ca.crt").write_text(world.pem("ca.crt"))
    ask(world.write({"token": "t"}, cluster), "here", os.environ)
    assert world.api.seen == [Seen("Bearer t", server_name=name)]


@pytest.mark.parametrize(
    ("cluster", "word"),
    [({"certificate-authority": None}, "UnknownAuthority"), ({"tls-server-name": "other.example"}, "WrongServerName")],
    ids=["authority", "name"],
)
def test_a_server_that_is_not_known_is_asked_nothing(
    world: World, ask: Callable[..., None], cluster: Any, word: str
) -> None:
    with pytest.raises(KubeError, match=rf"could not list namespaces: the API server at .* is not trusted.*\({word}\)"):
        ask(world.write({"token": "t"}, cluster), None, os.environ)
    assert world.api.seen == []


def test_a_cluster_is_asked_through_its_own_proxy(world: World, ask: Callable[..., None]) -> None:
    proxy = f"http://me:secret@127.0.0.1:{world.proxy.port}"
    ask(world.write({"token": "t"}, {"proxy-url": proxy}), None, {})
    assert world.api.seen == [Seen("Bearer t")]
    assert world.proxy.asked == [(f"127.0.0.1:{world.api.port}", f"Basic {encoded('me:secret')}")]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", ["", "me:s%40cret@"])
@pytest.mark.parametrize("name", ["", SERVER_NAME])
def test_a_cluster_is_asked_through_a_socks_proxy_which_looks_the_host_up(
    world: World, ask: Callable[..., None], scheme: str, login: str, name: str
) -> None:
    proxy = SocksProxy(world.api.port)
    host = "elsewhere.example" if name else SERVER_NAME
    cluster = {
        "server": f"https://{host}:6443",
        "proxy-url": f"{scheme}://{login}127.0.0.1:{proxy.port}",
        **({"tls-server-name": name} if name else {}),
    }
    with serving(proxy):
        ask(world.write({"token": "t"}, cluster), None, {"NO_PROXY": "*"})
    assert world.api.seen == [Seen("Bearer t", server_name=SERVER_NAME)]
    assert proxy.asked == [(f"{host}:6443", "me:s@cret" if login else "")]


def test_plain_http_goes_through_a_socks_proxy_too(world: World, ask: Callable[..., None]) -> None:
    with strangers(world.folder) as there:
        proxy = SocksProxy(there.http())
        with serving(proxy):
            cluster = {"server": "http://elsewhere.example", "proxy-url": f"socks5://127.0.0.1:{proxy.port}"}
            ask(world.write({"token": "t"}, cluster), None, {})
    assert proxy.asked == [("elsewhere.example:80", "")]


def test_the_terminals_proxy_may_be_one_of_socks(world: World, ask: Callable[..., None]) -> None:
    proxy = SocksProxy(world.api.port)
    settings = {"https_proxy": f"socks5://127.0.0.1:{proxy.port}"}
    with serving(proxy):
        ask(world.write({"token": "t"}, {"server": f"https://{SERVER_NAME}:6443"}), None, settings)
    assert proxy.asked == [(f"{SERVER_NAME}:6443", "")]


def test_through_a_proxy_the_certificate_is_for_the_name_that_the_kubeconfig_says(
    world: World, ask: Callable[..., None]
) -> None:
    cluster = {
        "server": "https://elsewhere.example:6443",
        "proxy-url": f"http://127.0.0.1:{world.proxy.port}",
        "tls-server-name": SERVER_NAME,
    }
    ask(world.write({"token": "t"}, cluster), None, {})
    assert world.api.seen == [Seen("Bearer t", server_name=SERVER_NAME)]
    assert [target for target, _ in world.proxy.asked] == ["elsewhere.example:6443"]


def test_a_cluster_elsewhere_is_asked_through_the_terminals_proxy(world: World, ask: Callable[..., None]) -> None:
    server = f"https://{SERVER_NAME}:{world.api.port}"
    settings = {"HTTPS_PROXY": f"http://127.0.0.1:{world.proxy.port}"}
    ask(world.write({"token": "t"}, {"server": server}), None, settings)
    assert world.api.seen == [Seen("Bearer t", server_name=SERVER_NAME)]
    assert [target for target, _ in world.proxy.asked] == [f"{SERVER_NAME}:{world.api.port}"]


@pytest.mark.parametrize(
    ("server", "spared", "is_asked_through_it"),
    [
        ("https://kube.example", "", True),
        ("https://10.0.0.1:6443", "", True),
        ("https://10.0.0.1:6443", "10.0.0.0/8", False),
        ("https://kube.example", ".example", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://localhost:6443", "", False),
        ("https://[::1]:6443", "", False),
    ],
)
def test_the_terminals_proxy_is_for_others_than_this_machine_and_those_it_spares(
    world: World, server: str, spared: str, *, is_asked_through_it: bool
) -> None:
    settings = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": spared}
    config = read_kubeconfig(world.write({}, {"server": server}), None, settings)
    assert config.proxy == ("http://proxy:3128" if is_asked_through_it else None)


def test_several_files_are_one_and_what_is_not_there_is_passed_over(world: World, ask: Callable[..., None]) -> None:
    whole = kubeconfig({"token": "first"}, {**world.cluster, "certificate-authority": "ca.crt"})
    (world.folder / "clusters").mkdir()
    (world.folder / "clusters" / "ca.crt").write_text(world.pem("ca.crt"))
    paths = [world.folder / name for name in ("missing", "contexts", "clusters/config", "users", "late")]
    late = kubeconfig({"token": "late"}, {"server": "https://late"})
    parts: list[Any] = [
        {"contexts": whole["contexts"]},
        {"current-context": "here", "clusters": whole["clusters"]},
        {"users": whole["users"]},
        {**late, "current-context": "late"},
    ]
    for path, part in zip(paths[1:], parts, strict=True):
        path.write_text(json.dumps(part))
    settings = {"KUBECONFIG": os.pathsep.join(map(str, paths))}
    ask(None, "here", settings)
    assert world.api.seen == [Seen("Bearer first")]
    assert read_contexts(settings) == ({"here": "default"}, "here")


def test_what_a_program_makes_anew_is_used_where_the_old_is_refused(world: World, ask: Callable[..., None]) -> None:
    counting = (
        f'os.chdir({str(world.folder)!r})\nwith open("count", "a") as file: file.write("x")\n'
        'answer["status"]["token"] += str(os.path.getsize("count"))'
    )
    world.api.good = "made2"
    ask(world.write(world.program({"token": "made"}, more=counting)), None, os.environ)
    assert [seen.authorization for seen in world.api.seen] == ["Bearer made1", "Bearer made2"]


def test_what_is_refused_and_cannot_be_had_anew_is_reported(world: World, ask: Callable[..., None]) -> None:
    world.api.good = "other"
    with pytest.raises(KubeError, match="could not list namespaces: Unauthorized"):
        ask(world.write({"token": "t"}), None, os.environ)
    assert len(world.api.seen) == 1


@pytest.mark.parametrize(
    "words",
    [
        "import sys; sys.exit('your session has expired: run `cloud login`')",
        "import sys; sys.stderr.write('your session has expired: run `cloud login`\\n'); print('no JSON')",
    ],
    ids=["a status", "no answer"],
)
def test_a_program_that_fails_has_its_say_and_nothing_is_asked_as_nobody(
    world: World, ask: Callable[..., None], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ask(world.write(running(world, words)), None, os.environ, LOG)
    assert capfd.readouterr().err == "your session has expired: run `cloud login`\n"
    assert "failed with status 1: its own words are above" in refusal.value.message or "no ExecCredential" in str(
        refusal.value
    )
    assert world.api.seen == []


def test_a_program_that_fails_when_credentials_are_refused_asks_nothing_as_nobody(
    world: World, ask: Callable[..., None]
) -> None:
    once = f'os.chdir({str(world.folder)!r})\nif os.path.exists("ran"): sys.exit("no more")\nopen("ran", "w").close()\n'
    world.api.good = "other"
    with pytest.raises(EscError, match=r"Unauthorized|failed with status 1"):
        ask(world.write(world.program({"token": "made"}, more=once)), None, os.environ)
    assert [seen.authorization for seen in world.api.seen] == ["Bearer made"]


@pytest.mark.filterwarnings("error")
def test_an_insecure_cluster_is_asked_without_a_warning(
    world: World, ask: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    insecure = {"insecure-skip-tls-verify": True, "certificate-authority": None}
    ask(world.write({"token": "t"}, insecure), None, os.environ)
    assert len(world.api.seen) == 1
    assert capfd.readouterr() == ("", "")


def test_a_program_is_told_of_the_cluster_only_where_it_is_to_know(world: World, ask: Callable[..., None]) -> None:
    telling = (
        'told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])\n'
        'answer["status"]["token"] = "-".join([os.environ["WHO"], sys.argv[1], str(told["spec"]["interactive"]), '
        'str("cluster" in told["spec"]), told["spec"].get("cluster", {}).get("config", "")])'
    )
    user = world.program({}, more=telling)
    user["exec"] |= {"args": ["arg"], "env": [{"name": "WHO", "value": "me"}]}
    extension = {"name": "client.authentication.k8s.io/exec", "extension": "extended"}
    ask(world.write(user, {"extensions": [extension]}), None, os.environ)
    user["exec"]["provideClusterInfo"] = True
    ask(world.write(user, {"extensions": [extension]}), None, os.environ)
    assert [seen.authorization for seen in world.api.seen] == [
        "Bearer me-arg-False-False-",
        "Bearer me-arg-False-True-extended",
    ]


def running(world: World, words: str, **more: Any) -> dict[str, Any]:
    program = {"apiVersion": V1, "command": sys.executable, "args": ["-c", words], **more}
    return {"exec": program}


def encrypted(key: str) -> str:
    private = serialization.load_pem_private_key(key.encode(), None)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(pem, form, serialization.BestAvailableEncryption(HIDDEN.encode())).decode()


def printing(answer: Any) -> str:
    return f"print({json.dumps(answer)!r})"


HIDDEN = "hunter2"
ME = 'the kubeconfig\'s user "me"'
PROGRAM = f'the program "{sys.executable}" of {ME}'

REFUSED: dict[str, tuple[Callable[[World], dict[str, Any]], dict[str, Any], str]] = {
    "no file for a token": (
        lambda _: {"tokenFile": "nowhere"},
        {},
        "could not read the tokenFile of {me}: {folder}/nowhere: No such file or directory",
    ),
    "a number for a token": (lambda _: {"token": 5}, {}, "{me} has a token that is not a text"),
    "an authority that is not base64": (
        lambda _: {},
        {"certificate-authority-data": HIDDEN + "!"},
        'the kubeconfig\'s cluster "here" has a certificate-authority-data that is not base64 of a text',
    ),
    "an authority that is none": (
        lambda _: {},
        {"certificate-authority-data": encoded(HIDDEN)},
        "the certificate authority is not a certificate in PEM",
    ),
    "a key that is none": (
        lambda w: {**by_certificate(w, inline=True), "client-key-data": encoded(HIDDEN)},
        {},
        "the client certificate or its key cannot be read, or one does not belong to the other",
    ),
    "a key with a password": (
        lambda w: {**by_certificate(w, inline=True), "client-key-data": encoded(encrypted(w.pem("admin.key")))},
        {},
        "the client certificate or its key cannot be read, or one does not belong to the other",
    ),
    "a certificate without its key": (
        lambda w: {"client-certificate-data": encoded(w.pem("admin.crt"))},
        {},
        "{me} has a client certificate without its key, or a key without its certificate",
    ),
    "no server": (
        lambda _: {},
        {"server": None},
        'the kubeconfig\'s cluster "here" has no server: add a URL with https://',
    ),
    "a port that is none": (
        lambda _: {},
        {"server": "https://127.0.0.1:99999"},
        'the kubeconfig\'s cluster "here" has a server that is not a URL, such as https://HOST:PORT',
    ),
    "a word for a flag": (
        lambda _: {},
        {"insecure-skip-tls-verify": "false"},
        'the kubeconfig\'s cluster "here" has a insecure-skip-tls-verify that is neither true nor false',
    ),
    "a proxy of another kind": (
        lambda _: {},
        {"proxy-url": f"socks4://me:{HIDDEN}@proxy"},
        'the kubeconfig\'s cluster "here" has a proxy-url other than http://, https:// or socks5://: use such a proxy',
    ),
    "a proxy without a host": (
        lambda _: {},
        {"proxy-url": f"http://me:{HIDDEN}@"},
        'the kubeconfig\'s cluster "here" has a proxy-url other than http://, https:// or socks5://: use such a proxy',
    ),
    "an authority that would be ignored": (
        lambda _: {},
        {"insecure-skip-tls-verify": True},
        (
            'the kubeconfig\'s cluster "here" has a certificate-authority, and insecure-skip-tls-verify, which ignores '
            "it: leave one out"
        ),
    ),
    "somebody else": (
        lambda _: {"token": HIDDEN, "as": "admin"},
        {},
        "{me} impersonates another user (as), which is not supported: use a user of its own",
    ),
    "a program that is not there": (
        lambda w: running(w, "", command="./nothing", installHint="Get it at https://example.com."),
        {},
        ('the program "./nothing" of {me} cannot be run: No such file or directory. Get it at https://example.com.'),
    ),
    "a program that fails": (
        lambda w: running(w, f"import sys; sys.exit('{HIDDEN}')"),
        {},
        f"{PROGRAM} failed with status 1: run it by hand to see why",
    ),
    "a program that says something else": (
        lambda w: running(w, f"print('{HIDDEN}')"),
        {},
        f"{PROGRAM} printed no ExecCredential of {V1}",
    ),
    "a program that speaks another version": (
        lambda w: running(w, printing({"kind": "ExecCredential", "apiVersion": f"{V1}beta1", "status": {}})),
        {},
        f"{PROGRAM} printed no ExecCredential of {V1}",
    ),
    "a program that gives nothing": (
        lambda w: running(w, printing({"kind": "ExecCredential", "apiVersion": V1})),
        {},
        f"{PROGRAM} gave neither a token nor a certificate",
    ),
    "a program that gives half a pair": (
        lambda w: running(
            w, printing({"kind": "ExecCredential", "apiVersion": V1, "status": {"clientKeyData": HIDDEN}})
        ),
        {},
        f"{PROGRAM} gave a certificate without its key, or a key without its certificate",
    ),
    "a program of an old version": (
        lambda w: running(w, "", apiVersion=f"{V1}alpha1"),
        {},
        (f'the program of {ME} speaks "{V1}alpha1", which is not supported: {V1} and {V1}beta1 are'),
    ),
    "a program that needs a terminal": (
        lambda w: running(w, "", interactiveMode="Always"),
        {},
        "the program of {me} needs a terminal (interactiveMode: Always): run it at one",
    ),
    "a program without a command": (
        lambda _: {"exec": {"apiVersion": V1}},
        {},
        ("{me} has an exec that cannot be read: command and apiVersion are needed, all args and env as text"),
    ),
    "an auth-provider that nobody speaks": (
        lambda _: {"auth-provider": {"name": "azure"}},
        {},
        ('{me} logs in by the auth-provider "azure", which is not supported: use an exec plug-in instead'),
    ),
    "an auth-provider without a token": (
        lambda _: {"auth-provider": {"name": "oidc", "config": {"refresh-token": HIDDEN}}},
        {},
        (
            '{me} logs in by the auth-provider "oidc", which gave no token: log in with kubectl '
            "again, or use an exec plug-in instead"
        ),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_used_is_reported_the_same_by_both_and_shows_nothing(
    world: World, ask: Callable[..., None], what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make, cluster, expected = REFUSED[what]
    with pytest.raises(ConfigurationError) as refusal:
        ask(world.write(make(world), cluster), None, os.environ)
    told = refusal.value.message
    assert expected.format(folder=world.folder, me=ME) in told
    assert told.startswith(("no cluster to work on: ", "cannot use the current context of the kubeconfig: "))
    assert HIDDEN not in told + "".join(capfd.readouterr())
    assert world.api.seen == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hunter2: [", "the kubeconfig {file} is not YAML"),
        ("contexts: 5", "the kubeconfig {file} is invalid: its contexts are not a list"),
        ("hunter2", "the kubeconfig has no current context: name one"),
        ("current-context: here", 'the kubeconfig has no context "here"; it has none at all'),
        (
            "contexts: [{name: here, context: {cluster: there}}]\ncurrent-context: here",
            'the kubeconfig has no cluster "there"; it has none at all',
        ),
        (
            "contexts: [{name: here, context: {}}]\ncurrent-context: here",
            'the kubeconfig\'s context "here" has no cluster',
        ),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told_without_its_words(
    world: World, ask: Callable[..., None], text: str, told: str
) -> None:
    file = world.folder / "config"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        ask(str(file), None, {})
    assert told.format(file=file) in refusal.value.message
    assert "hunter2" not in refusal.value.message


def test_a_file_that_is_named_has_to_be_there(world: World, ask: Callable[..., None]) -> None:
    with pytest.raises(ConfigurationError, match=r"could not read the kubeconfig: .*missing: No such file"):
        ask(str(world.folder / "missing"), None, {})
    with pytest.raises(ConfigurationError, match="there is no kubeconfig: KUBECONFIG names no file that exists"):
        ask(None, "here", {"KUBECONFIG": str(world.folder / "missing")})


def test_a_file_of_kubeconfig_that_may_not_be_read_is_reported(world: World, ask: Callable[..., None]) -> None:
    whole = world.write({"token": "t"})
    folder = world.folder / "folder"
    folder.mkdir()
    settings = {"KUBECONFIG": os.pathsep.join([f"{whole}/below", str(folder), whole])}
    with pytest.raises(ConfigurationError, match=r"could not read the kubeconfig: .*folder: Is a directory"):
        ask(None, "here", settings)


def test_nothing_of_what_was_read_shows(world: World) -> None:
    config = read_kubeconfig(world.write({"token": HIDDEN}), None, {})
    assert HIDDEN not in repr(config) + repr(config.credentials)
