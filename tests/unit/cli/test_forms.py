"""Every form is made by the program or library that writes it so, and must not pass the redaction."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import shlex
import shutil
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esc_operator.cli.forms import HEAD, forms
from esc_operator.cli.redaction import TOKEN, Matcher, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

URI_COMPONENT, URI = "-_.!~*'()", "-_.!~*'();/?:@&=+$,#"
GO_SEGMENT, GO_USER = "-_.~$&+:=@", "-_.~$&+,;="
GO_TAGS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def dumps(text: str, **options: bool) -> str:
    return json.dumps(text, **options)[1:-1]  # type: ignore[arg-type]


def dumps_go(text: str) -> str:
    return dumps(text, ensure_ascii=False).translate(GO_TAGS)


def lower(text: str) -> str:
    """The hexadecimal digits of percent-encoding in lower case."""
    parts = text.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])


def as_csv(text: str) -> str:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow([text])
    return file.getvalue()[1:-3]


# Each writes what stands before a text, the text and what stands after it in one go, as a program would.
WRITERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quote": quote,
    "quote with nothing safe": lambda text: quote(text, safe=""),
    "quote_plus": quote_plus,
    "quote_plus in lower case": lambda text: lower(quote_plus(text)),
    "a form": lambda text: urlencode({"": text})[1:],
    "encodeURIComponent": lambda text: quote(text, safe=URI_COMPONENT),
    "encodeURIComponent in lower case": lambda text: lower(quote(text, safe=URI_COMPONENT)),
    "encodeURI": lambda text: quote(text, safe=URI),
    "Go's PathEscape": lambda text: quote(text, safe=GO_SEGMENT),
    "Go's UserPassword": lambda text: quote(text, safe=GO_USER),
    "a form of a browser": lambda text: quote_plus(text, safe="*").replace("~", "%7E"),
    "percent-encoding of every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent-encoding twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html.escape": html.escape,
    "html.escape without quotes": lambda text: html.escape(text, quote=False),
    "XML": escape,
    "XML's attributes": lambda text: quoteattr("'\"" + text)[len("\"'&quot;") : -1],
    "XML in ASCII": lambda text: escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "decimal references": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "hexadecimal references": lambda text: "".join(f"&#x{ord(sign):x};" for sign in text),
    "hexadecimal references in upper case": lambda text: "".join(f"&#x{ord(sign):X};" for sign in text),
    "Go's html.EscapeString": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "JSON": lambda text: dumps(text, ensure_ascii=False),
    "JSON in ASCII": dumps,
    "JSON with slashes escaped": lambda text: dumps(text).replace("/", r"\/"),
    "Go's JSON": dumps_go,
    "JSON in JSON": lambda text: dumps(dumps(text)),
    "JSON in JSON, not in ASCII": lambda text: dumps(dumps(text, ensure_ascii=False), ensure_ascii=False),
    "Go's JSON in Go's JSON": lambda text: dumps_go(dumps_go(text)),
    "JSON in JSON in JSON": lambda text: dumps(
        dumps(dumps(text, ensure_ascii=False), ensure_ascii=False), ensure_ascii=False
    ),
    "JSON in HTML": lambda text: html.escape(dumps(text)),
    "JSON in single quotes": lambda text: dumps(text).replace("'", r"'\''"),
    "JSON in a URL": lambda text: quote(dumps(text), safe=""),
    "repr of JSON": lambda text: repr("'\"" + dumps(text))[4:-1],
    "repr": lambda text: repr(text)[1:-1],
    "repr with both quotes": lambda text: repr("'\"" + text)[4:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "ascii with both quotes": lambda text: ascii("'\"" + text)[4:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "repr of bytes with both quotes": lambda text: repr(b"'\"" + text.encode())[5:-1],
    "JSON of repr": lambda text: dumps(repr("'\"" + text)[4:-1]),
    "shlex.quote": lambda text: shlex.quote(" " + text)[2:-1],
    "single quotes": lambda text: text.replace("'", r"'\''"),
    "double quotes": lambda text: "".join(f"\\{sign}" if sign in '\\"$`' else sign for sign in text),
    "CSV": as_csv,
    "single quotes doubled": lambda text: text.replace("'", "''"),
    "YAML": lambda text: yaml.dump(text, default_style='"', width=10**9)[1:-2],
    "YAML, not in ASCII": lambda text: yaml.dump(text, default_style='"', width=10**9, allow_unicode=True)[1:-2],
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in upper case": lambda text: text.encode().hex().upper(),
    "hexadecimal with colons": lambda text: text.encode().hex(":"),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    r"\x of every byte": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
}
assert all(write("plain") for write in WRITERS.values())

# Those that write a text otherwise when something stands beside it, so that neighbours are put around what is written.
DEPENDENT = {"repr", "ascii", "repr of bytes", "hexadecimal with colons", "hexadecimal with spaces"}

# Few, since every sign is looked up in some two hundred tables when it is met for the first time.
SIGNS = st.characters(max_codepoint=0x17F)
COMMON = st.sampled_from("aZ09 /+=%&<>\"'\\$`!@#:;,.?*()[]{}|~^-_\n\t\u00e9\u2028\U0001f511")
TEXT = st.text(SIGNS | COMMON, min_size=8, max_size=40)
NEIGHBOUR = st.text(SIGNS | COMMON, max_size=10)


def redact(secrets: list[str], data: bytes, cuts: list[int]) -> bytes:
    return redact_with(Matcher(forms(secrets)), data, cuts)


def redact_with(matcher: Matcher, data: bytes, cuts: list[int]) -> bytes:
    redactor = Redactor(matcher)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    chunks = [data[start:end] for start, end in pairwise(places)]
    return b"".join(map(redactor.feed, chunks)) + redactor.finish()


def encode(text: str) -> bytes:
    return text.encode("utf-8")


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=15, deadline=None)
@given(
    secret=TEXT | st.text(COMMON, min_size=8, max_size=3 * HEAD),
    before=NEIGHBOUR,
    after=NEIGHBOUR,
    others=st.lists(TEXT, max_size=2),
    cuts=st.lists(st.integers(0, 10_000), max_size=4),
)
@example(secret='p/w+d="quo\'te" <&> 100%\\$x`~', before="a", after="b", others=[], cuts=[5])
@example(secret='line one\'s "x"\nline two\t\u00e9\u2028\U0001f511', before="", after="", others=[], cuts=[])
def test_no_form_of_a_secret_passes_split_anywhere_with_any_neighbours(  # noqa: PLR0917 - by keyword, from hypothesis
    name: str, secret: str, before: str, after: str, others: list[str], cuts: list[int]
) -> None:
    write = WRITERS[name]
    # White space around a secret is none of it.
    core = secret.encode().strip().decode()
    if len(core.encode()) < 8:
        return
    form = encode(write(core))
    written = encode(before) + form + encode(after) if name in DEPENDENT else encode(write(before + core + after))
    matcher = Matcher(forms([secret, *others]))
    redacted = redact_with(matcher, written, cuts)
    assert redacted == redact_with(matcher, written, [])
    for piece in redacted.split(TOKEN):
        assert form not in piece
    if form in written:
        assert TOKEN in redacted


@settings(deadline=None, max_examples=50)
@given(
    secret=TEXT,
    before=st.binary(max_size=10),
    after=st.binary(max_size=10),
    cuts=st.lists(st.integers(0, 10_000), max_size=4),
)
@pytest.mark.parametrize("encode_base64", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_hidden_whatever_is_encoded_with_it(
    encode_base64: Callable[[bytes], bytes], secret: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    core = secret.encode().strip()
    if len(core) < 8:
        return
    redacted = redact([secret], encode_base64(before + core + after), cuts)
    # The characters at both ends belong to the neighbours as well.
    whole = encode_base64(b"\0" * len(before) + core)
    middle = whole[(len(before) * 8 + 5) // 6 : (len(before) + len(core)) * 8 // 6]
    assert middle not in redacted
    assert TOKEN in redacted


@settings(deadline=None, max_examples=50)
@given(
    secrets=st.lists(st.text("ABC'\"/ ", min_size=8, max_size=30), max_size=3),
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 10_000), max_size=4),
)
def test_text_without_secrets_passes_byte_for_byte(secrets: list[str], data: bytes, cuts: list[int]) -> None:
    found = [form.head for form in forms(secrets) if form.head in data]
    if not found:
        assert redact(secrets, data, cuts) == data


LINE = (
    rb"""10.0.0.1 - - "GET /a%20b?x=1&y=&lt;2&gt; HTTP/1.1" 200 {"a": "\u00e9\n", """
    rb"""'k': 'it'\''s'} 68:65:6c \x00 $HOME"""
    b"\n"
)


