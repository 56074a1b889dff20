"""`LocalPulumi` serves in this process, `PulumiProcess` in one of its own; `RemotePulumi` is served elsewhere."""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_https import ServerCertificate
from local_pulumi.administration import PREFIX, Administration
from local_pulumi.cloud import Cloud
from local_pulumi.server import Server

_PACKAGES = Path(__file__).parents[1]


class LocalPulumi(Administration):
    """Serves within its `with` block; `ca_file` is what its TLS is verified with, and written when it starts."""

    def __init__(self, folder: Path, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(Cloud(clock))
        self._certificate = ServerCertificate(folder)
        self._server = Server(self.cloud, self._certificate, port)

    @property
    def url(self) -> str:
        return self.cloud.url

    @property
    def ca_file(self) -> Path:
        return self._certificate.ca_file

    @property
    def issuer(self) -> str:
        """The issuer that it opens providers as, for clouds to trust."""
        return f"{self.url}/oidc"

    def certify(self, host: str) -> None:
        """Show from here on a certificate for this name or address too."""
        self._certificate.certify(host)

    def start(self) -> Self:
        self.cloud.url = self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class RemotePulumi:
    """One that another process serves: `ask(NAME, **arguments)` is the method of `Administration` of that name."""

    def __init__(self, url: str, ca_file: Path) -> None:
        self.url = url
        self.ca_file = ca_file
        context = ssl.create_default_context(cafile=ca_file)
        # Without the environment's proxies: what is on loopback is not theirs to reach.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """Raises RuntimeError with what it says."""
        request = urllib.request.Request(f"{self.url}{PREFIX}{name}", json.dumps(arguments).encode(), method="POST")
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{name}: {error.read().decode(errors='replace')}") from error


class PulumiProcess(RemotePulumi):
    """One in a process of its own, from now until `stop`, or until this process ends.

    `outlive=True` leaves it running when this process ends; whoever has its `pid` ends it.
    """

    def __init__(self, folder: Path, *, outlive: bool = False) -> None:
        """Raises RuntimeError if it does not start; it has then said why on stderr."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "local_pulumi", "--folder", str(folder)),
                *([] if outlive else ["--end-with-stdin"]),
            ],
            env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
            stdin=subprocess.DEVNULL if outlive else subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=outlive,
            text=True,
        )
        assert self._process.stdout is not None, "it is a pipe"
        with self._process.stdout as output:
            url, _, ca_file = output.readline().strip().partition(" ")
        if not url:
            self.stop()
            raise RuntimeError("the local Pulumi Cloud did not start; what it said is above")
        super().__init__(url, Path(ca_file))

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
