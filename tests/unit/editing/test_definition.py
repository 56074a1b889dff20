"""Values as one would write them down, and a rotator's new state put back into its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.editing import definition_of, patch_text
from esc_operator.evaluation import Described, Mode, Opened, Rotated
from esc_operator.lang.numbers import Number
from unit.evaluation.drive import World, evaluate, revealed

if TYPE_CHECKING:
    from esc_operator.evaluation import OpenRotator, RotateState

TEXT = """\
values:
  one:
    fn::rotate::keys:
      inputs: {user: me} # whose
      state: {key: old}
  use: ${one.key}
"""


def opened(effect: OpenRotator) -> Any:
    return Opened(effect.state, secret=False)


def renewed(_: RotateState) -> Any:
    return Rotated({"key": "pa$$ word", "list": ["${x}", 5]})


def test_a_new_state_can_be_written_back_with_its_secrets_wrapped() -> None:
    outside = World(rotators={"keys": (Described(), opened, renewed)})
    patch = evaluate(TEXT, outside, mode=Mode.ROTATE).patches[0]
    wrapped = {
        "key": {"fn::secret": "pa$$$$ word"},
        "list": [{"fn::secret": "$${x}"}, {"fn::fromJSON": {"fn::secret": "5"}}],
    }
    assert definition_of(patch.replacement) == wrapped
    text = patch_text(TEXT, patch.path, definition_of(patch.replacement))
    assert text is not None
    assert "{user: me} # whose" in text
    again = evaluate(text, outside)
    assert revealed(again)["one"]["key"] == "pa$$ word"
    assert again.value is not None
    assert "pa$$ word" not in str(again.value.lookup(("use",)))


def test_definitions_are_what_one_would_write() -> None:
    text = "values: {a: [1, null, 'x$$y', {b$$c: {fn::secret: s}}], d: '${gone}'}"
    evaluation = evaluate(text, mode=Mode.OPEN)
    assert evaluation.value is not None
    assert definition_of(evaluation.value) == {
        "a": [Number("1"), None, "x$$y", {"b$$c": {"fn::secret": "s"}}],
        "d": None,
    }
