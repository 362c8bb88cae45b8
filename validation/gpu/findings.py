"""What a part finds: rows, written to a file and told as they come; a part that is cut off leaves what it had."""

import json
import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

OK, FAILED, NOTE, ABSENT = "ok", "failed", "note", "not on the stand-in"
STATUSES = (OK, FAILED, NOTE, ABSENT)  # a note is a finding that is neither right nor wrong

Row = dict[str, Any]


class Findings:
    """The rows of one part. The names of values carry their units."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, status: str = OK, **values: Any) -> None:
        """One row. Errors: ValueError on an unknown status."""
        if status not in STATUSES:
            raise ValueError(f"status: expected one of {', '.join(STATUSES)}, got {status!r}")
        row = {"name": name, "status": status} | finite(values)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, default=str) + "\n")
        print(f"  {status:6} {name}  {short(values)}", flush=True)

    def probe(self, name: str, function: Callable[[], Row]) -> None:
        """The row that the function returns (its "status" or ok); what it raises is a finding too."""
        try:
            values = function()
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            self.add(name, FAILED, error=f"{type(error).__name__}: {str(error)[:500]}", place=place)
        else:
            self.add(name, values.pop("status", OK), **values)


def read_rows(path: Path) -> list[Row]:
    """The rows in a file; a last line that was cut off is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def finite(value: Any) -> Any:
    """The value with NaN and infinities as texts: JSON has no numbers for them."""
    if isinstance(value, dict):
        return {str(key): finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def short(values: Row) -> str:
    """The values in one line."""
    return "  ".join(f"{name} {_number(value)}" for name, value in values.items())[:160]


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
