"""Secrets Manager and Parameter Store, as far as moto leaves out who may read what.

moto gives everything to every key that is good. Here single names are denied on request, as AWS denies them: a call for
one with an error, a batch of secrets with an entry for each, a batch of parameters as a whole.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import boto3
from werkzeug import Response
from werkzeug.test import run_wsgi_app

from local_aws.refusals import AwsError
from local_aws.settings import Settings

Denied = Mapping[str, AwsError]


def is_store(service: str) -> bool:
    return service in {"secretsmanager", "ssm"}


@lru_cache
def _regions(service: str) -> frozenset[str]:
    session = boto3.session.Session(aws_access_key_id="-", aws_secret_access_key="-", region_name="us-east-1")
    partitions = session.get_available_partitions()
    return frozenset(region for one in partitions for region in session.get_available_regions(service, one))


def is_region(service: str, region: str) -> bool:
    """Whether AWS has this service there. Each region has hosts of its own, and only this AWS has one host for all."""
    return region in _regions(service)


def withhold(action: str, environ: dict[str, Any], body: bytes, settings: Settings) -> Denied:
    """The denied secrets of a batch, which the request no longer asks for. Raises AwsError if AWS refuses the whole."""
    asked = json.loads(body or b"{}")
    match action:
        case "GetSecretValue":
            names = [asked.get("SecretId")]
        case "BatchGetSecretValue":
            names = asked.get("SecretIdList") or []
        case "GetParameters":
            names = [name.partition(":")[0] for name in asked.get("Names") or []]
        case _:
            names = []
    denied = {name: denial for name in names if (denial := settings.denial(name))}
    if denied and action != "BatchGetSecretValue":
        raise next(iter(denied.values()))
    if denied:
        left = json.dumps({**asked, "SecretIdList": [name for name in names if name not in denied]}).encode()
        environ["wsgi.input"] = io.BytesIO(left)
        environ["CONTENT_LENGTH"] = str(len(left))
    return denied


def tell_denied(answer: Callable[..., Iterable[bytes]], denied: Denied) -> Callable[..., Iterable[bytes]]:
    """The answer to a batch of secrets, with those that were denied."""
    errors = [{"SecretId": name, "ErrorCode": one.code, "Message": one.message} for name, one in denied.items()]

    def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        content, status, headers = run_wsgi_app(answer, environ, buffered=True)
        given = json.loads(b"".join(content))
        body = json.dumps({**given, "Errors": [*(given.get("Errors") or []), *errors]})
        return Response(body, status, content_type=headers["Content-Type"])(environ, start_response)

    return told
