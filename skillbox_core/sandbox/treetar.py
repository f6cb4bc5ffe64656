"""A tree's tar, looked at while it passes: what an engine would unpack from it, and nothing else. Pure.

An engine unpacks with another tar reader than ours, as root, into a layer that many runs share. So only the plainest
form goes through, which no two readers understand differently: POSIX or GNU headers of regular files and folders, long
names in one extra header, and zeros at the end. A compressed archive is none of these: an engine would run a
decompressor for it.
"""

from __future__ import annotations

import hashlib
import re

from skillbox_core.errors import PolicyError

ROOT = "opt/skillbox"
"""Below which every member lies; the archive is put at `/`."""
BLOCK = 512
MAX_NAME = 4096
"""Bytes of a member's path: the kernel's PATH_MAX."""
MAX_MEMBERS = 1_000_000

_MAGIC = {b"ustar\x0000": "posix", b"ustar  \x00": "gnu"}
_OCTAL = re.compile(rb"[0-7]+[ \0]+\Z|[0-7]{7,11}\Z")
_NOTHING = re.compile(rb"[0 \0]*\Z")
_PAX_PATH = re.compile(rb"([1-9][0-9]{0,4}) path=([^\n]+)\n\Z")
_NUMBERS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148))
"""Where a header has mode, owner, group, size and time."""
_LONG_LINK = b"././@LongLink"
_FILE_MODES = frozenset({0o644, 0o755, 0o444, 0o555})
_FOLDER_MODES = frozenset({0o755, 0o555})


