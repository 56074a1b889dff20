"""Who or what refuses a write, and what a person does about it: a table, in the order in which it is searched. Pure.

What was sent may hold secrets, and whoever refuses it may quote it: an admission webhook says what it likes, a policy's
`messageExpression` reads the object. So an answer's words are compared with the few forms that the API server writes
itself, at their beginning, since behind it others have the word. What is taken out of them is a name that only an
administrator can give, or a number; everything else that is told stands here. A policy's own message is told where it
is, to the letter, one that stands in the policy itself: it was written before there was any value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from esc_operator.projection.secret import SECRET_TOO_LARGE
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Collection

_NAME: Final = r"([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)"
_FORBIDDEN: Final = r'secrets "[^"]{0,253}" is forbidden: '

LONGEST_MESSAGE: Final = 400
"""Characters of a policy's own message that are told."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`cause`: who or what refuses, and why; `advice`: what a person does about it, "" for nothing. `denies`:
    somebody has looked at the object and refuses it. `outage`: nobody has, so the same write may succeed as soon as
    something works again. `reason`: where the code of the answer says too little."""

    cause: str
    advice: str = ""
    outage: bool = False
    reason: str = ""
    denies: bool = False

    def __str__(self) -> str:
        return f"{self.cause}: {self.advice}" if self.advice else self.cause


@dataclass(frozen=True, slots=True)
class Rule:
    """`begins`: how the API server's words begin; its groups fill the places of `cause` and `advice`."""

    begins: re.Pattern[str]
    cause: str
    advice: str = ""
    outage: bool = False
    reason: str = ""
    denies: bool = False

    def read(self, words: str) -> Refusal | None:
        if (found := self.begins.match(words)) is None:
            return None
        cause = self.cause.format(*found.groups())
        return Refusal(cause, self.advice, self.outage, self.reason, self.denies)


def _rule(  # noqa: PLR0913 - the parts of a rule
    begins: str, cause: str, advice: str = "", *, outage: bool = False, reason: str = "", denies: bool = False
) -> Rule:
    return Rule(re.compile(begins), cause, advice, outage, reason, denies)


_SHOW_WORDS = (
    "its words may quote a value and are not shown. Look at what it says of a Secret without values (kubectl create "
    "secret generic try --dry-run=server, in the same namespace), and change spec.target or the values, or ask whoever "
    "runs it"
)
_SHOW_RULES = (
    "its words may quote a value and are not shown. Look at its rules, change spec.target or the values so that they "
    "hold, or ask the administrator of the cluster"
)
_DO_AS_IT_SAYS = "change spec.target or the values so that it holds, or ask the administrator of the cluster"
_BRING_BACK = "whoever runs it has to bring it back, or to leave these Secrets out of its rules. The write is repeated"
_ADD_RIGHT = "grant it as in deploy/, where all of the operator's rights are"
_FREE = "delete Secrets that nobody needs from this namespace, or ask its administrator for a larger quota"
_SHORTEN = (
    "a Secret takes 1 MiB of values, and 1.5 MiB with the names of its keys, labels and annotations, unless the "
    "administrator of the cluster has set another limit. Shorten them, or split the environment"
)
_FREE_STORAGE = "the administrator of the cluster has to free space in etcd. The write is repeated"

_RULES: Final[tuple[Rule, ...]] = (
    _rule(
        rf'admission webhook "{_NAME}" denied the request',
        'the admission webhook "{}" denies it',
        _SHOW_WORDS,
        denies=True,
    ),
    _rule(
        rf"{_FORBIDDEN}exceeded quota: {_NAME}, requested: (?:[a-z./]+=[0-9]+,?)+, "
        r"used: ([a-z./]+)=([0-9]{1,9}), limited: [a-z./]+=([0-9]{1,9})$",
        'the ResourceQuota "{0}" is used up ({1}: {2} of {3})',
        _FREE,
    ),
    _rule(rf"{_FORBIDDEN}exceeded quota: {_NAME}, requested", 'the ResourceQuota "{}" is used up', _FREE),
    _rule(
        rf"{_FORBIDDEN}status unknown for quota: {_NAME},",
        'the use of the ResourceQuota "{}" is not known yet',
        "it is counted within seconds. The write is repeated",
        outage=True,
    ),
    _rule(
        rf"{_FORBIDDEN}insufficient quota to (?:consume|match)",
        "the API server takes Secrets only where a ResourceQuota covers them",
        "ask the administrator of the cluster for one in this namespace",
    ),
    _rule(
        rf"{_FORBIDDEN}unable to create new content in namespace {_NAME} because", 'the namespace "{}" is being deleted'
    ),
    _rule(rf'namespaces "{_NAME}" not found', 'there is no namespace "{}"'),
    _rule(
        rf'{_FORBIDDEN}User "[^"]{{0,253}}" cannot ([a-z]{{1,20}}) resource "secrets"',
        "the operator has no right to {} Secrets there",
        _ADD_RIGHT,
    ),
    _rule(r"Apply failed with ([0-9]{1,9}) conflict", "other field managers own {} of its fields"),
    _rule(r'Operation cannot be fulfilled on secrets "', "another writer has just changed it"),
    _rule(
        r"(?:etcdserver: request is too large|rpc error: code = ResourceExhausted|Request entity too large)",
        "it is too large for the API server",
        _SHORTEN,
        reason=SECRET_TOO_LARGE,
    ),
    _rule(
        r"(?:rpc error: .{0,60})?(?:etcdserver: )?(?:mvcc: )?database space exceeded",
        "the API server's storage is full",
        _FREE_STORAGE,
        outage=True,
    ),
    _rule(
        r"(?:rpc error: .{0,60})?etcdserver: (?:request timed out|leader changed|no leader|too many requests)",
        "the API server's storage does not answer",
        outage=True,
    ),
)

