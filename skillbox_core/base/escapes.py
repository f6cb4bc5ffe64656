"""The forms in which a text is printed: as itself, and escaped for Python, Node, bash, JSON, URLs and HTML. Pure.

A form is what stands between the quotes. Which quotes a language puts around a text, and so which of them it
escapes in it, depends on the whole of what is printed; so both are forms.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
_HEX = re.compile(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|%[0-9A-F]{2}")

_C = dict(zip("\a\b\x1b\f\n\r\t\v\\", (r"\a", r"\b", r"\E", r"\f", r"\n", r"\r", r"\t", r"\v", r"\\"), strict=True))
"""As bash has them between `$'` and `'`."""
_NODE = {"\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}
_BASH_QUOTED = re.compile(r"([ !\"#$&'()*,;<>?\[\\\]^`{|}~])")
_SAFE = ("", "/", "!'()*", ";/?:@&=+$,#!'()*", "!$&'()*+,;=")
"""Characters that ways to write a URL leave alone beside `_.-~`: Python's two, JavaScript's two, a password's."""


def forms(text: str) -> set[str]:
    """Every form of a text, itself among them, and each form within another text that is escaped once more."""
    if _PLAIN.fullmatch(text):
        return {text}
    found = {text, *_python(text), *_node(text), *_json(text), *_shell(text), *_url(text), *_html(text)}
    found |= {_HEX.sub(lambda match: match[0][:2] + match[0][2:].upper(), form) for form in found}
    found |= {_HEX.sub(lambda match: match[0].lower(), form) for form in found if "%" in form}
    again = {form.replace("\\", "\\\\") for form in found if re.search(r"[\\'\"]", form)}
    return found.union(*map(_either_quote, again))


def _python(text: str) -> Iterator[str]:
    yield text.encode("ascii", "backslashreplace").decode()
    for escaped in (repr, ascii):
        yield from _either_quote("".join(one if one in "'\"" else escaped(one)[1:-1] for one in text))
    data = text.encode("utf-8", "surrogatepass")
    yield from _either_quote("".join(chr(one) if one in b"'\"" else repr(bytes([one]))[2:-1] for one in data))


def _node(text: str) -> Iterator[str]:
    def escaped(one: str) -> str:
        control = one < " " or "\x7f" <= one <= "\x9f"
        return _NODE.get(one) or (f"\\x{ord(one):02X}" if control else one)

    yield from _either_quote("".join(map(escaped, text)))


def _json(text: str) -> Iterator[str]:
    for only_ascii in (True, False):
        form = json.dumps(text, ensure_ascii=only_ascii)[1:-1]
        yield form
        yield form.replace("/", r"\/")
        # As it is written into a page.
        yield re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", form)


def _shell(text: str) -> Iterator[str]:
    yield text.replace("'", "'\"'\"'")
    yield text.replace("'", r"'\''")
    yield re.sub(r'(["\\$`])', r"\\\1", text)
    backslashes = _BASH_QUOTED.sub(r"\\\1", text)
    yield backslashes
    yield re.sub(r"(?!^)\\#", "#", backslashes)
    yield re.sub(r"(?<![:=])(?!^)\\~", "~", re.sub(r"(?!^)\\#", "#", backslashes))
    for only_ascii in (False, True):
        yield "".join(
            _C.get(one) or ("\\'" if one == "'" else _octal(one) if _is_octal(one, only_ascii) else one) for one in text
        )


def _is_octal(one: str, only_ascii: bool) -> bool:
    return one < " " or one == "\x7f" or (only_ascii and one > "\x7f") or not (one < "\x7f" or one.isprintable())


def _octal(one: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in one.encode("utf-8", "surrogatepass"))


def _url(text: str) -> Iterator[str]:
    for safe in _SAFE:
        form = quote(text, safe=safe, errors="surrogatepass")
        yield form
        yield form.replace("%20", "+")
        # `URLSearchParams` and forms of a page.
        yield form.replace("%20", "+").replace("~", "%7E").replace("%2A", "*")


def _html(text: str) -> Iterator[str]:
    for quotes in (("'", '"'), ("&#x27;", "&quot;"), ("&#39;", "&#34;"), ("&#39;", "&quot;"), ("&apos;", "&quot;")):
        form = html.escape(text, quote=False).replace("'", quotes[0]).replace('"', quotes[1])
        yield form
        yield form.encode("ascii", "xmlcharrefreplace").decode()


def _either_quote(form: str) -> Iterator[str]:
    for single in ("'", "\\'"):
        for double in ('"', '\\"'):
            yield form.replace("'", single).replace('"', double)
