"""What the database knows of environments: Pythons, Nodes and commands of images, trees of locks. Written once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlmodel import col, select

from skillbox_core.models import Interpreter, Tree
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import InterpreterRow, TreeRow, now

_IMAGE_DIGITS = 24
_HAS = "has "
"""Before the digest of an image and a command that it has."""
_NODE = "node "
"""Before the id of an image that was asked for its Node: it may have a Python as well."""


@dataclass(frozen=True)
class KnownTree:
    """A row: which tree a lock gave for an interpreter.

    Attributes:
        alone: Whether it counts for one image only, whose own Python made its bytecode.
    """

    lock_digest: str
    interpreter: Interpreter
    tree: Tree
    alone: bool = False


class EnvironmentRecords:
    """Reads and writes them. Of two that write one row at once, the first is kept and both get it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def interpreter(self, image_id: str) -> Interpreter | None:
        """The Python of an image; None for one that was never asked."""
        with self._database.session() as session:
            row = session.get(InterpreterRow, image_id)
        return Interpreter.parse(row.interpreter) if row else None

    def node(self, image_id: str) -> Interpreter | None:
        """The Node of an image; None for one that was never asked."""
        return self.interpreter(f"{_NODE}{image_id}")

    def last_interpreter(self, image: str) -> Interpreter | None:
        """The Python of the image that was last asked under a name; None where there is none."""
        query = select(InterpreterRow).where(
            InterpreterRow.image == image,
            ~col(InterpreterRow.image_id).startswith(_NODE),
            ~col(InterpreterRow.image_id).startswith(_HAS),
        )
        with self._database.session() as session:
            row = session.exec(query.order_by(col(InterpreterRow.created_at).desc())).first()
        return Interpreter.parse(row.interpreter) if row else None

    def keep_interpreter(self, image_id: str, image: str, interpreter: Interpreter) -> None:
        """Keeps an image's answer; where there is no database yet, none is made for that."""
        if self._database.is_missing():
            return
        key = f"{_NODE}{image_id}" if interpreter.implementation == "node" else image_id
        row = InterpreterRow(image_id=key, image=image, interpreter=interpreter.text, created_at=now())
        self._database.first(row, key)

    def has_command(self, image_id: str, command: str) -> bool:
        """Whether an image is known to have a command."""
        with self._database.session() as session:
            return session.get(InterpreterRow, _command_key(image_id, command)) is not None

    def keep_command(self, image_id: str, image: str, command: str) -> None:
        """Keeps that an image has a command."""
        key = _command_key(image_id, command)
        self._database.first(InterpreterRow(image_id=key, image=image, interpreter=command, created_at=now()), key)

    def tree(self, lock_digest: str, interpreter: Interpreter, image_id: str = "") -> Tree | None:
        """The tree that a lock gave for an interpreter; None where there was none yet.

        Args:
            image_id: For the tree that counts for this image only.
        """
        with self._database.session() as session:
            row = session.get(TreeRow, (lock_digest, _key(interpreter, image_id)))
        return Tree(row.digest, row.size) if row else None

    def keep_tree(self, lock_digest: str, interpreter: Interpreter, tree: Tree, image_id: str = "") -> Tree:
        """Keeps a tree as the one of a lock, and returns it; or the one that was first.

        Args:
            image_id: The only image that it counts for; empty for all with this interpreter.
        """
        row = TreeRow(
            lock_digest=lock_digest,
            interpreter=_key(interpreter, image_id),
            digest=tree.digest,
            size=tree.size,
            created_at=now(),
        )
        first = self._database.first(row, (lock_digest, row.interpreter))
        return Tree(first.digest, first.size)

    def trees(self, lock_digest: str | None = None) -> list[KnownTree]:
        """The trees that are known, of one lock or of all, in the order in which they were made."""
        query = select(TreeRow).order_by(col(TreeRow.created_at), col(TreeRow.lock_digest), col(TreeRow.interpreter))
        if lock_digest is not None:
            query = query.where(TreeRow.lock_digest == lock_digest)
        with self._database.session() as session:
            rows = session.exec(query).all()
        found = []
        for row in rows:
            text, _, image = row.interpreter.partition(" @")
            if python := Interpreter.parse(text):
                found.append(KnownTree(row.lock_digest, python, Tree(row.digest, row.size), bool(image)))
        return found

    def images(self) -> dict[str, str]:
        """The name under which each image was asked for its Python, by its id."""
        with self._database.session() as session:
            return {row.image_id: row.image for row in session.exec(select(InterpreterRow)).all()}


def _command_key(image_id: str, command: str) -> str:
    # Both together are longer than the column.
    return _HAS + hashlib.sha256(f"{image_id} {command}".encode()).hexdigest()


def _key(interpreter: Interpreter, image_id: str) -> str:
    return f"{interpreter.text} @{image_id.removeprefix('sha256:')[:_IMAGE_DIGITS]}" if image_id else interpreter.text
