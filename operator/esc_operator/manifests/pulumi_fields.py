"""The fields of a spec for an environment in Pulumi Cloud, as plain data."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.schema_parts import duration, key_of
from esc_operator.resources.definition_source import PULUMI_FIELD, REFERENCE_FIELD, TOKEN_FIELD

_LONGEST_NAME = 100
_NAME = "^[A-Za-z0-9_][-._A-Za-z0-9]*$"
_ORIGIN = "^https?://([-._A-Za-z0-9]+|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?/?$"


def pulumi_fields() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An environment in Pulumi Cloud, which evaluates it: its values fill the Secret, and others "
        "import them. Required if no other source is set.",
        "required": ["organization", "environment"],
        "properties": {
            "organization": _name("The organization in Pulumi Cloud, such as acme."),
            "project": _name("The project of the environment. Default: default.", default="default"),
            "environment": _name("The name of the environment, such as prod."),
            "version": _version(),
            "lifetime": duration(
                "How long the values can be relied on, such as 1h; at least 30s. They are obtained again ahead of "
                "that. Default: what the values or the definition say, else 1h.",
                "30s",
            ),
            "apiUrl": {
                "type": "string",
                "maxLength": 253,
                "default": "https://api.pulumi.com",
                "description": "The API to ask, for a Pulumi Cloud that you host. Default: https://api.pulumi.com.",
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.matches('{_ORIGIN}')",
                        "message": "must be the URL of an API, without a path: https://HOST or https://HOST:PORT",
                    }
                ],
            },
            TOKEN_FIELD: key_of(
                "Secret",
                "the access token",
                "The key of a Secret that holds an access token: of this namespace, or of the operator's own for a "
                "ClusterEscEnvironment. Example: {name: pulumi, key: token}. Required if oidc is not set.",
            ),
            "oidc": _exchange(),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"has(self.{TOKEN_FIELD}) != has(self.oidc)",
                "message": f"set either {TOKEN_FIELD}, for an access token in a Secret, or oidc, for the "
                "ServiceAccount's own token",
            }
        ],
    }


def exchange_has_an_account() -> dict[str, Any]:
    """The rule that a ClusterEscEnvironment names the ServiceAccount whose token is exchanged."""
    field = f"self.{REFERENCE_FIELD}.{PULUMI_FIELD}"
    absent = f"!has(self.{REFERENCE_FIELD}) || !has({field}) || !has({field}.oidc)"
    return {
        "rule": f"{absent} || has(self.serviceAccount)",
        "message": "oidc exchanges the token of a ServiceAccount: set serviceAccount",
    }


def _name(description: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": _LONGEST_NAME,
        **more,
        "description": description,
        "x-kubernetes-validations": [
            {
                "rule": f"self.matches('{_NAME}')",
                "message": "must be a name in Pulumi Cloud: letters, digits, '-', '_' and '.', and no '.' or '-' at "
                "the beginning; each part of organization/project/environment has its own field",
            }
        ],
    }


def _version() -> dict[str, Any]:
    """A tag or a revision; YAML reads the latter as a number."""
    return {
        "x-kubernetes-int-or-string": True,
        "maxLength": _LONGEST_NAME,
        "description": "A tag, such as stable, or a revision, such as 12. A tag is followed at each refresh. Default: "
        "the latest revision, at each refresh.",
        "x-kubernetes-validations": [
            {
                "rule": f"type(self) == string ? self.matches('{_NAME}') : self > 0",
                "message": "must be a tag or the number of a revision, such as stable or 12",
            }
        ],
    }


def _exchange() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Exchange the identity token of the ServiceAccount for an access token of a team, a user, or, "
        "with {}, the organization. Nothing long-lived is stored. Required if accessTokenSecretRef is not set.",
        "properties": {
            "team": _name("The team whose access token is requested. Set either this or user. Default: none."),
            "user": _name("The user whose access token is requested. Set either this or team. Default: none."),
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.team) || !has(self.user)",
                "message": "set either team or user, or neither for the organization's own token",
            }
        ],
    }
