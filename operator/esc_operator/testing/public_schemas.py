r"""The public schemas of Pulumi ESC's providers and rotators as facts, and how those of a plug-in compare with them.

The facts are names, types, what is required, defaults, patterns, and what only rotations need; they were read in
`data/esc_schemas.json` of the repository pulumi/docs, and `oidc` in the pages of its documentation. A line is a
property: `name! type rotate-only = default ~ pattern`, with `!` if it is required, `*` for any name of a map, and `[]`
for the elements of a list. Properties of alternatives (`oneOf`) stand side by side, and none of them is required.
`@name` stands for the lines of a part that several schemas have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ARN: Final = (
    r"[\x{0009}\x{000A}\x{000D}\x{0020}-\x{007E}\x{0085}\x{00A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+"
)
_DURATION: Final = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
_UUID: Final = "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$"
_STACK: Final = r"^[a-zA-Z0-9-_.]{1,100}\/[a-zA-Z0-9-_.]{1,100}$"

_PARTS: Final[Mapping[str, str]] = {
    "subject": """
        subjectAttributes array
          [] string
        """,
    "aws": """
        accessKeyId! string
        secretAccessKey! string
        sessionToken string
        """,
    "azure": """
        clientId! string
        clientSecret string
        oidc object
          token! string
        subscriptionId string
        tenantId! string
        """,
    "iam-keys": """
        current! object
          accessKeyId! string
          createdAt string
          secretAccessKey! string
        previous object
          accessKeyId! string
          createdAt string
          secretAccessKey! string
        """,
    "app-secrets": """
        current! object
          createdAt string
          expiresAt string
          secretId! string
          secretValue! string
        previous object
          createdAt string
          expiresAt string
          secretId! string
          secretValue! string
        """,
    "database": """
        database! object
          connector object
            awsLambda object
              lambdaArn! string
              login! object
                @aws
          database! string
          host! string
          managingUser! object rotate-only
            password! string
            username! string
          port! number
        rotateUsers! object
          username1! string
          username2! string
        """,
    "users": """
        current object
          password! string
          username! string
        previous object
          password! string
          username! string
        """,
    "texts": """
        current string
        previous string
        """,
    "permissions": "\n".join(
        f"{name} string"
        for name in (
            *("actions", "administration", "blocking", "checks", "content_references", "contents", "deployments"),
            *("emails", "environments", "followers", "issues", "members", "metadata", "organization_administration"),
            *("organization_hooks", "organization_plan", "organization_pre_receive_hooks", "organization_projects"),
            *("organization_secrets", "organization_self_hosted_runners", "organization_user_blocking", "packages"),
            *("pages", "pull_requests", "repository_hooks", "repository_pre_receive_hooks", "repository_projects"),
            *("secret_scanning_alerts", "secrets", "security_events", "single_file", "statuses", "team_discussions"),
            *("vulnerability_alerts", "workflows"),
        )
    ),
}

_PROVIDERS: Final[Mapping[str, Mapping[str, str]]] = {
    "1password-secrets": {
        "inputs": """
            get! object
              * object
                ref! string ~ op://.+
            login! object
              serviceAccountToken! string
            """,
        "outputs": "* string",
    },
    "aws-login": {
        "inputs": f"""
            oidc object
              duration string = "2h" ~ {_DURATION}
              policyArns array
                [] string ~ {_ARN}
              roleArn! string ~ {_ARN}
              sessionName! string ~ [\\w+=,.@-]*
              @subject
            static object
              @aws
            """,
        "outputs": "@aws",
    },
    "aws-parameter-store": {
        "inputs": """
            get! object
              * object
                decrypt boolean = false
                name! string
            login! object
              @aws
            region! string
            """,
        "outputs": "* string",
    },
    "aws-secrets": {
        "inputs": """
            get! object
              * object
                secretId! string
                versionId string
                versionStage string
            login! object
              @aws
            region! string
            """,
        "outputs": "* string",
    },
    "azure-login": {
        "inputs": """
            clientId! string
            clientSecret string
            oidc boolean
            @subject
            subscriptionId string
            tenantId! string
            """,
        "outputs": "@azure",
    },
    "azure-secrets": {
        "inputs": """
            get! object
              * object
                name! string
                version string
            login! object
              @azure
            vault! string
            """,
        "outputs": "* string",
    },
    "doppler-login": {
        "inputs": f"""
            oidc! object
              identityId! string ~ {_UUID}
              @subject
            """,
        "outputs": "accessToken! string",
    },
    "doppler-secrets": {
        "inputs": """
            config! string
            get! object
              * object
                name! string
            login! object
              accessToken! string
            project! string
            """,
        "outputs": "* string",
    },
    "external": {
        "inputs": """
            request object = {}
            secret boolean = true
            url! string ~ ^https://
            """,
        "outputs": "response! object",
    },
    "gcp-login": {
        "inputs": f"""
            accessToken object
              accessToken! string
              serviceAccount string
              tokenLifetime string = "1h" ~ {_DURATION}
            oidc object
              providerId! string
              region string
              serviceAccount! string
              @subject
              tokenLifetime string = "1h" ~ {_DURATION}
              workloadPoolId! string
            project! number
            """,
        "outputs": """
            accessToken! string
            expiry string
            project! number
            tokenType! string
            """,
    },
    "gcp-secrets": {
        "inputs": """
            access! object
              * object
                name! string
                version number
            login! object
              accessToken! string
              project! number
              tokenType! string
            """,
        "outputs": "* string",
    },
    "gh-login": {
        "inputs": """
            appId! number
            ghe object
              host! string
            owner! string
            permissions object
              @permissions
            privateKey! string
            repositories array
              [] string
            """,
        "outputs": """
            accessToken! string
            appId! number
            appSlug! string
            expiry! string
            installationId! number
            type! string
            """,
    },
    "infisical-login": {
        "inputs": """
            oidc object
              identityId! string
              @subject
            siteUrl string
            static object
              clientId! string
              clientSecret! string
            """,
        "outputs": """
            accessToken! string
            siteUrl string
            """,
    },
    "infisical-secrets": {
        "inputs": """
            get! object
              * object
                environment! string
                projectId! string
                secretKey! string
                secretPath string
                type string
            login! object
              accessToken! string
              siteUrl string
            """,
        "outputs": "* string",
    },
    "oidc": {
        "inputs": """
            audience! string
            duration string = "1h"
            identityToken! object
              version! string
            """,
        "outputs": "",
    },
    "pulumi-stacks": {
        "inputs": f"""
            stacks! object
              * object
                stack! string ~ {_STACK}
            """,
        "outputs": "",
    },
    "snowflake-login": {
        "inputs": """
            oidc! object
              account! string
              role string
              user! string
            """,
        "outputs": """
            account! string
            token! string
            user! string
            """,
    },
    "terraform-state": {
        "inputs": """
            backend! any
              s3 object
                bucket! string
                key! string
                login! object
                  @aws
                region! string
              remote object
                hostname string = "app.terraform.io"
                organization! string
                token! string
                workspace! string
            """,
        "outputs": "outputs! object",
    },
    "vault-login": {
        "inputs": f"""
            address! string
            jwt object
              mount string
              role! string
              @subject
            namespace string
            token object
              displayName string = "pulumi"
              maxTtl string = "2h" ~ {_DURATION}
              metadata object
              policies array
                [] string
              token! string
            """,
        "outputs": """
            address! string
            namespace string
            token! string
            """,
    },
    "vault-secrets": {
        "inputs": """
            login! object
              address! string
              namespace string
              token! string
            read! object
              * object
                field string
                path! string
            """,
        "outputs": "",
    },
}

_ROTATORS: Final[Mapping[str, Mapping[str, str]]] = {
    "aws-iam": {
        "inputs": """
            login! object rotate-only
              @aws
            region string = "us-east-1"
            userArn! string
            """,
        "state": "@iam-keys",
        "outputs": "@iam-keys",
    },
    "azure-app-secret": {
        "inputs": """
            clientId! string
            lifetimeInDays number = 180
            login! object rotate-only
              @azure
            """,
        "state": "@app-secrets",
        "outputs": "@app-secrets",
    },
    "external": {
        "inputs": """
            request object rotate-only = {}
            url! string ~ ^https://
            """,
        "state": "current object",
        "outputs": "current object",
    },
    "mysql": {"inputs": "@database", "state": "@users", "outputs": "@users"},
    "passphrase": {
        "inputs": """
            capitalize boolean = false
            length number = 5
            separator string = "-"
            """,
        "state": "@texts",
        "outputs": "@texts",
    },
    "password": {
        "inputs": """
            length number = 16
            lower boolean = true
            minLower number = 0
            minNumeric number = 0
            minSpecial number = 0
            minUpper number = 0
            numeric boolean = true
            overrideSpecial string = "!@#$%&*()-_=+[]{}<>:?"
            special boolean = true
            upper boolean = true
            """,
        "state": "@texts",
        "outputs": "@texts",
    },
    "postgres": {"inputs": "@database", "state": "@users", "outputs": "@users"},
    "snowflake-user": {
        "inputs": """
            login! object rotate-only
              account! string
              privateKey string
              token string
              user! string
            targetUser! string
            """,
        "state": """
            account! string
            createdAt! string
            privateKey! string
            """,
        "outputs": """
            account! string
            privateKey! string
            rotatedAt! string
            user! string
            """,
    },
}

PROVIDERS: Final = tuple(_PROVIDERS)
"""The names of the public providers."""

ROTATORS: Final = tuple(_ROTATORS)
"""The names of the public rotators."""

ADDED: Final = "added"
"""The keyword that marks a property that the public schema does not have."""


class Fact(NamedTuple):
    """What is compared of one property; None: it has none."""

    type: str
    required: bool = False
    rotate_only: bool = False
    default: str | None = None
    pattern: str | None = None


class Comparison(NamedTuple):
    """How schemas compare with the public ones. `differences` are by place; `added`, `unmarked` and `mismarked` are
    places: of additions that are marked, of those that are not, and of marks that are wrong."""

    differences: Mapping[str, str]
    added: tuple[str, ...]
    unmarked: tuple[str, ...]
    mismarked: tuple[str, ...]


def is_public(plugin: Any) -> bool:
    return plugin.name in (_ROTATORS if hasattr(plugin, "rotate") else _PROVIDERS)


def facts(name: str, *, rotator: bool = False) -> dict[str, Fact]:
    """The public facts of a provider or rotator, by place such as `inputs.oidc.roleArn`."""
    parts = (_ROTATORS if rotator else _PROVIDERS)[name]
    return {f"{part}.{path}": fact for part, text in parts.items() for path, fact in _read(text)}


def compare(plugin: Any) -> Comparison:
    is_rotator = hasattr(plugin, "rotate")
    public = facts(plugin.name, rotator=is_rotator)
    ours: dict[str, Fact] = {}
    marked: set[str] = set()
    for part in ("inputs", "state", "outputs") if is_rotator else ("inputs", "outputs"):
        for path, fact, is_marked in _facts_of(getattr(plugin, part)):
            ours[f"{part}.{path}"] = fact
            marked |= {f"{part}.{path}"} if is_marked else set()
    added = [place for place in ours if place not in public]
    differences = {place: text for place, fact in public.items() if (text := _difference(ours.get(place), fact))}
    return Comparison(
        differences,
        tuple(place for place in added if place in marked),
        tuple(place for place in added if not _within(place, marked)),
        tuple(place for place in marked if place in public or (place.startswith("inputs.") and ours[place].required)),
    )


def _difference(ours: Fact | None, public: Fact) -> str:
    if ours is None:
        return "missing"
    found = [
        f"{field.replace('_', ' ')} {_told(mine)} instead of {_told(theirs)}"
        for field, mine, theirs in zip(Fact._fields, ours, public, strict=True)
        if mine != theirs and not (field == "type" and theirs == "any")
    ]
    return ", ".join(found)


def _told(part: object) -> str:
    return "none" if part is None else str(part)


def _within(place: str, marked: Iterable[str]) -> bool:
    return any(place == one or place.startswith(f"{one}.") for one in marked)


def _facts_of(schema: Any, path: str = "", *, alternative: bool = False) -> Iterator[tuple[str, Fact, bool]]:
    """The facts of a schema in JSON, and whether each is marked as added."""
    if not isinstance(schema, Mapping):
        return
    required, rotate_only = schema.get("required") or (), schema.get("rotateOnly") or ()
    for name, inner in (schema.get("properties") or {}).items():
        fact = Fact(
            _type(inner),
            required=name in required and not alternative,
            rotate_only=name in rotate_only,
            default=_text(inner["default"]) if "default" in inner else None,
            pattern=inner.get("pattern"),
        )
        yield f"{path}{name}", fact, bool(inner.get(ADDED))
        yield from _facts_of(inner, f"{path}{name}.")
    for keyword, name in (("items", "[]"), ("additionalProperties", "*")):
        inner = schema.get(keyword)
        if isinstance(inner, Mapping):
            yield f"{path}{name}", Fact(_type(inner), pattern=inner.get("pattern")), bool(inner.get(ADDED))
            yield from _facts_of(inner, f"{path}{name}.")
    for keyword in ("oneOf", "anyOf"):
        for inner in schema.get(keyword) or ():
            yield from _facts_of(inner, path, alternative=True)


def _type(schema: Mapping[str, Any]) -> str:
    return str(schema.get("type") or "any")


def _text(default: Any) -> str:
    return json.dumps(default)


_LINE: Final = re.compile(
    r"(?P<indent> *)(?P<name>\S+?)(?P<required>!?) (?P<type>\w+)(?P<rotate> rotate-only)?"
    r"(?: = (?P<default>.*?))?(?: ~ (?P<pattern>.*))?"
)


def _read(text: str) -> Iterator[tuple[str, Fact]]:
    """The facts of a text in the notation of this module."""
    above: list[tuple[int, str]] = []
    for line in _lines(text):
        found = _LINE.fullmatch(line)
        assert found, f"not a fact: {line}"
        indent = len(found["indent"])
        above = [(other, name) for other, name in above if other < indent] + [(indent, found["name"])]
        fact = Fact(
            found["type"],
            required=bool(found["required"]),
            rotate_only=bool(found["rotate"]),
            default=_text(json.loads(found["default"])) if found["default"] is not None else None,
            pattern=found["pattern"],
        )
        yield ".".join(name for _, name in above), fact


def _lines(text: str, indent: int = 0) -> Iterator[str]:
    """The lines of a text without its own indentation, at this one, and those that `@` stands for."""
    lines = [line for line in text.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    for line in lines:
        own = indent + len(line) - len(line.lstrip()) - margin
        if line.strip().startswith("@"):
            yield from _lines(_PARTS[line.strip()[1:]], own)
        else:
            yield " " * own + line.strip()
