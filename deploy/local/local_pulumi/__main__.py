"""`python -m local_pulumi`: serve until ended, and print the URL and the file of its authority."""

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from local_pulumi.client import LocalPulumi


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local_pulumi", description="Pulumi Cloud for tests and the demo, on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--folder", type=Path, help="folder for certificates (default: one that goes at the end)")
    parser.add_argument("--organization", action="append", default=[], help="create this organization; may be repeated")
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="end when standard input does, as when a test is killed"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        LocalPulumi(options.folder or Path(temporary), options.port) as cloud,
    ):
        for name in options.organization:
            cloud.create_organization(name)
        print(cloud.url, cloud.ca_file, flush=True)
        if options.end_with_stdin:
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
