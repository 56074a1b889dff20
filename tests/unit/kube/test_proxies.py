"""HTTPS_PROXY and NO_PROXY, as Go's httpproxy reads them: the table is what it answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.kube.proxies import proxy_of

PROXY = "http://proxy:3128"
KUBE, A_KUBE, PLAIN = "https://kube.example", "https://a.kube.example:6443", "http://kube.example"
EXAMPLE, NOT_EXAMPLE = "https://example", "https://notexample"
IP, OTHER_IP, IP6 = "https://10.0.0.1:6443", "https://10.1.2.3", "https://[fd00::1]:6443"
SERVERS = [KUBE, A_KUBE, EXAMPLE, NOT_EXAMPLE, PLAIN, IP, OTHER_IP, IP6]


@pytest.mark.parametrize(
    ("entries", "spared"),
    [
        (".example", [KUBE, A_KUBE, PLAIN]),
        ("example", [KUBE, A_KUBE, EXAMPLE, PLAIN]),
        ("*.example", [KUBE, A_KUBE, PLAIN]),
        ("*", SERVERS),
        ("kube.example:443", [KUBE]),
        ("kube.example:6443", [A_KUBE]),
        ("KUBE.Example", [KUBE, A_KUBE, PLAIN]),
        ("10.0.0.0/8", [IP, OTHER_IP]),
        ("10.0.0.1", [IP]),
        ("10.0.0.1:6443", [IP]),
        ("10.0.0.1:443", []),
        ("10.0.0.1/8", [IP, OTHER_IP]),
        ("10.0.0", []),
        ("10.", []),
        ("fd00::/8", [IP6]),
        ("[fd00::1]:6443", [IP6]),
        ("[fd00::1]", []),
        ("fd00::1", [IP6]),
        ("::ffff:10.0.0.1", [IP]),
        ("10.0.0.0/33", []),
        (":443", []),
        (".", []),
        (" a , kube.example ", [KUBE, A_KUBE, PLAIN]),
        ("*example", []),
        ("kube.example:443:443", []),
        ("10.0.0.0/8,.example", [KUBE, A_KUBE, PLAIN, IP, OTHER_IP]),
    ],
)
def test_no_proxy_spares_what_go_spares(entries: str, spared: list[str]) -> None:
    settings = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": entries}
    assert [server for server in SERVERS if proxy_of(settings, server) is None] == spared


@pytest.mark.parametrize(
    ("settings", "server", "proxy"),
    [
        ({"HTTPS_PROXY": PROXY}, KUBE, PROXY),
        ({"https_proxy": PROXY}, KUBE, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, KUBE, PROXY),
        ({"HTTP_PROXY": PROXY}, KUBE, None),
        ({"HTTP_PROXY": PROXY}, PLAIN, PROXY),
        ({"http_proxy": PROXY}, PLAIN, PROXY),
        ({"ALL_PROXY": PROXY}, KUBE, None),
        ({"HTTPS_PROXY": "proxy:3128"}, KUBE, PROXY),
        ({"HTTPS_PROXY": "10.0.0.9"}, KUBE, "http://10.0.0.9"),
        ({"HTTPS_PROXY": "socks5://proxy:1080"}, KUBE, "socks5://proxy:1080"),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "kube.example"}, KUBE, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other", "no_proxy": "kube.example"}, KUBE, PROXY),
        ({"HTTPS_PROXY": ""}, KUBE, None),
        ({}, KUBE, None),
    ],
)
def test_names_in_capitals_count_first_and_a_scheme_may_be_missing(
    settings: dict[str, str], server: str, proxy: str | None
) -> None:
    assert proxy_of(settings, server) == proxy


@pytest.mark.parametrize(
    "server", ["https://localhost:6443", "https://127.0.0.1", "https://127.9.9.9:1", "https://[::1]:6443"]
)
def test_this_machine_is_never_asked_through_a_proxy(server: str) -> None:
    assert proxy_of({"HTTPS_PROXY": PROXY}, server) is None


@given(st.text(st.sampled_from(".,:*[]/0189af x"), max_size=12))
def test_nothing_that_is_written_in_no_proxy_is_an_error(entries: str) -> None:
    for server in SERVERS:
        assert proxy_of({"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": entries}, server) in {PROXY, None}
