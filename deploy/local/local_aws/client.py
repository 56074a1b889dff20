"""`LocalAws`: starts an AWS in a process of its own, sets it up, and asks it what happened.

For tests and the demo. Roles, providers and buckets are made through boto3, as they would be at AWS; only what AWS has
no interface for goes through the administration's pages.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_aws.reports import Calls, Mint, Mints, Refusal
from local_aws.root_user import REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET

__all__ = ["Calls", "LocalAws", "Mint", "Mints", "Refusal"]

STS_AUDIENCE = "sts.amazonaws.com"
_PACKAGES = Path(__file__).resolve().parents[1]


class LocalAws:
    """An AWS that lasts as long as its `with` block, or its process.

    `outlive=True` leaves it running when this process ends; whoever has its `pid` ends it.
    """

    def __init__(self, *, port: int = 0, reveal_secrets: bool = False, outlive: bool = False) -> None:
        self._arguments = ["--port", str(port), *(["--reveal-secrets"] if reveal_secrets else [])]
        self._outlive = outlive
        self._process: subprocess.Popen[str] | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self.endpoint_url = ""

    @classmethod
    def attach(cls, endpoint_url: str) -> Self:
        """One that somebody else started, and ends."""
        found = cls()
        found.endpoint_url = endpoint_url
        return found

    def start(self) -> Self:
        arguments = self._arguments if self._outlive else [*self._arguments, "--end-with-stdin"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local_aws", *arguments],
            env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
            stdin=subprocess.DEVNULL if self._outlive else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self._outlive else None,
            start_new_session=self._outlive,
            text=True,
        )
        assert self._process.stdout is not None, "it is a pipe"
        with self._process.stdout as output:
            self.endpoint_url = output.readline().strip()
        if not self.endpoint_url:
            self.stop()
            raise RuntimeError("the local AWS did not start; what it said is above")
        return self

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def environment(self) -> dict[str, str]:
        """What an SDK or the AWS CLI needs to find it; no credentials."""
        return {"AWS_ENDPOINT_URL": self.endpoint_url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client of the root user."""
        if (service, region) not in self._clients:
            # boto3 costs a third of a second; a demo that only counts mints need not pay it.
            import boto3

            self._clients[service, region] = boto3.session.Session(
                aws_access_key_id=ROOT_ACCESS_KEY_ID, aws_secret_access_key=ROOT_SECRET, region_name=region
            ).client(service, endpoint_url=self.endpoint_url)
        return self._clients[service, region]

    def trust(
        self, issuer_url: str, ca_file: Path | str | None = None, client_ids: Sequence[str] = (STS_AUDIENCE,)
    ) -> str:
        """Register an OIDC provider and return its ARN; `ca_file` is what the issuer's TLS is verified with."""
        if ca_file is not None:
            self._ask("POST", "issuers", {"issuer": issuer_url, "certificates": Path(ca_file).read_text()})
        answer = self.client("iam").create_open_id_connect_provider(
            Url=issuer_url, ClientIDList=list(client_ids), ThumbprintList=["0" * 40]
        )
        return str(answer["OpenIDConnectProviderArn"])

    def create_role(
        self, name: str, issuer: str, subject: str, audience: str = STS_AUDIENCE, max_session: int = 3600
    ) -> str:
        """A role that one subject may assume, and its ARN; `*` and `?` in the subject stand for others."""
        issuer_name = issuer.removeprefix("https://")
        operator = "StringLike" if set(subject) & {"*", "?"} else "StringEquals"
        account = self.client("sts").get_caller_identity()["Account"]
        conditions: dict[str, dict[str, str]] = {"StringEquals": {f"{issuer_name}:aud": audience}}
        conditions.setdefault(operator, {})[f"{issuer_name}:sub"] = subject
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer_name}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": conditions,
        }
        role = self.client("iam").create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            MaxSessionDuration=max_session,
        )
        return str(role["Role"]["Arn"])

    def create_bucket(self, name: str, *keys: str) -> None:
        """A bucket with an object for each key, whose content is the key."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name)
        for key in keys:
            s3.put_object(Bucket=name, Key=key, Body=key.encode())

    def mints(self) -> Mints:
        return Mints.from_json(self._ask("GET", "mints"))

    def calls(self) -> dict[str, dict[str, Calls]]:
        """Uses by access key (empty for unsigned requests), then by service ("s3", "sts", ...)."""
        return {
            key: {
                name: Calls(one["accepted"], Counter(one["refused"]), Counter(one["actions"]))
                for name, one in services.items()
            }
            for key, services in self._ask("GET", "calls").items()
        }

    def forget_counts(self) -> None:
        """Begin counting anew; what was minted stays valid."""
        self._ask("DELETE", "counts")

    def settings(self, *, lifetime: float | None) -> None:
        """Grant sessions of `lifetime` seconds, whatever is asked for; None grants what is asked for."""
        self._ask("POST", "settings", {"lifetime_seconds": lifetime})

    def inject(  # noqa: PLR0913 - each is one way to fail, and all are optional
        self,
        *,
        service: str = "",
        action: str = "",
        role: str = "",
        account: str = "",
        region: str = "",
        delay: float = 0.0,
        code: str = "",
        message: str = "",
        status: int = 0,
        body: str | None = None,
        retry_after: str = "",
        count: int | None = None,
    ) -> None:
        """Fail as `settings.Fault` describes, `count` times or until `clear_faults`."""
        fault = dict(locals())
        del fault["self"]
        self._ask("POST", "faults", fault)

    def clear_faults(self) -> None:
        """Faults and denials."""
        self._ask("DELETE", "faults")

    def deny(self, name: str, code: str, message: str = "") -> None:
        """Refuse to give a secret or parameter of this name, as AWS does for want of a permission or a key."""
        self._ask("POST", "denials", {"name": name, "code": code, "message": message})

    def minted_secrets(self) -> list[str]:
        """Every secret value ever minted, for tests that look for leaks; needs `reveal_secrets=True`."""
        return [str(secret) for secret in self._ask("GET", "secrets")]

    def _ask(self, method: str, page: str, body: dict[str, Any] | None = None) -> Any:
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint_url}/_local/{page}", content, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"the local AWS refused {method} {page}: {error.read().decode()}") from error