class TreeCheck:
    """Takes a tree's tar in pieces, and refuses it at the first byte that it should not have.

    Args:
        size: Bytes that it has in all.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._passed = 0
        self._hash = hashlib.sha256()
        self._block = bytearray()
        self._skip = 0
        self._extra: bytearray | None = None
        """Contents of a long name's header, as far as they have come."""
        self._extra_left = self._extra_padding = 0
        self._extra_kind = b""
        self._name: str | None = None
        """The name that a header before this one gives it."""
        self._zeros = 0
        self._members = 0

    @property
    def members(self) -> int:
        """Files and folders so far."""
        return self._members

    def feed(self, chunk: bytes) -> None:
        """Looks at the next piece.

        Raises:
            PolicyError: It is not a tree's; says which member, and why.
        """
        self._passed += len(chunk)
        if self._passed > self._size:
            raise _refused(f"it is longer than its {self._size} bytes")
        self._hash.update(chunk)
        view = memoryview(chunk)
        while view:
            if self._skip:
                step = min(self._skip, len(view))
                self._skip -= step
            elif self._extra is not None:
                step = self._take_extra(view)
            else:
                step = min(BLOCK - len(self._block), len(view))
                self._block += view[:step]
                if len(self._block) == BLOCK:
                    header = bytes(self._block)
                    self._block.clear()
                    self._header(header)
            view = view[step:]

    def finish(self) -> str:
        """The digest of all that passed, `sha256:...`.

        Raises:
            PolicyError: It is not whole.
        """
        if self._passed != self._size:
            raise _refused(f"it ends after {self._passed} of its {self._size} bytes")
        if self._zeros < 2 or self._block:
            raise _refused("it has no end")
        return f"sha256:{self._hash.hexdigest()}"

    def _take_extra(self, view: memoryview) -> int:
        assert self._extra is not None
        if self._extra_left:
            step = min(self._extra_left, len(view))
            self._extra += view[:step]
            self._extra_left -= step
        else:
            step = min(self._extra_padding, len(view))
            if any(view[:step]):
                raise _refused("a long name's padding is not empty")
            self._extra_padding -= step
        if not self._extra_left and not self._extra_padding:
            self._name = _long_name(self._extra_kind, bytes(self._extra))
            self._extra = None
        return step

    def _header(self, header: bytes) -> None:
        if not any(header):
            if self._name is not None:
                raise _refused("it ends behind a long name")
            self._zeros += 1
            return
        if self._zeros:
            raise _refused("something comes behind its end")
        form = _MAGIC.get(header[257:265])
        if form is None or _number(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
            raise _refused("it is no plain tar: it must be uncompressed, in POSIX or GNU form")
        mode, owner, group, size, _mtime = (_number(header[at:end]) for at, end in _NUMBERS)
        kind, name = header[156:157], _text(header[:100])
        # Where GNU has times and offsets, POSIX has the front of a long name; readers of old differ there.
        prefix = _text(header[345:500]) if form == "posix" else b""
        if any(header[500:] if form == "posix" else header[345:]):
            raise _refused(f"the header of {_shown(name)} has parts that no plain file has")
        if prefix:
            name = prefix + b"/" + name
        if kind in (b"0", b"5", b"L", b"x") and (any(header[157:257]) or not _NOTHING.match(header[329:345])):
            raise _refused(f"{_shown(name)} is a link or a device")
        if kind in (b"L", b"x"):
            self._long(kind, size, name)
            return
        path = self._name if self._name is not None else _decoded(name)
        self._name = None
        if kind not in (b"0", b"5"):
            raise _refused(f"{_shown(path)} is neither a file nor a folder")
        folder = kind == b"5"
        path = _checked(path[:-1] if folder and path.endswith("/") else path)
        if mode not in (_FOLDER_MODES if folder else _FILE_MODES):
            raise _refused(f"{_shown(path)} has mode {mode:o}")
        if owner or group:
            raise _refused(f"{_shown(path)} is not root's")
        if _text(header[265:297]) not in (b"", b"root") or _text(header[297:329]) not in (b"", b"root"):
            raise _refused(f"{_shown(path)} is not root's")
        if folder and size:
            raise _refused(f"the folder {_shown(path)} has contents of its own")
        if not folder and path == ROOT:
            raise _refused(f"{_shown(path)} is no folder")
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise _refused(f"it has more than {MAX_MEMBERS:,} members")
        self._skip = size + -size % BLOCK

    def _long(self, kind: bytes, size: int, name: bytes) -> None:
        if self._name is not None or (kind == b"L" and name != _LONG_LINK) or not 0 < size <= MAX_NAME + 16:
            raise _refused(f"the long name's header {_shown(name)}")
        self._extra, self._extra_kind = bytearray(), kind
        self._extra_left, self._extra_padding = size, -size % BLOCK


def _refused(why: str) -> PolicyError:
    return PolicyError(f"an environment's archive is refused: {why}")


def _shown(name: str | bytes) -> str:
    return ascii(name if len(name) <= 100 else name[:97])


def _checked(path: str) -> str:
    parts = path.split("/")
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise _refused(f"{_shown(path)} does not lie below {ROOT}")
    if any(part in ("", ".", "..") for part in parts):
        raise _refused(f"{_shown(path)} is no plain path")
    # In a layer such a name takes away what lies below it (OCI image specification, "Whiteouts").
    if any(part.startswith(".wh.") for part in parts):
        raise _refused(f"{_shown(path)} would hide a file of the image")
    if not path.isprintable() or len(path.encode()) > MAX_NAME:
        raise _refused(f"{_shown(path)} is no name for a file")
    return path


def _long_name(kind: bytes, data: bytes) -> str:
    """The one name that a GNU long name or a pax header may give."""
    if kind == b"L":
        name, end, rest = data.partition(b"\0")
        if not name or not end or rest:
            raise _refused("a long name does not end where it should")
        return _decoded(name)
    match = _PAX_PATH.match(data)
    if match is None or int(match[1]) != len(data) or b"\0" in match[2]:
        raise _refused("a pax header says more than a path")
    return _decoded(match[2])


def _text(field: bytes) -> bytes:
    """A field up to its first NUL, behind which must be nothing else."""
    text, _, rest = field.partition(b"\0")
    if any(rest):
        raise _refused(f"something is hidden behind the name {_shown(text)}")
    return text


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(f"the name {_shown(name)} is not UTF-8") from None


def _number(field: bytes) -> int:
    """An octal number in the form that every reader reads; base-256 is for sizes that no file of a tree has."""
    if not _OCTAL.match(field):
        raise _refused("a number in a header that is not octal")
    return int(field.rstrip(b" \0"), 8)
