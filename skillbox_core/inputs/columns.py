"""Columns as every reader has them: text is text, and values stand where a library has a dictionary of its own.

What two libraries hold alike is alike in a file then. And a dictionary may hold what other tables of the process had.
"""

from __future__ import annotations

from typing import Any

from skillbox_core.base.arrow import pyarrow_module
from skillbox_core.inputs.frame_errors import FrameError, said


def plain_schema(schema: Any) -> Any:
    """The schema of a table with each column as it is written.

    Raises:
        FrameError: Names the column that has a dictionary where it can't be left out.
    """
    fields = []
    for field in schema:
        try:
            fields.append(_plain_field(field, field.nullable))
        except FrameError as error:
            raise FrameError(f"has a column {field.name!a} {error}", error.hint) from None
    return pyarrow_module().schema(fields, metadata=schema.metadata or None)


def _plain_field(field: Any, nullable: bool) -> Any:
    plain = _plain(field.type)
    if _same(plain, field.type):
        return field.with_nullable(nullable)
    # What polars says there of a categorical column is of the dictionary that is not written.
    return pyarrow_module().field(field.name, plain, nullable)


def _plain(kind: Any) -> Any:
    """A type as every reader of these formats has it: text is text, and values stand where a dictionary had them."""
    pyarrow = pyarrow_module()
    types = pyarrow.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _plain(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pyarrow.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pyarrow.binary()
    if types.is_list(kind) or types.is_large_list(kind) or _is_view(kind):
        # Libraries call what is in a list by names of their own.
        return pyarrow.list_(_plain_field(kind.value_field, kind.value_field.nullable).with_name("item"))
    # Nothing stands under a null, so what is in a struct or in a list of fixed size may be null where that is.
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(_plain_field(kind.value_field, nullable=True).with_name("item"), kind.list_size)
    if types.is_struct(kind):
        return pyarrow.struct([_plain_field(field, nullable=True) for field in kind])
    if types.is_map(kind):
        return pyarrow.map_(_plain(kind.key_type), _plain(kind.item_type))
    if isinstance(kind, pyarrow.BaseExtensionType) and _has_dictionary(kind.storage_type):
        raise FrameError(f"of type {kind}, which has a dictionary inside", "give the values themselves")
    return kind


def _is_view(kind: Any) -> bool:
    types = pyarrow_module().types
    return bool(types.is_list_view(kind) or types.is_large_list_view(kind))


def _has_dictionary(kind: Any) -> bool:
    types = pyarrow_module().types
    inside = [kind.field(number).type for number in range(kind.num_fields)]
    return types.is_dictionary(kind) or any(_has_dictionary(one) for one in inside)


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
            columns.append(column if _same(column.type, field.type) else _made(column, field.type))
        except pyarrow.ArrowException as error:
            raise FrameError(f"has a column {field.name!a} that can't be {field.type}: {said(error)}") from None
    return pyarrow.Table.from_arrays(columns, schema=target)


def bare(column: Any) -> Any:
    """A column with nothing under its nulls.

    A library that masks a value leaves it in memory, where an Arrow file would take it along: who gets the file could
    read what is not in the table.
    """
    return _made(column, column.type)


def _made(column: Any, kind: Any) -> Any:
    """A column as one of a type of `_plain`, taken apart to its values, with nothing under its nulls.

    pyarrow's own cast takes no views of text out of a dictionary, and leaves what is under a null where it is.
    """
    pyarrow = pyarrow_module()
    types = pyarrow.types
    if types.is_dictionary(column.type):
        return _made(column.dictionary, kind).take(column.indices)
    if types.is_run_end_encoded(column.type):
        from pyarrow import compute

        return _made(compute.run_end_decode(column), kind)
    if isinstance(kind, pyarrow.BaseExtensionType) and kind == column.type:
        return pyarrow.ExtensionArray.from_storage(kind, _made(column.storage, kind.storage_type))
    if types.is_struct(kind) and kind.num_fields:
        parts = [_made(part, field.type) for part, field in zip(column.flatten(), kind, strict=True)]
        return pyarrow.StructArray.from_arrays(parts, fields=list(kind), mask=_mask(column))
    if types.is_fixed_size_list(kind) and kind.list_size:
        values = column.values.slice(column.offset * kind.list_size, len(column) * kind.list_size)
        made = _made(values, kind.value_type)
        return _taken(pyarrow.FixedSizeListArray.from_arrays(made, type=kind, mask=_mask(column)))
    if types.is_list(kind) or types.is_map(kind):
        return _made_lists(column, kind)
    return _taken(column.cast(kind))


def _made_lists(column: Any, kind: Any) -> Any:
    """See `_made`; of lists of any length, and maps."""
    from pyarrow import compute

    pyarrow = pyarrow_module()
    if pyarrow.types.is_map(kind):
        column = _as_lists(column)
    # Neither a slice's neighbours nor what is under a null.
    values = column.flatten()
    lengths = compute.list_value_length(column).cast(pyarrow.int32()).fill_null(0)
    start = pyarrow.array([0], pyarrow.int32())
    offsets = pyarrow.concat_arrays([start, compute.cumulative_sum_checked(lengths)])
    if pyarrow.types.is_list(kind):
        made = _made(values, kind.value_type)
        return pyarrow.ListArray.from_arrays(offsets, made, type=kind, mask=_mask(column))
    keys, items = values.flatten()
    return pyarrow.MapArray.from_arrays(
        offsets, _made(keys, kind.key_type), _made(items, kind.item_type), type=kind, mask=_mask(column)
    )


def _as_lists(column: Any) -> Any:
    """A map as the list of pairs that it is in memory: pyarrow takes only lists apart."""
    pyarrow = pyarrow_module()
    pairs = pyarrow.StructArray.from_arrays([column.keys, column.items], ["key", "value"])
    return pyarrow.Array.from_buffers(
        pyarrow.list_(pairs.type), len(column), column.buffers()[:2], offset=column.offset, children=[pairs]
    )


def _mask(column: Any) -> Any:
    return column.is_null() if column.null_count else None


def _taken(column: Any) -> Any:
    """A column with nothing under its own nulls."""
    pyarrow = pyarrow_module()
    if not column.null_count or pyarrow.types.is_null(column.type):
        return column
    from pyarrow import compute

    one = pyarrow.scalar(1, pyarrow.int32())
    numbers = compute.subtract(compute.cumulative_sum(pyarrow.repeat(one, len(column))), one)
    return column.take(compute.if_else(column.is_valid(), numbers, None))


def difference(one: Any, other: Any) -> str:
    """In what the second of two schemas differs from the first."""
    for mine, yours in zip(one, other, strict=False):
        if mine.name != yours.name:
            return f"column {yours.name!a} where the first has {mine.name!a}"
        if not mine.equals(yours):
            return f"column {mine.name!a} is {yours.type}, in the first it is {mine.type}"
    return f"{len(other)} columns, the first has {len(one)}"
