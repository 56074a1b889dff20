"""The providers, rotators, loader and decrypter that the cases are written for."""

from pathlib import Path
from typing import Any, Final

from esc_operator.evaluation import (
    Answer,
    Decrypt,
    Decrypted,
    Described,
    Effect,
    Failed,
    FindProvider,
    FindRotator,
    Loaded,
    LoadEnvironment,
    Opened,
    OpenProvider,
    OpenRotator,
    Rotated,
    RotateState,
    Value,
)
from esc_operator.lang import parse_text
from esc_operator.schema import ALWAYS
from esc_operator.schema.compile import from_json


def _record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _tuple(*items: Any) -> dict[str, Any]:
    return {"type": "array", "prefixItems": list(items), "items": False}


def _of(kind: str, **keywords: Any) -> dict[str, Any]:
    return {"type": kind, **keywords}


_STRING: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}

_EVERYTHING: Final = from_json(
    {
        "$defs": {"defRecord": _record(baz={"const": "qux"})},
        "type": "object",
        "properties": {
            "null": _of("null"),
            "boolean": _of("boolean"),
            "false": _of("boolean", const=False),
            "true": _of("boolean", const=True),
            "number": _NUMBER,
            "pi": _of("number", const=3.14),
            "string": _STRING,
            "hello": _of("string", const="hello"),
            "array": _of("array", items=True),
            "tuple": _tuple(_of("string", const="hello"), _of("string", const="world")),
            "map": _of("object", additionalProperties=True),
            "record": _record(foo=_STRING),
            "anyOf": {"anyOf": [_STRING, _NUMBER]},
            "oneOf": {"oneOf": [_STRING, _NUMBER]},
            "ref": {"$ref": "#/$defs/defRecord"},
            "const-array": _of("array", const=["hello", 42]),
            "const-object": _of("object", const={"hello": "world"}),
            "enum": _of("string", enum=["foo", "bar"]),
            "never": False,
            "always": True,
            "double": _tuple(_STRING, _NUMBER),
            "triple": _tuple(_STRING, _NUMBER, _of("boolean")),
            "dependentReq": _of(
                "object", properties={"foo": _STRING, "bar": _NUMBER}, dependentRequired={"foo": ["bar"]}
            ),
            "multiple": _of("number", multipleOf=2),
            "minimum": _of("number", minimum=1),
            "exclusiveMinimum": _of("number", exclusiveMinimum=1),
            "maximum": _of("number", maximum=1),
            "exclusiveMaximum": _of("number", exclusiveMaximum=1),
            "minLength": _of("string", minLength=1),
            "maxLength": _of("string", maxLength=1),
            "pattern": _of("string", pattern="^foo[0-9]+$"),
            "minItems": _of("array", minItems=3),
            "maxItems": _of("array", maxItems=2),
            "minProperties": _of("object", minProperties=1),
            "maxProperties": _of("object", maxProperties=1),
        },
    }
)
_ECHO_STATE: Final = from_json(
    {"type": "object", "properties": {"current": _STRING, "previous": _STRING}, "required": ["current"]}
)
_SWAP_STATE: Final = from_json(_record(a=_STRING, b=_STRING))
_PROVIDERS: Final = {
    "test": Described(),
    "secret-wrapper": Described(),
    "error": Described(inputs=from_json(_record(why=_STRING))),
    "schema": Described(_EVERYTHING, _EVERYTHING),
}
_ROTATORS: Final = {
    "swap": Described(ALWAYS, _SWAP_STATE, _SWAP_STATE),
    "echo": Described(from_json({**_record(next=_STRING), "rotateOnly": ["next"]}), _ECHO_STATE, _ECHO_STATE),
}


class World:
    """Answers effects as the cases expect; `folder` is the case's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, effect: Effect) -> Answer:  # noqa: PLR0911  (one return an effect)
        match effect:
            case LoadEnvironment():
                return self._load(effect)
            case FindProvider():
                return _PROVIDERS.get(effect.name) or Failed(f'unknown provider "{effect.name}"')
            case FindRotator():
                return _ROTATORS.get(effect.name) or Failed(f'unknown rotator "{effect.name}"')
            case OpenRotator():
                return _open_rotator(effect)
            case RotateState():
                return _rotate(effect)
            case OpenProvider():
                return _open_provider(effect)
            case Decrypt():
                return _decrypt(effect)
            case _:
                raise TypeError(f"no double answers {effect!r}")

    def _load(self, effect: LoadEnvironment) -> Answer:
        path = self._folder / f"{effect.name}.yaml"
        if not path.is_file():
            return Failed(f'environment "{effect.name}" not found')
        return Loaded(*parse_text(effect.name, path.read_bytes()))


def _open_provider(effect: OpenProvider) -> Answer:
    if effect.provider == "error":
        return Failed(effect.inputs["why"])
    return Opened(effect.value, secret=effect.provider == "secret-wrapper")


def _open_rotator(effect: OpenRotator) -> Answer:
    if effect.provider == "echo":
        following = effect.value.properties["next"]
        if not following.is_unknown and following.reveal() != _current(effect.state_value):
            return Failed("oh no! inputs were evaluated outside of rotation")
    return Opened(effect.state_value, secret=False)


def _rotate(effect: RotateState) -> Answer:
    state = effect.state_value.properties
    if effect.provider == "swap":
        return Rotated({"a": state["b"], "b": state["a"]}, secret=False)
    following = effect.value.properties["next"]
    if following.is_unknown:
        return Failed("oh no! rotateOnly inputs were not evaluated during rotation")
    return Rotated({"current": following, "previous": state.get("current")}, secret=False)


def _current(state: Value) -> object:
    current = state.properties.get("current")
    return None if current is None else current.reveal()


def _decrypt(effect: Decrypt) -> Answer:
    return Decrypted(bytes((byte + 128) % 256 for byte in effect.ciphertext))
