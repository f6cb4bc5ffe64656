"""Links inside a skill: each stands for a copy of what it leads to, and nothing leads out.

All is decided by names, of a folder as of an archive: what a link would lead to on this machine is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skillbox_core.base.paths import MAX_PATH_BYTES, MAX_PATH_DEPTH, path_problem
from skillbox_core.errors import InvalidSkillError

MAX_LINKS = 1_000
_MAX_HOPS = 16


def find_copies(files: Collection[str], links: Mapping[str, str], most: int) -> dict[str, str]:
    """The files that links stand for.

    Args:
        files: Paths of plain files inside the skill.
        links: Paths of links, with what each says it leads to.
        most: Files that the skill may have.

    Returns:
        For the path of each copy the path of its file, in the order of the copies' paths.

    Raises:
        InvalidSkillError: A link leads out of the skill, to nothing, or to a folder that it lies in.
    """
    if not links:
        return {}
    if len(links) > MAX_LINKS:
        raise InvalidSkillError(f"invalid skill: {len(links)} symbolic links, the limit is {MAX_LINKS}")
    return dict(sorted(_Copies(files, links, most).all().items()))


class _Copies:
    def __init__(self, files: Collection[str], links: Mapping[str, str], most: int) -> None:
        self._files, self._links, self._most = frozenset(files), links, most
        self._children: dict[str, list[str]] = {"": []}
        for path in sorted({*files, *links}):
            while path:
                folder = path.rpartition("/")[0]
                known = folder in self._children
                self._children.setdefault(folder, []).append(path)
                if known:
                    break
                path = folder
        self._copies: dict[str, str] = {}
        self._visits = 0

    def all(self) -> dict[str, str]:
        self._enter("", "", frozenset(), "")
        return self._copies

    def _enter(self, folder: str, shown: str, inside: frozenset[str], link: str) -> None:
        """Goes through a folder.

        Args:
            shown: The path under which it is seen, through the links that lead to it.
            inside: The folders that it is seen in.
            link: The last link that led here.
        """
        if folder in inside:
            raise _refused(link, "leads to a folder that it lies in")
        self._visits += 1
        for path in self._children[folder]:
            name = path.rpartition("/")[2]
            seen = f"{shown}/{name}" if shown else name
            to = self._target(path) if path in self._links else path
            by = path if path in self._links else link
            if to in self._files:
                self._add(seen, to, by)
            elif seen.count("/") >= MAX_PATH_DEPTH:
                raise _refused(by, f"leads to more than {MAX_PATH_DEPTH} levels of folders")
            else:
                self._enter(to, seen, inside | {folder}, by)

    def _add(self, seen: str, file: str, link: str) -> None:
        if seen == file:
            return
        if problem := path_problem(seen):
            raise _refused(link, f"makes a path that can't be: {problem}")
        self._copies[seen] = file
        if len(self._copies) + len(self._files) + self._visits > self._most:
            raise _refused(link, f"makes more than {self._most} files")

    def _target(self, link: str) -> str:
        at = link.split("/")[:-1]
        parts = self._parts(link)[::-1]
        hops = 0
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    raise _refused(link, "leads out of the skill")
                at.pop()
                continue
            path = "/".join((*at, part))
            if path in self._links:
                hops += 1
                if hops > _MAX_HOPS:
                    raise _refused(link, "leads around in a circle, or through too many links")
                parts += self._parts(path)[::-1]
            elif path in self._children or (path in self._files and not parts):
                at.append(part)
            else:
                raise _refused(link, "leads to nothing in the skill")
        return "/".join(at)

    def _parts(self, link: str) -> list[str]:
        to = self._links[link]
        if to.startswith("/"):
            raise _refused(link, "is absolute, so it leads out of the skill")
        if not to or len(to.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
            raise _refused(link, f"leads to nothing, or to a path of over {MAX_PATH_BYTES} bytes")
        return to.split("/")


def _refused(link: str, problem: str) -> InvalidSkillError:
    return InvalidSkillError(
        f"invalid skill: the symbolic link {link!a} {problem}", hint="a link that stays inside is stored as a copy"
    )
