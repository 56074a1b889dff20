"""`python -m local_aws`: serve until ended, and print the endpoint's URL once requests are answered."""

import argparse
import logging
import os
import sys
import threading
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from local_aws.accounts import Key
from local_aws.front import Front
from local_aws.root_user import ROOT_ACCESS_KEY_ID, ROOT_SECRET


class _Handler(MotoRequestHandler):  # type: ignore[misc] # moto is untyped
    # Headers and body are written apart, which Nagle's algorithm would answer with a pause of 40 ms.
    disable_nagle_algorithm = True

    def log(self, *_: Any) -> None:
        """Nothing: a presigned URL in a log would be a leaked credential."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="local_aws", description="AWS for tests and the demo, on loopback only.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--reveal-secrets", action="store_true", help="let /_local/secrets tell the minted secrets, for leak tests"
    )
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="end when standard input does, as when a test is killed"
    )
    options = parser.parse_args()
    # moto warns of buckets and policies that are none of our business.
    logging.getLogger().setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1",
        options.port,
        Front(Key(ROOT_ACCESS_KEY_ID, ROOT_SECRET), reveal_secrets=options.reveal_secrets),
        threaded=True,
        request_handler=_Handler,
    )
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    server.serve_forever()


def _end_with_stdin() -> None:
    sys.stdin.read()
    # Nothing here is worth a clean end, and requests may still be waiting.
    os._exit(0)


if __name__ == "__main__":
    main()
