"""Plain questions to the local clouds, as a program without an SDK asks them."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_https import HttpsServer


def ask(
    server: HttpsServer,
    path: str,
    form: Mapping[str, str] | None = None,
    content: Any = None,
    bearer: str = "",
) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of the answer, to a GET where there is nothing to post."""
    body = urlencode(form).encode() if form is not None else None
    if content is not None:
        body = json.dumps(content).encode()
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    request = urllib.request.Request(f"{server.url}{path}", body, headers)
    context = ssl.create_default_context(cafile=str(server.ca_file))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
