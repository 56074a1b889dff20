"""`fn::open::file`: texts of files beside the environments of a folder, for whoever works with that folder at a
terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Opened
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.port import ReadsFiles
from esc_operator.providers.reasons import INVALID_INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import Login
    from esc_operator.providers.port import OpenContext

NO_FILES = "NoFiles"
"""Whoever opens the environment has no folder with files."""

NOT_TEXT = "NotText"
"""The file is not UTF-8."""

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["path"],
    "additionalProperties": False,
    "properties": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "The path of the file, from the folder that `esc login` names.",
        }
    },
}


class File:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "file"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = {**SECRET, "description": "The text of the file."}

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: it makes no request."""
        return None

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it presents no identity token."""
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        path = inputs.get("path")
        if not isinstance(path, str):
            return
        if path.startswith(("/", "~")) or ".." in path.split("/"):
            where = "leaves the folder of the environments: write a path within it, such as certs/ca.pem"
            yield InputProblem(("path",), f'`path` "{path}" {where}', INVALID_INPUTS)
        if not path.isprintable():
            yield InputProblem(("path",), "`path` has a character that is not printable: remove it", INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        identity, path = context.identity, inputs["path"]
        if not isinstance(identity, ReadsFiles):
            raise ProviderError(
                "files are read only at a terminal, from a folder of environments (`esc login file://PATH`): in a "
                "cluster, put the text into a Secret, and read it with kubernetes-secrets",
                reason=NO_FILES,
            )
        try:
            return Opened(identity.read_file(path).decode())
        except UnicodeDecodeError:
            pass
        raise ProviderError(f"the file {path} is not text in UTF-8: convert it, such as to base64", reason=NOT_TEXT)


PROVIDER = File()
