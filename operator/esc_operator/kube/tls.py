"""Certificates and keys → a TLS context, without a file that holds a key."""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.kube.client_config import Credentials


def make_tls(credentials: Credentials, *, insecure: bool = False) -> ssl.SSLContext:
    """Raises ConfigurationError where a certificate is none, or does not belong to its key."""
    try:
        context = ssl.create_default_context(cadata=credentials.authority)
    except (OSError, ValueError) as error:
        raise ConfigurationError("the certificate authority is not a certificate in PEM") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.certificate and credentials.key:
        with _file(f"{credentials.certificate}\n{credentials.key}\n") as both:
            try:
                context.load_cert_chain(both, password=_no_password)
            except (OSError, ValueError) as error:
                # OpenSSL's own message names a file that the user does not know.
                raise ConfigurationError(
                    "the client certificate or its key cannot be read, or one does not belong to the other"
                ) from error
    return context


def _no_password() -> str:
    """For a key that is encrypted: OpenSSL would ask for the password at the terminal."""
    raise ValueError("encrypted")


@contextmanager
def _file(text: str) -> Iterator[str]:
    """The path of a text, as a key can be read from nothing else; in memory, where the system has such files."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("key"), "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile("w") as named:
        named.write(text)
        named.flush()
        yield named.name
