"""Columns as every reader has them: text is text, and values stand where a library has a dictionary of its own.

What two libraries hold alike is alike in a file then. And a dictionary may hold what other tables of the process had.
"""

from __future__ import annotations

from typing import Any

from skillbox_core.base.arrow import pyarrow_module
from skillbox_core.inputs.frame_errors import FrameError, said


def plain_schema(schema: Any) -> Any:
    """The schema of a table with each column as it is written."""
    pyarrow = pyarrow_module()
    fields = []
    for field in schema:
        plain = _plain(field.type)
        # What polars says there of a categorical column is of the dictionary that is not written.
        fields.append(field if _same(plain, field.type) else pyarrow.field(field.name, plain, field.nullable))
    return pyarrow.schema(fields, metadata=schema.metadata or None)


def _plain(kind: Any) -> Any:
    """A type as every reader of these formats has it: text is text, and values stand where a dictionary had them."""
    pyarrow = pyarrow_module()
    types = pyarrow.types
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pyarrow.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pyarrow.binary()
    if types.is_list(kind) or types.is_large_list(kind):
        # Libraries call what is in a list by names of their own.
        return pyarrow.list_(pyarrow.field("item", _plain(kind.value_type), kind.value_field.nullable))
    if types.is_map(kind):
        return pyarrow.map_(_plain(kind.key_type), _plain(kind.item_type))
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _same(one: Any, other: Any) -> bool:
    """Whether two types are alike to the names inside them, which `==` passes over."""
    return bool(one.equals(other, check_metadata=True))


def cast(batch: Any, target: Any) -> Any:
    """A batch as a table of another schema with the same columns.

    Raises:
        FrameError: Names the column that can't be made so.
    """
    pyarrow = pyarrow_module()
    columns = []
    for column, field in zip(batch.columns, target, strict=True):
        try:
            columns.append(column if _same(column.type, field.type) else _as_values(column).cast(field.type))
        except pyarrow.ArrowException as error:
            raise FrameError(f"has a column {field.name!a} that can't be {field.type}: {said(error)}") from None
    return pyarrow.Table.from_arrays(columns, schema=target)


def bare(column: Any) -> Any:
    """A column with nothing under its nulls.

    A library that masks a value leaves it in memory, where an Arrow file would take it along: who gets the file could
    read what is not in the table.
    """
    pyarrow = pyarrow_module()
    if not column.null_count or pyarrow.types.is_null(column.type):
        return column
    from pyarrow import compute

    one = pyarrow.scalar(1, pyarrow.int32())
    numbers = compute.subtract(compute.cumulative_sum(pyarrow.repeat(one, len(column))), one)
    return column.take(compute.if_else(column.is_valid(), numbers, None))


def _as_values(column: Any) -> Any:
    """A column without its dictionary: pyarrow takes no views of text out of one."""
    pyarrow = pyarrow_module()
    if not pyarrow.types.is_dictionary(column.type):
        return column
    return column.dictionary.cast(_plain(column.type.value_type)).take(column.indices)


def difference(one: Any, other: Any) -> str:
    """In what the second of two schemas differs from the first."""
    for mine, yours in zip(one, other, strict=False):
        if mine.name != yours.name:
            return f"column {yours.name!a} where the first has {mine.name!a}"
        if not mine.equals(yours):
            return f"column {mine.name!a} is {yours.type}, in the first it is {mine.type}"
    return f"{len(other)} columns, the first has {len(one)}"
