"""What is said of texts that are no ARNs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.providers.aws.arns import policy_problem, role_problem, user_problem

ACCOUNT = "arn:aws:iam::123456789012"


@pytest.mark.parametrize(
    "arn",
    [f"{ACCOUNT}:role/app", f"{ACCOUNT}:role/team/app", "arn:aws-cn:iam::123456789012:role/app",
     "arn:aws-us-gov:iam::123456789012:role/app"],
)  # fmt: skip
def test_roles_of_every_partition_and_path_are_taken(arn: str) -> None:
    assert role_problem(arn) == ""


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("app", '"app" is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/app, with the number'),
        ("arn:aws:iam::1234:role/app", "with the number of the account, which has 12 digits"),
        ("arn:aws:iam::my-account:role/app", "with the number of the account, which has 12 digits"),
        (f"{ACCOUNT}:user/app", "that of a role looks like arn:aws:iam::123456789012:role/name"),
        ("arn:aws:sts::123456789012:assumed-role/app/me", "but of a session of one: write that of the role"),
        (f"{ACCOUNT}:role/", "is not the ARN of a role"),
        (f"{ACCOUNT}:role/a b", "is not the ARN of a role"),
        (f"{ACCOUNT}:role/app\n", "is not the ARN of a role"),
        ("", '"" is not the ARN of a role'),
    ],
)
def test_what_is_no_role_is_told_with_what_one_looks_like(arn: str, words: str) -> None:
    assert words in role_problem(arn)


@given(st.text(alphabet="abcdef0123456789:/-", min_size=30, max_size=600))
def test_a_wrong_text_is_repeated_as_a_whole_or_not_at_all(text: str) -> None:
    for problem in (role_problem(text), policy_problem(text), user_problem(text)):
        rest = problem.replace(text, "")
        assert not any(text[start : start + 12] in rest for start in range(0, len(text) - 12, 6))