_UNREACHED: Final = re.compile(rf'Internal error occurred: failed calling webhook "{_NAME}"')

_FAILURES: Final = (
    (re.compile(r"connect: connection refused$"), "connection refused"),
    (
        re.compile(r"(?:context deadline exceeded|Client\.Timeout exceeded[a-z ]*|i/o timeout|[tT]imeout[a-z ]*)\)?$"),
        "no answer in time",
    ),
    (re.compile(r"(?:no such host|server misbehaving)$"), "its host name is not found"),
    (re.compile(r"no endpoints available for service \"[^\"]*\"$"), "its Service has no endpoints"),
    (re.compile(r"service \"[^\"]*\" not found$"), "its Service does not exist"),
    (re.compile(r"(?:no route to host|network is unreachable)$"), "no way to its host"),
    (re.compile(r".*(?:x509|tls): ", re.DOTALL), "its certificate is not accepted"),
    (re.compile(r".*received invalid webhook response", re.DOTALL), "its answer is none of a webhook"),
)

_DENIED_BY_POLICY: Final = re.compile(
    rf"(?:[-a-z0-9.]+ )?\"[^\"]{{0,253}}\" is forbidden: ValidatingAdmissionPolicy '{_NAME}'"
    r"(?: with binding '[^']{0,253}')? denied request: "
)
_MUTATED: Final = re.compile(rf"{_FORBIDDEN}admission request denied by policy")
_MUTATING: Final = re.compile(rf"policy ['\"]{_NAME}['\"]")

_FIXED: Final = ("failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",)
"""What the API server says itself in a policy's place."""


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """What a ValidatingAdmissionPolicy may say that stands in it to the letter: `messages` in place of what fails, and
    the `expressions` that may fail to be evaluated."""

    messages: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()


NO_WORDS: Final = PolicyWords()


def denying_policy(words: str) -> str:
    """The name of the ValidatingAdmissionPolicy that an answer says to deny the write; "" where it is none."""
    found = _DENIED_BY_POLICY.match(words)
    return found[1] if found else ""


def find_refusal(words: str, of_policy: PolicyWords = NO_WORDS, causes: Collection[str] = ()) -> Refusal | None:
    """Who has refused a request, where that can be told for sure. `of_policy` are the words of the policy that denies
    it, `causes` those of the answer's details."""
    if found := _DENIED_BY_POLICY.match(words):
        return _denied_by_policy(found[1], words[found.end() :], of_policy)
    if found := _UNREACHED.match(words):
        return _unreached(found[1], words)
    if _MUTATED.match(words):
        name = next((named[1] for cause in causes if (named := _MUTATING.match(cause))), "")
        who = f'the MutatingAdmissionPolicy "{name}"' if name else "a MutatingAdmissionPolicy"
        return Refusal(f"{who} denies it", _SHOW_RULES, denies=True)
    return next((refusal for rule in _RULES if (refusal := rule.read(words))), None)


def _denied_by_policy(name: str, said: str, of_policy: PolicyWords) -> Refusal:
    who = f'the ValidatingAdmissionPolicy "{name}"'
    if said in of_policy.messages or said in _FIXED:
        return Refusal(f'{who} denies it: "{_shorten(said)}"', _DO_AS_IT_SAYS, denies=True)
    for expression in of_policy.expressions:
        if said.startswith(f"expression '{expression}' resulted in error: "):
            return Refusal(f'{who} cannot be evaluated for it ("{_shorten(expression)}")', _SHOW_RULES, denies=True)
    return Refusal(f"{who} denies it", _SHOW_RULES, denies=True)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _unreached(name: str, words: str) -> Refusal:
    """Only which of these failures it is: a webhook's own answer may be among the words."""
    why = next((told for pattern, told in _FAILURES if pattern.search(words)), "the call fails")
    return Refusal(
        f'the admission webhook "{name}" cannot be reached ({why})',
        _BRING_BACK,
        outage=True,
        reason=reasons.WEBHOOK_UNAVAILABLE,
    )


_OF_FIELDS: Final = (
    (("data", "FieldValueForbidden"), "the Secret is immutable: delete it, and it is made again with the new values"),
    (("type", "FieldValueInvalid"), "the type of a Secret cannot be changed: delete it, and it is made again"),
    (("type", "FieldValueForbidden"), "the type of a Secret cannot be changed: delete it, and it is made again"),
    (("data", "FieldValueTooLong"), _SHORTEN),
    (("metadata.labels", ""), "correct spec.target.labels"),
    (("metadata.annotations", ""), "correct spec.target.annotations"),
    (("metadata.name", ""), "correct spec.target.name"),
    (("data[", "FieldValueRequired"), "a Secret of this type needs that key: export it, or change spec.target.type"),
    (("data", ""), "correct what is exported under that name, or spec.target.type"),
)


def advise_on_field(field: str, reason: str) -> str:
    """What to do about a field of a Secret that the API server refuses as invalid; "" where that is not known."""
    for (begin, expected), advice in _OF_FIELDS:
        if field.startswith(begin) and expected in {"", reason}:
            return advice
    return ""
