"""The WSGI application before moto: who may ask, and whether the question is counted, delayed or refused.

Every request ends in one of three: the administration's own answers, STS's exchange of a web identity, or moto, which
sees only requests whose signature was verified here.
"""

import contextlib
import datetime
import hashlib
import io
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug import Request, Response

from local_aws import accounts
from local_aws.administration import PREFIX, Administration
from local_aws.ledger import Ledger, Session, stamp
from local_aws.refusals import AwsError, KeyFault, Protocol, render
from local_aws.reports import Refusal
from local_aws.settings import Fault, Settings
from local_aws.signatures import Signed, is_signature_of, read_signed
from local_aws.stores import is_region, is_store, tell_denied, withhold
from local_aws.token_service import TokenService
from local_identity import Issuers

_SKEW = datetime.timedelta(minutes=15)
_EXCHANGE = "AssumeRoleWithWebIdentity"
_STS_VERSION = "2011-06-15"


@dataclass(frozen=True)
class _Call:
    """One request, read once."""

    environ: dict[str, Any]
    body: bytes
    parameters: Mapping[str, str]
    signed: Signed | None
    service: str
    action: str
    protocol: Protocol
    request_id: str


class Front:
    def __init__(self, root: accounts.Key, *, reveal_secrets: bool) -> None:
        self._root = root
        self._ledger = Ledger()
        self._settings = Settings()
        issuers = Issuers()
        self._tokens = TokenService(self._ledger, self._settings, issuers, _now)
        self._administration = Administration(self._ledger, self._settings, issuers, reveal_secrets=reveal_secrets)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if str(environ.get("PATH_INFO", "")).startswith(PREFIX):
            return self._administration.answer(Request(environ))(environ, start_response)
        call = _read(environ)
        region = call.signed.region if call.signed else ""
        fault = self._settings.take_fault(call.service, call.action, call.parameters.get("RoleArn", ""), region)
        key_id = call.signed.access_key_id if call.signed else ""
        if fault is not None:
            time.sleep(fault.delay)
            if fault.answers:
                self._record_fault(fault, call, key_id)
                return _failed(fault, call)(environ, start_response)
        try:
            if call.service == "sts" and call.action == _EXCHANGE:
                answer = self._tokens.assume_role_with_web_identity(call.parameters, call.request_id)
                return _xml(answer)(environ, start_response)
            session = self._authenticate(call)
            denied = withhold(call.action, call.environ, call.body, self._settings) if is_store(call.service) else {}
        except AwsError as refusal:
            self._ledger.record_call(key_id, call.service, call.action, refusal.code)
            return render(refusal, call.protocol, call.request_id)(environ, start_response)
        self._ledger.record_call(key_id, call.service, call.action)
        if session is not None and call.service == "sts" and call.action == "GetCallerIdentity":
            return _xml(self._tokens.get_caller_identity(session, call.request_id))(environ, start_response)
        with accounts.alone() if call.service in {"iam", "sts"} else contextlib.nullcontext():
            application = tell_denied(self._moto, denied) if denied else self._moto
            moto_answer: Iterable[bytes] = application(environ, start_response)
            return moto_answer

    def _record_fault(self, fault: Fault, call: _Call, key_id: str) -> None:
        """It counts like any other refusal: tests of a retry count the attempts."""
        code = fault.code or "fault"
        self._ledger.record_call(key_id, call.service, call.action, code)
        if call.action == _EXCHANGE:
            role = call.parameters.get("RoleArn", "")
            self._ledger.record_refusal(Refusal(stamp(_now()), code, fault.message, role, subject=""))

    def _authenticate(self, call: _Call) -> Session | None:
        """The minted session behind the request; None for any other key that is good. Raises where none is."""
        signed = call.signed
        if signed is None:
            raise KeyFault.UNSIGNED.refusal(call.protocol)
        session = self._ledger.session(signed.access_key_id)
        key = session.key if session else self._find_lasting_key(signed.access_key_id)
        fault = _why_refuse(signed, key, call)
        if fault is not None:
            raise fault.refusal(call.protocol)
        stated_hash = call.environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
        if len(stated_hash) == 64 and stated_hash != hashlib.sha256(call.body).hexdigest():
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        return session

    def _find_lasting_key(self, access_key_id: str) -> accounts.Key | None:
        if access_key_id == self._root.access_key_id:
            return self._root
        return accounts.find_key_in_moto(access_key_id)


def _why_refuse(signed: Signed, key: accounts.Key | None, call: _Call) -> KeyFault | None:
    # A temporary key without its token is as good as no key.
    if key is None or (key.session_token and not signed.session_token):
        return KeyFault.UNKNOWN_KEY
    if signed.session_token != key.session_token:
        return KeyFault.WRONG_TOKEN
    now = _now()
    if key.expires_at is not None and now >= key.expires_at:
        return KeyFault.EXPIRED
    if not is_signature_of(signed, key.secret, call.environ, call.body):
        return KeyFault.WRONG_SIGNATURE
    if is_store(call.service) and not is_region(call.service, signed.region):
        return KeyFault.WRONG_REGION
    return _why_refuse_time(signed, now)


def _why_refuse_time(signed: Signed, now: datetime.datetime) -> KeyFault | None:
    signed_at = signed.signed_at
    if signed_at is None:
        return KeyFault.SKEWED
    if signed.presigned_seconds is None:
        return KeyFault.SKEWED if abs(now - signed_at) > _SKEW else None
    # AWS calls an outdated link simply denied.
    return KeyFault.UNSIGNED if now > signed_at + datetime.timedelta(seconds=signed.presigned_seconds) else None


def _read(environ: dict[str, Any]) -> _Call:
    body = Request(environ).get_data(cache=False)
    # moto reads it again.
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        environ.pop("wsgi.input_terminated", None)
    parameters = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        parameters |= parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    signed = read_signed(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    action = target.rpartition(".")[2] or parameters.get("Action", "")
    service = signed.service if signed else _service_of_unsigned(target, parameters)
    protocol = Protocol.QUERY
    if target or content_type.startswith("application/x-amz-json"):
        protocol = Protocol.JSON
    elif service == "s3":
        protocol = Protocol.S3
    return _Call(environ, body, parameters, signed, service, action, protocol, str(uuid.uuid4()))


def _service_of_unsigned(target: str, parameters: Mapping[str, str]) -> str:
    if target:
        return target.partition(".")[0].lower()
    return "sts" if parameters.get("Version") == _STS_VERSION else "s3"


def _failed(fault: Fault, call: _Call) -> Response:
    if fault.body is not None:
        response = Response(fault.body, fault.status or 200, content_type="text/plain")
    else:
        response = render(fault.refusal(), call.protocol, call.request_id)
    if fault.retry_after:
        response.headers["Retry-After"] = fault.retry_after
    return response


def _xml(body: str) -> Response:
    return Response(body, content_type="text/xml")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
