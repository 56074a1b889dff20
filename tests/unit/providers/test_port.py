"""What the port promises of tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.providers.port import IdentityToken


@given(st.text(min_size=1).map(lambda text: f"<{text}>"))
def test_a_token_shows_only_when_it_is_revealed(text: str) -> None:
    token = IdentityToken(text, None)
    assert text not in f"{token} {token!r} {[token]} {vars(type(token))['__slots__']}"
    assert token.reveal() == text