@settings(deadline=None, max_examples=50)
@given(
    secrets=st.lists(st.text(COMMON, max_size=20).map(lambda text: f"\U0001f511{text}~|~|~|~"), min_size=1, max_size=2)
)
def test_what_is_full_of_escapes_passes_byte_for_byte(secrets: list[str]) -> None:
    assert redact(secrets, LINE * 20, [7, 1000, 2001]) == LINE * 20


SHELL_SECRETS = (
    'p/w d=\'x"y" $HOME`id`\\n!#~{a,b}*?[z]|&;<>()^%',
    "it's a secret",
    "tab\there",
    "line one\nline two's",
    "caf\u00e9 au lait",
    "bell\a esc\x1b[0m end",
    "#user~x=#y",
)


@pytest.mark.parametrize("secret", SHELL_SECRETS)
@pytest.mark.parametrize(
    "script",
    [
        'set -x; : "$S"',
        'set -x; : --password="$S"',
        'set -x; T="$S"',
        "export -p",
        "declare -p S",
        "set",
        "printf '%q\\n' \"$S\"",
        "printf '%s\\n' \"${S@Q}\"",
        "printf '%s\\n' \"${S@A}\"",
        'printf \'%s\\n\' "${S@E}" > /dev/null; alias s="$S"; alias',
        'trap "$S" USR1; trap',
        "/usr/bin/printf '%q\\n' \"$S\"",
    ],
)
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_what_a_shell_shows_of_a_secret_is_hidden(shell: str, script: str, secret: str) -> None:
    program = shutil.which(shell)
    if program is None or (shell == "dash" and any(word in script for word in ("declare", "%q", "@", "alias", "trap"))):
        pytest.skip("not of this shell")
    for locale in ("C", "C.UTF-8"):
        answer = subprocess.run(
            [program, "-c", script],
            env={"S": secret, "PATH": "/usr/bin:/bin", "LC_ALL": locale},
            capture_output=True,
            check=False,
        )
        shown = redact([secret], answer.stdout + answer.stderr, [3, 40])
        assert TOKEN in shown, (answer.stdout, answer.stderr)
        # No word of the secret is left over beside the token.
        words = [word for word in ("HOME", "secret", "here", "line two", "lait", "bell", "user") if word in secret]
        left = shown.replace(TOKEN, b"")
        assert not any(word.encode() in left for word in words), shown


