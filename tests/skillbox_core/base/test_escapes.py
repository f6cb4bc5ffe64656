"""A secret is found in every form in which our own code and the three languages print it."""

from __future__ import annotations

import html
import json
import shlex
import subprocess
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.escapes import forms
from skillbox_core.base.redaction import Redactor

SECRETS = [
    "pässwörd",
    "it's a\tsecret",
    'a"b\\c/d',
    "p@ss w/ord~+*",
    "q<u>&'\"x",
    "schlüssel\U0001f511é",
    "\x1b[0m\x07key\x7f",
]

PYTHON = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "repr of a list": lambda text: repr([text, "it's"]),
    "repr beside both quotes": lambda text: repr(text + " ' and \""),
    "bytes": lambda text: repr(text.encode()),
    "bytes beside both quotes": lambda text: repr((text + " ' and \"").encode()),
    "unicode_escape": lambda text: text.encode("unicode_escape").decode(),
    "what stderr can't encode": lambda text: text.encode("ascii", "backslashreplace").decode(),
    "JSON": json.dumps,
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON in repr": lambda text: repr(json.dumps(text)),
    "repr in JSON": lambda text: json.dumps(repr(text)),
    "ascii of ascii": lambda text: ascii(ascii(text)),
    "JSON of others": lambda text: json.dumps(text).replace("/", r"\/"),
    "JSON in a page": lambda text: (
        json.dumps(text).replace("<", r"\u003C").replace(">", r"\u003E").replace("&", r"\u0026")
    ),
    "upper-case JSON": lambda text: (
        "".join(one if one.isascii() else json.dumps(one)[1:-1].upper().replace("U", "u") for one in text)
        if text.isalpha()
        else json.dumps(text)
    ),
    "quote": quote,
    "quote all": lambda text: quote(text, safe=""),
    "quote_plus": quote_plus,
    "urlencode": lambda text: urlencode({"k": text}),
    "lower-case quote": lambda text: "".join(
        one if one.isascii() and one.isalnum() else quote(one, safe="~.-_").lower() for one in text
    ),
    "encodeURIComponent": lambda text: quote(text, safe="!'()*"),
    "HTML": html.escape,
    "HTML text": lambda text: html.escape(text, quote=False),
    "HTML of Jinja": lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "HTML in ASCII": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "shlex": shlex.quote,
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("printed", PYTHON.values(), ids=PYTHON.keys())
def test_a_secret_is_found_as_python_prints_it(printed, secret: str) -> None:  # type: ignore[no-untyped-def]
    shown = Redactor([secret]).text(printed(secret))
    assert "***" in shown
    left = shown.replace("and", "").replace("it's", "").replace("it\\'s", "")
    assert not any(one.isalnum() for one in left.replace("k=", "").removeprefix("b")), shown


@given(st.text(min_size=4, max_size=40).filter(lambda text: len(text.strip()) > 3 and text.isprintable()))
def test_no_text_is_missed(secret: str) -> None:
    redactor = Redactor([secret])
    for printed in (repr, ascii, json.dumps, quote, html.escape, lambda text: repr(text.encode())):
        shown = redactor.text(f"[{printed(secret)}]")
        assert "***" in shown
        assert len(shown) <= len("[b'***']")


BASH = r"""
printf '%s\n' "$SECRET"
printf '%q\n' "$SECRET"
echo "${SECRET@Q}"
declare -p SECRET
export -p | grep 'SECRET='
set -x
: "$SECRET"
: "it's $SECRET"
"""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("secret", [*SECRETS, "#~a#b~c:~", "!{a,b}[c]^$(d)`e`|;?"])
def test_a_secret_is_found_as_bash_prints_it(secret: str, locale: str) -> None:
    environment = {"SECRET": secret, "LC_ALL": locale, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", BASH], env=environment, capture_output=True, check=True)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    assert len(lines) >= 7
    for line in lines:
        shown = Redactor([secret]).text(line)
        assert "***" in shown, line
        for word in ("declare -x SECRET=", "set -x", "it's", r"it'\''s", "it\\'s", "export", "$"):
            shown = shown.replace(word, "")
        assert not any(one.isalnum() for one in shown), (line, shown)


@pytest.mark.parametrize(
    "shown",
    [
        r"'it\'s \x1B[0m \x7F\tpä'",
        r"""{ k: "it's \x1B[0m \x7F\tpä" }""",
        '"it\'s \\u001b[0m \x7f\\tpä"',
        "it's%20%1B%5B0m%20%7F%09p%C3%A4",
    ],
)
def test_a_secret_is_found_as_node_prints_it(shown: str) -> None:
    assert Redactor(["it's \x1b[0m \x7f\tpä"]).text(shown).strip("'\"{}k: ") == "***"


def test_each_of_very_many_lines_is_found_as_itself_and_the_whole_in_every_form() -> None:
    lines = [f"é<{number}>" for number in range(30_000)]
    redactor = Redactor(["\n".join(lines)])
    assert redactor.text(lines[17_000]) == "***"
    assert set(redactor.text(ascii("\n".join(lines)))) == {"'", "*"}


def test_a_plain_text_has_one_form_and_no_text_has_many() -> None:
    assert forms("AKIA_0123.456-789") == {"AKIA_0123.456-789"}
    assert len(forms("".join(SECRETS))) < 400
