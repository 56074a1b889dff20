"""The document that is measured: 26 imports with a secret at rest each, and ten logins in the root."""

from __future__ import annotations

from typing import Final

from esc_operator.lang.envelope import seal_envelope

IMPORTS: Final = 26
LOGINS: Final = 10


def cipher(data: bytes) -> bytes:
    """A cipher that costs nothing and is its own inverse."""
    return bytes((byte + 128) % 256 for byte in data)


def documents() -> dict[str, bytes]:
    """The texts by name; the root is `root`."""
    texts = {_import_name(number): _imported(number).encode() for number in range(IMPORTS)}
    return {**texts, "root": _root().encode()}


def _import_name(number: int) -> str:
    return f"project/import-{number:02d}"


def _imported(number: int) -> str:
    ciphertext = seal_envelope(cipher(f"the secret number {number}".encode()))
    return f"""\
values:
  secret{number}:
    fn::secret:
      ciphertext: {ciphertext}
  environmentVariables:
    VARIABLE_{number}: ${{secret{number}}}
  pulumiConfig:
    app:setting{number}: value {number}
"""


def _root() -> str:
    imports = "".join(f"  - {_import_name(number)}\n" for number in range(IMPORTS))
    logins = "".join(
        f"  login{number}:\n    fn::open::sleeping:\n      name: login {number}\n" for number in range(LOGINS)
    )
    return f"imports:\n{imports}values:\n{logins}"
