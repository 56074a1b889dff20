"""How programs write a text inside other texts: URLs, shells, HTML, JSON, source code. Pure.

Each escape maps single characters, so the form of a text's beginning is the beginning of the text's form. `PARTIAL`
escapes leave letters and digits unchanged, `WHOLE` ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Rule = Callable[[str], str]

_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_AS_THEY_ARE = {ord(sign): sign for sign in _PLAIN}


class Escape(dict[int, str]):
    """A table for `str.translate`: the `known` characters, and each new one by the rule. Most tables know letters and
    digits, which most secrets consist of: for these the rule would be most of the work."""

    def __init__(self, rule: Rule, known: Mapping[int, str] | None = None) -> None:
        super().__init__(known or ())
        self._rule = rule

    def __missing__(self, code: int) -> str:
        text = self[code] = self._rule(chr(code))
        return text


def _within(inner: Escape, *outer: Escape) -> Escape:
    """One after the other: JSON within JSON."""

    def rule(character: str) -> str:
        text = inner[ord(character)]
        for escape in outer:
            text = text.translate(escape)
        return text

    return Escape(rule, _AS_THEY_ARE)


def _bytes_of(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass" if "\ud800" <= character < "\udc80" else "surrogateescape")


def each_byte(template: str) -> Rule:
    """Every byte by a template, such as `%{:02X}`."""
    return lambda character: "".join(map(template.format, _bytes_of(character)))


def _each_unit(template: str) -> Rule:
    """Every UTF-16 code unit by a template: characters beyond U+FFFF have two."""
    return lambda character: "".join(
        template.format(int.from_bytes(unit, "big"))
        for data in (character.encode("utf-16-be", "surrogatepass"),)
        for unit in (data[:2], data[2:])
        if unit
    )


def _each_character(template: str) -> Rule:
    return lambda character: template.format(ord(character))


def _unchanged(character: str) -> str:
    return character


def _escape(special: Mapping[str, str], control: Rule = _unchanged, beyond: Rule = _unchanged) -> Escape:
    """Special characters by a table, other control characters and those beyond ASCII by a rule each."""

    def rule(character: str) -> str:
        if character in special:
            return special[character]
        if character < " " or character == "\x7f":
            return control(character)
        return character if character < "\x7f" else beyond(character)

    return Escape(rule, _AS_THEY_ARE)


def _but(safe: str, other: Rule, special: Mapping[str, str] | None = None) -> Escape:
    """Everything but letters, digits and the safe characters, by a rule."""
    kept = frozenset(safe)
    special = special or {}
    return Escape(
        lambda character: special.get(character) or (character if character in kept else other(character)), _AS_THEY_ARE
    )


# -- percent-encoding: the characters that each encoder leaves unchanged

_UNRESERVED = "-_.~"
_SAFE_IN_URLS = (
    _UNRESERVED,  # RFC 3986, Python's quote(safe="") and quote_plus, Go's QueryEscape, curl, jq
    _UNRESERVED + "/",  # Python's quote
    "-_.!~*'()",  # encodeURIComponent
    "-_.!~*'();/?:@&=+$,#",  # encodeURI
    "*-._",  # forms as browsers and Java write them
    "-_.",  # PHP's urlencode, older RFCs
    _UNRESERVED + "$&+:=@",  # Go's PathEscape
    _UNRESERVED + "$&+,/:;=@",  # a path in Go's URL
    _UNRESERVED + "$&+,;=",  # a user in Go's URL
    _UNRESERVED + "!$&'()*+,;=",  # a user's password by RFC 3986
    _UNRESERVED + "!$&'()*+,;=:@",  # a segment of a path by RFC 3986
    _UNRESERVED + "!$&'()*+,;=:@/?",  # a query or a fragment by RFC 3986
    "@*_+-./",  # JavaScript's escape
    "!$%&'()*+,-.:;=@[]^_`{|}~/\\",  # a query as browsers write it
    "!$%&()*+,-./:;=@[\\]^_|~'",  # a path as browsers write it
    "!$%&()*+,-._~'",  # a user's password as browsers write it
)
_BYTE = ("%{:02X}", "%{:02x}")
_PLUS = {" ": "+"}

_PERCENT = [_but(safe, each_byte(template)) for safe in _SAFE_IN_URLS for template in _BYTE]

# -- JSON

_SHORT = {"\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_DELETE = {"\x7f": "\x7f"}
_JSON = {'"': r"\"", "\\": r"\\", **_SHORT}
_SLASH = {"/": r"\/"}
_LOWER, _UPPER = _each_unit(r"\u{:04x}"), _each_unit(r"\u{:04X}")
_GO = {**{sign: _LOWER(sign) for sign in "<>&\b\f\u2028\u2029"}}
_GO_NEWER = {sign: _LOWER(sign) for sign in "<>&\u2028\u2029"}
_HTML_SAFE = {sign: _UPPER(sign) for sign in "<>&'\"+`"}
_HEX_TAG = {sign: _UPPER(sign) for sign in "<>&'\""}

_json = _escape({**_JSON, **_DELETE}, _LOWER)
_json_ascii = _escape(_JSON, _LOWER, _LOWER)
_go_json = _escape({**_JSON, **_DELETE, **_GO}, _LOWER)
_slash_json = _escape({**_JSON, **_DELETE, **_SLASH}, _LOWER)
_IN_JSON = [
    _json,
    _json_ascii,
    _go_json,
    _escape({**_JSON, **_DELETE, **_GO_NEWER}, _LOWER),
    _escape(_JSON, _LOWER),  # jq
    _escape(_JSON, _UPPER, _UPPER),
    _slash_json,
    _escape({**_JSON, **_SLASH}, _LOWER, _LOWER),
    _escape({**_JSON, **_HTML_SAFE}, _UPPER, _UPPER),  # .NET
    _escape({**_JSON, **_HEX_TAG, **_SLASH}, _LOWER, _LOWER),  # PHP
    _escape({**_JSON, **_GO, "'": r"\u0027", "=": r"\u003d"}, _LOWER),  # Gson
]

# -- HTML and XML

_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
_TEXT = {sign: _NAMED[sign] for sign in "&<>"}
_DOUBLE = {**_TEXT, '"': "&quot;"}
_WHITE = [
    {sign: template.format(ord(sign)) for sign in "\t\n\r"}
    for template in ("&#{};", "&#x{:X};", "&#x{:x};", "&#{:02};")
]
_DECIMAL, _HEXADECIMAL, _HEXADECIMAL_UPPER = (_each_character(each) for each in ("&#{};", "&#x{:x};", "&#x{:X};"))


def _named(character: str) -> str:
    # A table of two thousand names, which few secrets need.
    from html.entities import codepoint2name

    name = codepoint2name.get(ord(character))
    return f"&{name};" if name else character


_html = _escape({**_DOUBLE, "'": "&#x27;"})
_xml = _escape(_NAMED)
_html_double = _escape(_DOUBLE)
_IN_HTML = [
    _html,
    _xml,
    _escape({"&": "&amp;", "<": "&lt;"}),
    _escape(_TEXT),
    _escape(_TEXT, beyond=_DECIMAL),
    _html_double,
    _escape(_DOUBLE, beyond=_DECIMAL),
    _escape(_DOUBLE, beyond=_named),
    *(_escape({**_DOUBLE, **white}) for white in _WHITE),
    *(_escape({**_NAMED, **white}) for white in _WHITE),
    _escape({**_DOUBLE, "'": "&#39;"}),
    _escape({**_DOUBLE, "'": "&#039;"}),  # PHP
    _escape({**_TEXT, '"': "&#34;", "'": "&#39;"}),  # Go
    _escape(
        {**_TEXT, '"': "&#34;", "'": "&#39;", **_WHITE[2], "\n": "&#xA;", "\t": "&#x9;", "\r": "&#xD;"}
    ),  # Go's XML
    _escape({**_TEXT, '"': "&#34;", "'": "&#39;", "+": "&#43;"}),  # Go's templates
    _escape({**_DOUBLE, "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"}),  # Mustache
    _escape({**_DOUBLE, "'": "&#x27;", "/": "&#x2F;"}),  # OWASP
    _escape({**_DOUBLE, "'": "&#x27;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"}),  # Handlebars
    *(
        _escape({sign: rule(sign) for sign in "&<>\"'"}, beyond=rule)
        for rule in (_DECIMAL, _HEXADECIMAL, _HEXADECIMAL_UPPER)
    ),
    *(_but("", rule) for rule in (_DECIMAL, _HEXADECIMAL, _HEXADECIMAL_UPPER)),
    *(_but(" ", rule) for rule in (_DECIMAL, _HEXADECIMAL, _HEXADECIMAL_UPPER)),
]

# -- shells

_OCTAL = each_byte("\\{:03o}")
_ANSI = {"\\": r"\\", "'": r"\'", "\a": r"\a", "\v": r"\v", "\x1b": r"\E", **_SHORT}


def _gnu_octal(character: str) -> str:
    return f"'$'{_OCTAL(character)}''"


_GNU = {"'": r"'\''", **{sign: f"'$'{code}''" for sign, code in {**_SHORT, "\a": r"\a", "\v": r"\v"}.items()}}
_IN_WORDS = "\\|&;()<>{}[]?*!^$`\"' \t,"

_single = _escape({"'": r"'\''"})
_double = _escape({sign: f"\\{sign}" for sign in '\\"$`'})
_word = _escape({sign: f"\\{sign}" for sign in _IN_WORDS})  # bash's printf %q
_python_quote = _escape({"'": "'\"'\"'"})
_IN_SHELLS = [
    _single,
    _python_quote,
    _double,
    _escape({sign: f"\\{sign}" for sign in '\\"$`!'}),
    _word,
    _escape({sign: f"\\{sign}" for sign in _IN_WORDS + "~#"}),
    _escape({sign: f"\\{sign}" for sign in _IN_WORDS + "~#="}),  # zsh
    _escape({**{sign: f"\\{sign}" for sign in _IN_WORDS + "~#="}, "\n": "$'\\n'", "\t": "$'\\t'"}),
    _but("%+-./:=@_,", lambda character: "'\n'" if character == "\n" else f"\\{character}"),  # Ruby's shellescape
    _but("%+-./:=@_", lambda character: "'\n'" if character == "\n" else f"\\{character}"),
    _escape(_ANSI, _OCTAL),  # bash's $'...'
    _escape(_ANSI, _OCTAL, _OCTAL),
    _escape({**_ANSI, '"': r"\""}, _OCTAL),
    _escape({**_ANSI, "\x1b": r"\e"}, each_byte(r"\x{:02x}")),  # ksh
    *(_escape(_GNU, _gnu_octal, beyond) for beyond in (_unchanged, _gnu_octal)),  # GNU ls and printf
    _escape({"'": r"\'", "\\": r"\\"}),  # fish
    _escape({"'": "''"}),  # SQL, YAML, PowerShell
    _escape({'"': '""'}),  # CSV
    _escape({"$": "$$"}),  # make, Compose
    _escape({"\n": "\r\n"}),  # a terminal
]

# -- source code, as repr, inspect and %q write it; which quotes are escaped depends on the text, so all are tried

_PAGE = each_byte(r"\x{:02x}")


def _beyond(narrow: str, wide: str, widest: str) -> Rule:
    """By the size of the code point: below 256, below 65536, above."""

    def rule(character: str) -> str:
        code = ord(character)
        return (narrow if code < 0x100 else wide if code < 0x10000 else widest).format(code)

    return rule


def _unless_printable(beyond: Rule) -> Rule:
    return lambda character: character if character.isprintable() else beyond(character)


_BACKSLASH = {"\\": r"\\"}
_PYTHON = {**_BACKSLASH, "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_GO_SHORT = {**_BACKSLASH, "\a": r"\a", "\v": r"\v", **_SHORT}
_QUOTES: list[dict[str, str]] = [{}, {"'": r"\'"}, {'"': r"\""}]
_PYTHON_WIDE = _beyond(r"\x{:02x}", r"\u{:04x}", r"\U{:08x}")

_repr, _repr_single, _ = (_escape({**_PYTHON, **quote}, _PAGE, _unless_printable(_PYTHON_WIDE)) for quote in _QUOTES)
_GO_WIDE = _beyond(r"\u{:04x}", r"\u{:04x}", r"\U{:08x}")
_YAML_WIDE = _beyond(r"\x{:02X}", r"\u{:04X}", r"\U{:08X}")
_YAML = {
    **_GO_SHORT,
    '"': r"\"",
    "\0": r"\0",
    "\x1b": r"\e",
    "\x85": r"\N",
    "\u2028": r"\L",
    "\u2029": r"\P",
    "\ufeff": r"\uFEFF",
}
_IN_CODE = [
    _repr,
    _repr_single,
    *(_escape({**_PYTHON, **quote}, _PAGE, _PYTHON_WIDE) for quote in _QUOTES),
    *(_escape({**_PYTHON, **quote}, _PAGE, _PAGE) for quote in _QUOTES),  # bytes
    *(
        _escape({**_GO_SHORT, **quote}, _PAGE, beyond)
        for quote in _QUOTES[1:]
        for beyond in (_unless_printable(_GO_WIDE), _PAGE)
    ),
    _escape({**_GO_SHORT, '"': r"\""}, _PAGE, _GO_WIDE),  # Go's %+q
    _escape({**_PYTHON, '"': r"\"", "\0": r"\0"}, _each_character(r"\u{{{:x}}}")),  # Rust
    _escape({**_GO_SHORT, '"': r"\"", "#": r"\#", "\x1b": r"\e"}, _each_character(r"\x{:02X}")),  # Ruby
    _escape({**_SHORT, **_BACKSLASH, "\v": r"\v", "'": r"\'"}, _each_character(r"\x{:02X}")),  # JavaScript
    # YAML between double quotes
    _escape(_YAML, _each_character(r"\x{:02X}")),
    _escape(
        _YAML,
        _each_character(r"\x{:02X}"),
        lambda character: character if "\xa0" <= character < "\U00010000" else _YAML_WIDE(character),
    ),
    _escape({**_YAML, "\xa0": r"\_"}, _each_character(r"\x{:02X}"), _YAML_WIDE),
    _escape({**_GO_SHORT, '"': r"\""}, _OCTAL, _OCTAL),  # C
]

# -- one within the other

_INNER = (_json, _json_ascii, _go_json, _repr, _repr_single)
_OUTER = (
    _json,
    _json_ascii,
    _go_json,
    _slash_json,
    _single,
    _python_quote,
    _double,
    _word,
    _html,
    _xml,
    _html_double,
    _repr_single,
    _PERCENT[0],
    _PERCENT[1],
)
_TWICE = [
    *(_within(inner, outer) for inner in _INNER for outer in _OUTER),
    *(_within(outer, inner) for inner in (_json, _go_json) for outer in (_single, _double, _html, _xml)),
    *(_within(each, each) for each in (*_PERCENT[:4], *_IN_JSON, _single, _html, _xml)),
    _within(_json, _json, _json),
    _within(_go_json, _go_json, _go_json),
]

PARTIAL: Sequence[Escape] = (*_PERCENT, *_IN_JSON, *_IN_HTML, *_IN_SHELLS, *_IN_CODE, *_TWICE)
"""Escapes that replace special characters, and leave letters and digits unchanged."""

WITH_SPACES: Sequence[Escape] = tuple(
    _but(safe, each_byte(template), _PLUS) for safe in _SAFE_IN_URLS for template in _BYTE
)
"""More of them, which differ only for texts with a space: they write a plus instead."""

WHOLE: Sequence[Escape] = tuple(
    Escape(rule)
    for rule in (
        *(each_byte(template) for template in ("{:02x}", "{:02X}", *_BYTE, r"\x{:02x}", r"\x{:02X}", "\\{:03o}")),
        *(_each_character(template) for template in ("&#{};", "&#x{:x};", "&#x{:X};")),
        _LOWER,
        _UPPER,
    )
)
"""Each character by its number. The first two are the most common ways to write hexadecimal."""

SEPARATED: Sequence[tuple[Escape, bytes]] = tuple(
    (Escape(each_byte(template + separator)), separator.encode())
    for template in ("{:02x}", "{:02X}")
    for separator in (":", " ")
)
"""Hexadecimal with a separator between bytes, and that separator."""
