"""1Password's real SDK: how it fails if nothing answers, which is all of it that can be tried without 1Password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

from unit.providers.onepassword.answering import token

# The token that its library accepts has these parts; none of them opens anything.
TOKEN = token(
    userAuth={"method": "SRPg-4096", "alg": "PBES2g-HS256", "iterations": 650000, "salt": "A" * 22},
    srpX="ab" * 32,
    muk={"alg": "A256GCM", "ext": True, "k": "A" * 43, "key_ops": ["encrypt", "decrypt"], "kty": "oct", "kid": "mp"},
    secretKey="A3-XXXXXX-XXXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
    throttleSecret={"seed": "ab" * 32, "uuid": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    deviceUuid="abcdefghijklmnopqrstuvwxyz",
)
CODE = f"""
import asyncio
from esc_operator.errors import ProviderError
from esc_operator.providers.onepassword.secrets import OnePasswordSecrets
from esc_operator.testing import FakeContext

context = FakeContext()
inputs = {{"login": {{"serviceAccountToken": {TOKEN!r}}}, "get": {{"x": {{"ref": "op://a/b/c"}}}}}}
try:
    asyncio.run(OnePasswordSecrets(time_limit=3.0).open(inputs, context))
except ProviderError as error:
    print(error.reason, error.outage, error.message)
context.close()
"""


def read_through(proxy: socket.socket) -> subprocess.CompletedProcess[str]:
    """Its library reads the proxy from the environment of the process, once."""
    url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    environment = {**os.environ, "HTTPS_PROXY": url, "https_proxy": url, "NO_PROXY": "", "no_proxy": ""}
    command = [sys.executable, "-c", CODE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)


def test_a_proxy_that_never_answers_is_an_outage_after_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        began = time.monotonic()
        done = read_through(proxy)
    assert done.stdout == "OnePasswordUnavailable True 1password.com did not answer in time\n"
    assert time.monotonic() - began < 30
    assert not done.stderr


def test_a_connection_that_ends_is_an_outage_and_goes_to_1password_alone() -> None:
    asked: list[bytes] = []

    def end() -> None:
        while True:
            try:
                connection, _ = proxy.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        thread = threading.Thread(target=end)
        thread.start()
        done = read_through(proxy)
        proxy.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert done.stdout.startswith("OnePasswordUnavailable True 1password.com cannot be reached")
    assert not done.stderr
    assert {line.split(b"\r\n")[0] for line in asked} == {b"CONNECT my.1password.com:443 HTTP/1.1"}
