"""Reading files of the user: UTF-8 text, CSV and JSON lines. Every error names the file and the line."""

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows of a file of the user."""

    texts: list[str]
    values: list[Any]  # labels or numbers, as they stand in the file
    places: list[str]  # "file, line n", for errors


def read_utf8(path: str | Path) -> str:
    """A whole text file. Errors: FileNotFoundError; ValueError, with the line, if it is empty or not UTF-8."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    contents = Path(path).read_bytes()
    try:
        text = contents.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = contents.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: not UTF-8 ({error.reason}); convert the file to UTF-8") from None
    if not text.strip():
        raise ValueError(f"{path}: the file holds no text")
    return text


def table_kind(path: str | Path) -> str:
    """.csv or .jsonl, by the name of the file. Errors: ValueError for any other."""
    kind = Path(path).suffix.lower()
    if kind not in (".csv", ".jsonl"):
        raise ValueError(f"path: expected a file named .csv or .jsonl, got {str(path)!r}")
    return kind


def read_table(path: str | Path, text_column: str, target_column: str) -> Table:
    """Texts and targets of a ``.csv`` or ``.jsonl`` file. Errors: ValueError that names file, line and argument."""
    kind = table_kind(path)
    text = read_utf8(path)
    rows = _csv_rows(text, path) if kind == ".csv" else _json_rows(text, path)
    table = Table([], [], [])
    for line, row in rows:
        place = f"{path}, line {line}"
        for argument, column in (("text_column", text_column), ("target_column", target_column)):
            if column not in row:
                remedy = f"rename the column, or name it with {argument} (in Python)"
                raise ValueError(f"{place}: no column {column!r} among {sorted(row)}; {remedy}")
            if row[column] is None:
                raise ValueError(f"{place}: {column!r} has no value; correct or remove the row")
        if not isinstance(row[text_column], str):
            raise ValueError(f"{place}: {text_column!r} is not a text but {row[text_column]!r}")
        for values, value in zip(table, (row[text_column], row[target_column], place), strict=True):
            values.append(value)
    if not table.texts:
        raise ValueError(f"{path}: the file holds no rows")
    return table


def _csv_rows(text: str, path: str | Path) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, Any]]] = []
    header: list[str] = []
    try:
        for row in reader:
            if not header:
                header = row
                if len(set(header)) != len(header):
                    raise csv.Error(f"the header names a column twice: {header}")
            elif len(row) == len(header):
                rows.append((reader.line_num, dict(zip(header, row, strict=True))))
            elif row:
                raise csv.Error(f"expected {len(header)} columns, got {len(row)}")
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: unreadable: {error}") from None
    return rows


def _json_rows(text: str, path: str | Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: unreadable: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {number}: expected a JSON object, got {type(row).__name__}")
        rows.append((number, row))
    return rows