def test_a_secret_within_json_is_hidden() -> None:
    secret = 'pass"word\nñ/x'
    assert redact([secret], json.dumps({"v": secret}).encode(), []) == b'{"v": "[secret]"}'


def test_an_indented_block_of_a_secret_of_many_lines_is_hidden() -> None:
    secret = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEA\n-----END KEY-----\n"
    shown = redact([secret], ("key: |\n" + "".join(f"  {line}\n" for line in secret.splitlines())).encode(), [])
    assert shown == b"key: |\n" + b"  [secret]\n" * 4


@pytest.mark.parametrize("wrap", [0, 64, 76])
@pytest.mark.parametrize("alignment", [0, 1, 2])
def test_base64_of_a_secret_is_hidden_at_every_alignment_and_wrapping(wrap: int, alignment: int) -> None:
    secret = "correct horse battery staple, and then a good deal more of the same to make it wrap"
    encoded = base64.b64encode(b"x" * alignment + secret.encode() + (b"!" if alignment else b"")).decode()
    lines = [encoded[at : at + wrap] for at in range(0, len(encoded), wrap)] if wrap and not alignment else [encoded]
    redacted = redact([secret], "\n".join(lines).encode(), [])
    left = redacted.replace(TOKEN, b"").replace(b"=", b"").strip()
    assert len(left) <= 6
