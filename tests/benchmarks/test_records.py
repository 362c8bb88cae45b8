"""README's tables are those of the records that it names."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "validation" / "benchmarks"


def test_the_tables_of_the_readme_come_from_the_records():
    spec = importlib.util.spec_from_file_location("table", FOLDER / "table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    records = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*-bench-*.json"))]
    assert len(records) >= 3, "three separate runs"
    assert table.tables(records) in (ROOT / "README.md").read_text("utf-8")
