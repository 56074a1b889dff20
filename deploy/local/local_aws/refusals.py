"""What this AWS says when it says no, in AWS's words.

Owns the error codes, messages and HTTP statuses, and their rendering in the three wire protocols that clients speak.
The same fault has another name in each protocol, as in AWS itself; nothing here decides whether to refuse.
"""

import enum
import json
from xml.sax.saxutils import escape

from werkzeug import Response

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Protocol(enum.Enum):
    """How a service words its errors."""

    QUERY = "query"
    JSON = "json"
    S3 = "s3"


class AwsError(Exception):
    """A request that AWS would refuse. `why` is what AWS keeps to itself, for whoever runs a test."""

    def __init__(self, code: str, message: str, status: int = 400, why: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.why = why


class KeyFault(enum.Enum):
    """What can be wrong with the signature of a request."""

    UNKNOWN_KEY = "unknown key"
    EXPIRED = "expired"
    WRONG_TOKEN = "wrong token"
    WRONG_SIGNATURE = "wrong signature"
    UNSIGNED = "unsigned"
    SKEWED = "skewed"
    WRONG_REGION = "wrong region"

    def refusal(self, protocol: Protocol) -> AwsError:
        return AwsError(*_KEY_FAULTS[self][protocol])


_INVALID_TOKEN = "The security token included in the request is invalid."
_EXPIRED_TOKEN = "The security token included in the request is expired"
_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_S3_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
_REGION = "Credential should be scoped to a valid region."
_KEY_FAULTS: dict[KeyFault, dict[Protocol, tuple[str, str, int]]] = {
    KeyFault.UNKNOWN_KEY: {
        Protocol.QUERY: ("InvalidClientTokenId", _INVALID_TOKEN, 403),
        Protocol.JSON: ("UnrecognizedClientException", _INVALID_TOKEN, 400),
        Protocol.S3: (
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            403,
        ),
    },
    KeyFault.EXPIRED: {
        Protocol.QUERY: ("ExpiredToken", _EXPIRED_TOKEN, 403),
        Protocol.JSON: ("ExpiredTokenException", _EXPIRED_TOKEN, 400),
        Protocol.S3: ("ExpiredToken", "The provided token has expired.", 400),
    },
    KeyFault.WRONG_TOKEN: {
        Protocol.QUERY: ("InvalidClientTokenId", _INVALID_TOKEN, 403),
        Protocol.JSON: ("UnrecognizedClientException", _INVALID_TOKEN, 400),
        Protocol.S3: ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
    },
    KeyFault.WRONG_SIGNATURE: {
        Protocol.QUERY: ("SignatureDoesNotMatch", _SIGNATURE, 403),
        Protocol.JSON: ("InvalidSignatureException", _SIGNATURE, 400),
        Protocol.S3: ("SignatureDoesNotMatch", _S3_SIGNATURE, 403),
    },
    KeyFault.UNSIGNED: {
        Protocol.QUERY: ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        Protocol.JSON: ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
        Protocol.S3: ("AccessDenied", "Access Denied", 403),
    },
    KeyFault.WRONG_REGION: {
        Protocol.QUERY: ("SignatureDoesNotMatch", _REGION, 403),
        Protocol.JSON: ("InvalidSignatureException", _REGION, 400),
        Protocol.S3: ("AuthorizationHeaderMalformed", _REGION, 400),
    },
    KeyFault.SKEWED: {
        Protocol.QUERY: ("SignatureDoesNotMatch", "Signature expired", 403),
        Protocol.JSON: ("InvalidSignatureException", "Signature expired", 400),
        Protocol.S3: (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            403,
        ),
    },
}


def render(refusal: AwsError, protocol: Protocol, request_id: str) -> Response:
    if protocol is Protocol.JSON:
        body = json.dumps({"__type": refusal.code, "message": refusal.message})
        response = Response(body, refusal.status, content_type="application/x-amz-json-1.1")
        response.headers["x-amzn-ErrorType"] = refusal.code
    elif protocol is Protocol.S3:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message>"
            f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
        )
        response = Response(body, refusal.status, content_type="application/xml")
    else:
        body = (
            f'<ErrorResponse xmlns="{STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{escape(refusal.code)}</Code>'
            f"<Message>{escape(refusal.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        response = Response(body, refusal.status, content_type="text/xml")
    response.headers["x-amzn-RequestId"] = request_id
    return response
