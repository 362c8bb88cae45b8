"""The tables of README.md beside this file: the planted mistakes, and the numbers of the last full run of mutmut.

    python -m validation.mutants.table

writes them there.
"""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BUGS = HERE.parents[1] / "tests" / "mutants" / "bugs"
RECORD = HERE / "run.json"


def bugs() -> dict[str, dict[str, Any]]:
    """All planted mistakes by name, file by file."""
    files = [tomllib.loads(file.read_text("utf-8")) for file in sorted(BUGS.glob("*.toml"))]
    return {name: entry for entries in files for name, entry in entries.items()}


def mistakes() -> str:
    """Mistake, where it is planted, which check catches it, and which one passes all the same."""
    lines = ["| mistake | where | caught by | not seen by |", "| --- | --- | --- | --- |"]
    for name, entry in bugs().items():
        cells = [name, f"`{entry['module']}`", entry["caught_by"], entry.get("not_seen_by", "")]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def families() -> str:
    """How many mistakes each family of checks catches."""
    names = ("test" if "::" in entry["caught_by"] else entry["caught_by"].split(":")[0] for entry in bugs().values())
    counts = Counter(names)
    lines = ["| caught by | mistakes |", "| --- | --- |"]
    lines += [f"| {name} | {count} |" for name, count in counts.most_common()]
    return "\n".join([*lines, f"| all | {counts.total()} |"])


def run() -> str:
    """Mutants, killed ones and survivors of each module in the last full run."""
    record = json.loads(RECORD.read_text("utf-8"))
    lines = ["| module | mutants | killed | survivors |", "| --- | --- | --- | --- |"]
    total: Counter[str] = Counter()
    for module, row in record["modules"].items():
        total.update(row)
        lines.append(f"| `{module}` | {row['mutants']} | {row['killed']} | {row['survivors']} |")
    return "\n".join([*lines, f"| all | {total['mutants']} | {total['killed']} | {total['survivors']} |"])


def with_tables(text: str) -> str:
    """README's text with each table between its two marks."""
    for name, table in {"mistakes": mistakes(), "families": families(), "run": run()}.items():
        first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = text.split(first)
        text = f"{before}{first}{table}\n{last}{rest.split(last)[1]}"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), encoding="utf-8")
