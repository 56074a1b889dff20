"""The trial of files; the identity reads them, so no request is seen."""

from __future__ import annotations

from dataclasses import dataclass

from esc_operator.errors import IdentityError
from esc_operator.providers.files.file import File
from esc_operator.testing import Failure, FakeIdentity, Trial

CONTENT = "the-text-of-a-private-key"


@dataclass
class FakeFolder(FakeIdentity):
    content: bytes = CONTENT.encode()

    def read_file(self, path: str) -> bytes:
        if path != "keys/web.pem":
            raise IdentityError(f"there is no file {path} in /envs: create it", reason="FileUnreadable")
        return self.content


def outside(name: str, path: str) -> Failure:
    return Failure(name=name, reason="InvalidInputs", says=["write a path within it"], inputs={"path": path})


TRIALS = [
    Trial(
        plugin=File,
        inputs={"path": "keys/web.pem"},
        identity=FakeFolder,
        secrets=[CONTENT],
        failures=[
            Failure(
                name="in a cluster",
                reason="NoFiles",
                says=["only at a terminal", "read it with kubernetes-secrets"],
                identity=FakeIdentity,
            ),
            Failure(
                name="no such file",
                reason="FileUnreadable",
                says=["there is no file keys/none.pem"],
                inputs={"path": "keys/none.pem"},
                identity=FakeFolder,
            ),
            Failure(
                name="not text",
                reason="NotText",
                says=["is not text in UTF-8"],
                identity=lambda: FakeFolder(content=b"\xff"),
            ),
            outside("an absolute path", "/etc/passwd"),
            outside("a path to the home", "~/.ssh/id_ed25519"),
            outside("a path upwards", "keys/../../web.pem"),
        ],
        counterpart="real: a folder",
    )
]
