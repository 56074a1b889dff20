from __future__ import annotations

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.cli.forms import forms
from esc_operator.cli.needles import needles_of

HEADS = st.sets(st.text("aabQ%9", min_size=1, max_size=30).map(str.encode), max_size=8)


@given(heads=HEADS)
def test_each_head_has_a_needle_at_the_offset_that_is_reported(heads: set[bytes]) -> None:
    needles = needles_of(heads)
    for head in heads:
        assert any(
            size == len(head) and head.startswith(needle, offset)
            for needle, places in needles.items()
            for offset, size in places
        )


@given(heads=HEADS)
def test_no_needle_begins_another(heads: set[bytes]) -> None:
    needles = list(needles_of(heads))
    assert not any(one.startswith(other) for one in needles for other in needles if one is not other)


def test_a_needle_begins_with_the_rarest_bytes_of_its_head() -> None:
    assert needles_of([b"the password is Qx7 and this"]) == {b"Qx7 and this": [(16, 28)]}
    assert needles_of([b"00112233f4556677"]) == {b"f4556677": [(8, 16)]}


def test_secrets_alike_behind_their_rarest_bytes_share_a_needle() -> None:
    assert needles_of([b"Qabcdefgh", b"1Qabcdefgh", b"Qabcdefgh-longer"]) == {b"Qabcdefg": [(1, 10), (0, 16), (0, 9)]}


def test_of_many_secrets_next_to_no_needle_begins_with_what_logs_are_full_of() -> None:
    draw = random.Random(1)
    signs = string.ascii_letters + string.digits + string.punctuation
    needles = needles_of(form.head for form in forms("".join(draw.choices(signs, k=40)) for _ in range(20)))
    common = [needle for needle in needles if needle[:1] in b"etaoinsr0123456789 :-./"]
    assert len(common) < len(needles) / 100
