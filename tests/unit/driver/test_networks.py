"""Which hosts an environment may have the operator ask."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.networks import Fence, parse_networks, parse_origin, parse_stream
from esc_operator.errors import ProviderError

OPEN = Fence()
VAULT = "https://vault.vault.svc:8200"

INSIDE = [
    "0.0.0.0",
    "10.96.0.1",
    "100.64.1.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:0a00:0001::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = ["1.1.1.1", "52.94.0.1", "172.15.0.1", "172.32.0.1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2606:4700::1111"]


def check(fence: Fence, url: str, address: str) -> None:
    origin = parse_origin(url)
    fence.check_origin(origin)
    fence.check_address(origin, ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_not_asked(address: str) -> None:
    with pytest.raises(ProviderError, match=r"https://vault\.example is not allowed") as refused:
        check(OPEN, "https://vault.example/v1", address)
    assert refused.value.reason == "URLNotAllowed"
    assert address not in refused.value.message


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public_is_asked(address: str) -> None:
    check(OPEN, "https://vault.example/v1", address)
    check(OPEN, "https://vault.example:8200/v1", address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_whatever_form_it_comes(address: ipaddress.IPv4Address) -> None:
    def is_let_through(text: str) -> bool:
        try:
            check(OPEN, "https://vault.example", text)
        except ProviderError:
            return False
        return True

    forms = (str(address), f"::ffff:{address}", f"64:ff9b::{address}")
    assert len({is_let_through(form) for form in forms}) == 1
    if is_let_through(str(address)):
        assert not address.is_private or address in ipaddress.ip_network("192.0.0.0/24")
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast
        assert not address.is_reserved


def test_the_refusal_says_what_an_administrator_may_write() -> None:
    with pytest.raises(ProviderError) as refused:
        check(OPEN, f"{VAULT}/v1/secret?x=y", "10.96.0.7")
    assert refused.value.message == (
        "https://vault.vault.svc:8200 is not allowed: it is not at a public address; an administrator may allow it,"
        " by the namespace's annotation esc-operator.dev/allowed-urls or the operator's option --allowed-url, with the"
        " pattern https://vault.vault.svc:8200"
    )


@pytest.mark.parametrize(
    ("pattern", "url", "allowed"),
    [
        (VAULT, f"{VAULT}/v1/x", True),
        (f"{VAULT}/", VAULT, True),
        ("https://vault.vault.svc:443", "https://vault.vault.svc", True),
        ("https://vault.vault.svc", "https://vault.vault.svc:443/", True),
        ("https://*.vault.svc:8200", VAULT, True),
        ("http://vault.vault.svc:8200", "http://vault.vault.svc:8200", True),
        ("https://**", VAULT, True),
        (VAULT, "https://vault.vault.svc:8201", False),
        (VAULT, "https://vault.vault.svc", False),
        (VAULT, "http://vault.vault.svc:8200", False),
        (VAULT, "https://vault.vault.svc.evil.example:8200", False),
        (VAULT, "https://evil.example/https://vault.vault.svc:8200", False),
        ("https://*.vault.svc:8200", "https://evil.example:1/.vault.svc:8200", False),
        ("vault.vault.svc", VAULT, False),
    ],
)
def test_a_pattern_allows_exactly_the_origins_that_it_means(pattern: str, url: str, allowed: bool) -> None:
    fence = OPEN.allowing([pattern])
    if allowed:
        check(fence, url, "10.96.0.7")
    else:
        with pytest.raises(ProviderError):
            check(fence, url, "10.96.0.7")


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"])
def test_no_name_leads_to_the_credentials_of_the_machine_whatever_is_allowed(address: str) -> None:
    fence = OPEN.allowing(["https://**", "http://**"])
    with pytest.raises(ProviderError, match="an address of the machine itself"):
        check(fence, "http://vault.example", address)
    host = f"[{address}]" if ":" in address else address
    check(fence, f"http://{host}", address)


def test_networks_that_an_administrator_calls_private_are() -> None:
    fence = Fence(private=parse_networks(["52.94.0.0/16", "2606:4700::/32"]))
    for address in ("52.94.0.1", "2606:4700::1111", "::ffff:52.94.0.1"):
        with pytest.raises(ProviderError):
            check(fence, "https://vault.example", address)
    check(fence, "https://vault.example", "1.1.1.1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vault.example",
        "//vault.example",
        "ftp://vault.example",
        "file:///etc/passwd",
        "https://",
        "https://user:word@vault.example",
        "https://vault.example@evil.example",
        "https://vault.example:port",
        "https://vault.example:99999",
        "https://[fe80::1%25eth0]",
        "https://vault.example\\@evil.example",
        "https://vault.example/a b",
        "https://vault.example/\r\nHost: evil",
        "https://v\u0430ult.example",
    ],
)
def test_what_is_no_plain_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ProviderError, match=r"write https://HOST or https://HOST:PORT") as refused:
        parse_origin(url)
    assert len(url) < 10 or url not in refused.value.message


@given(st.text(max_size=60))
def test_nothing_but_a_refusal_comes_of_any_text(url: str) -> None:
    for text in (url, f"https://{url}"):
        try:
            origin = parse_origin(text)
        except ProviderError:
            continue
        assert parse_origin(str(origin)) == origin


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgres://db.example.com:5432", ("db.example.com", 5432)),
        ("postgres://DB.Example.com:5432", ("db.example.com", 5432)),
        ("mysql://10.0.0.1:3306", ("10.0.0.1", 3306)),
        ("mysql://[2001:db8::1]:3306", ("2001:db8::1", 3306)),
        ("postgres://my_db:1", ("my_db", 1)),
    ],
)
def test_a_place_that_is_not_http_is_a_host_and_a_port(url: str, place: tuple[str, int]) -> None:
    origin = parse_stream(url)
    assert (origin.host, origin.port) == place
    assert parse_stream(str(origin)) == origin


@pytest.mark.parametrize(
    "url",
    [
        *(
            "postgres://:5432",
            "postgres://db",
            "postgres://db:",
            "postgres://db:0",
            "postgres://db:65536",
            "postgres://db:x",
        ),
        *("postgres:///run/postgresql:5432", "postgres://a,b:5432", "postgres://me@db:5432", "postgres://db/x:5432"),
        *("postgres://db :5432", "postgres://d\u00f6b:5432", "postgres://fe80::1%eth0:5432", "postgres://-db:5432", ""),
    ],
)
def test_what_is_no_host_and_no_port_is_refused(url: str) -> None:
    with pytest.raises(ProviderError, match="write the host's name or its address alone"):
        parse_stream(url)


def test_a_database_is_asked_at_public_addresses_and_elsewhere_if_that_port_is_allowed() -> None:
    public, private = ipaddress.ip_address("1.1.1.1"), ipaddress.ip_address("10.0.0.1")
    origin = parse_stream("postgres://db.data.svc:5432")
    Fence().check_address(origin, public)
    with pytest.raises(ProviderError, match=r"with the pattern postgres://db\.data\.svc:5432"):
        Fence().check_address(origin, private)
    Fence(("postgres://*.data.svc:5432",)).check_address(origin, private)
    for other in (
        "postgres://db.data.svc",
        "postgres://db.data.svc:5433",
        "mysql://db.data.svc:5432",
        "https://db.data.svc",
    ):
        with pytest.raises(ProviderError):
            Fence((other,)).check_address(origin, private)


def test_no_name_of_a_database_leads_to_the_metadata_of_the_machine() -> None:
    metadata = ipaddress.ip_address("169.254.169.254")
    with pytest.raises(ProviderError, match="an address of the machine itself"):
        Fence(("postgres://**",)).check_address(parse_stream("postgres://db.example.com:5432"), metadata)
    with pytest.raises(ProviderError):
        Fence().check_address(parse_stream("postgres://169.254.169.254:5432"), metadata)
