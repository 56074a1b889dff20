"""Signature Version 4, as a server reads it: from the Authorization header or from a presigned URL.

Pure: a request and a secret in, yes or no out. The signatures of the single chunks of a streamed upload are not looked
at; the seed signature, which covers all headers, is.
"""

import datetime
import hashlib
import hmac
import posixpath
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]+)"
)
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signed:
    """What a request says of its own signature; nothing of it is checked yet."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    time: str
    session_token: str
    presigned_seconds: int | None = None
    """How long a presigned URL is good for; None for a signature in the header."""

    @property
    def signed_at(self) -> datetime.datetime | None:
        try:
            return datetime.datetime.strptime(self.time, _TIME).replace(tzinfo=datetime.UTC)
        except ValueError:
            return None


def read_signed(environ: dict[str, Any]) -> Signed | None:
    """None where the request is not signed, or not in a way that AWS understands."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header:
        found = _AUTHORIZATION.match(header)
        given = (
            {
                "X-Amz-Credential": found["credential"],
                "X-Amz-SignedHeaders": found["headers"],
                "X-Amz-Signature": found["signature"],
                "X-Amz-Date": environ.get("HTTP_X_AMZ_DATE", ""),
                "X-Amz-Security-Token": environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
            }
            if found
            else {}
        )
        return _signed(given, None)
    given = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    seconds = given.get("X-Amz-Expires", "")
    return _signed(given, int(seconds) if seconds.isdecimal() else 0)


def is_signature_of(signed: Signed, secret: str, environ: dict[str, Any], body: bytes) -> bool:
    canonical = _canonical_request(signed, environ, body)
    scope = f"{signed.date}/{signed.region}/{signed.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{signed.time}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (signed.date, signed.region, signed.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), signed.signature)


def _signed(given: dict[str, str], presigned_seconds: int | None) -> Signed | None:
    """From parameters by the names that they have in a presigned URL."""
    parts = given.get("X-Amz-Credential", "").rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        return None
    access_key_id, date, region, service, _ = parts
    return Signed(
        access_key_id,
        date,
        region,
        service,
        signed_headers=tuple(given.get("X-Amz-SignedHeaders", "").split(";")),
        signature=given.get("X-Amz-Signature", ""),
        time=given.get("X-Amz-Date", ""),
        session_token=given.get("X-Amz-Security-Token", ""),
        presigned_seconds=presigned_seconds,
    )


def _canonical_request(signed: Signed, environ: dict[str, Any], body: bytes) -> str:
    path, _, query = str(environ["RAW_URI"]).partition("?")
    lines = [environ["REQUEST_METHOD"], _canonical_path(path, signed.service), _canonical_query(query)]
    lines += [f"{name}:{_header(environ, name)}" for name in signed.signed_headers]
    lines += ["", ";".join(signed.signed_headers), _payload_hash(signed, environ, body)]
    return "\n".join(lines)


def _canonical_path(path: str, service: str) -> str:
    # S3 signs the path as it was sent; every other service a normalised one, encoded once more.
    if service == "s3":
        return path
    normal = posixpath.normpath(f"/{path.lstrip('/')}")
    return quote(f"{normal}/" if path.endswith("/") and normal != "/" else normal, safe="/~")


def _canonical_query(query: str) -> str:
    pairs = (pair.partition("=")[::2] for pair in query.split("&") if pair)
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
    # WSGI hands headers over as Latin-1; clients sign them as UTF-8.
    return " ".join(value.encode("latin-1").decode(errors="replace").split())


def _payload_hash(signed: Signed, environ: dict[str, Any], body: bytes) -> str:
    if signed.presigned_seconds is not None:
        return "UNSIGNED-PAYLOAD"
    stated: str = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    # What is not a hash says how the payload is signed instead: not at all, or chunk by chunk.
    return stated if stated and len(stated) != 64 else hashlib.sha256(body).hexdigest()
