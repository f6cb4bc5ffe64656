"""What reading a script's syntax can tell of how it is called. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "integer", "number", "json"]
Use: TypeAlias = Literal["value", "read", "folder", "write", "edit"]
"""What an argument names: a value of the input, a file or folder to read, a file to write, or one that is changed."""


@dataclass(frozen=True)
class Argument:
    """One argument, or option with a value.

    Attributes:
        name: What the script calls it.
        flag: Of an option; empty for an argument by position.
        required: Whether the script ends without it.
        word: A subcommand, which stands as it is; what is behind it is its own.
        several: Whether it may be given any number of values.
        each: Of an option for several values: it stands before each of them anew.
        apart: Of a long option: its value is an argument of its own, and none behind `=`.
        least: Values that it must be given, of several.
        count: Values that it takes at once.
        choices: The only values there are.
        default: What it is when it is left out, as the script writes it.
        switch: An option without a value.
        guessed: Its use is told by its name alone.
        ending: Of the file that is written, with the dot.
        binary: What is written is no text.
        into: A folder to write into, which the script does not make itself.
        endings: Of the file that is read, with the dot, where the script looks at its name.
    """

    name: str
    flag: str = ""
    required: bool = True
    several: bool = False
    each: bool = False
    apart: bool = False
    least: int = 0
    count: int = 1
    kind: Kind = "text"
    use: Use = "value"
    choices: tuple[str | int | float, ...] = ()
    default: str = ""
    switch: bool = False
    help: str = ""
    guessed: bool = False
    ending: str = ""
    binary: bool = False
    into: bool = False
    endings: tuple[str, ...] = ()
    word: str = ""


@dataclass(frozen=True)
class Usage:
    """One way to call a script.

    Attributes:
        words: The subcommand, if it has such.
        arguments: In the order of the source, with the words of the subcommand where they must stand.
        handler: The function that does this and nothing else, where one does.
        said: What is said of this way alone, where that may differ from the others.
    """

    arguments: tuple[Argument, ...] = ()
    words: tuple[str, ...] = ()
    description: str = ""
    handler: str = ""
    said: Reading | None = None


@dataclass(frozen=True)
class Reading:
    """What a script's syntax says.

    Attributes:
        usages: Empty for what is no script: a module that others import.
        stdin: What it reads there without a condition.
        result: As in a call, of what is printed.
        writes: The one file that it writes by a name of its own, in its working directory, as its answer.
        codes: Exit codes that are answers, beside 0.
        needs: Commands that it starts without a condition.
        doubts: Sentences on what could not be told.
    """

    usages: tuple[Usage, ...] = ()
    stdin: Literal["", "text", "json"] = ""
    result: str = "auto"
    writes: str = ""
    codes: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
