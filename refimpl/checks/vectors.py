"""Golden vectors: cases with their answers, stored as ID.json and ID.safetensors, and what is done with them.

They lie in ``golden/v1`` beside this file and are part of an installed package. The README.md there has the format, the
formulas and the way to read them from any language; ``validation/vectors/generate.py`` makes them.
"""

import hashlib
import json
import shutil
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.numpy import load

from refimpl.checks.conformance import MISTAKES, Answers, Case, answers, difference
from refimpl.checks.conformance.case import PREFIXES

SCHEMA = "refimpl-vectors/1"
FOLDER = Path(str(files("refimpl.checks"))) / "golden" / "v1"
INDEX, SCHEMA_FILE, README = "index.json", "schema.json", "README.md"
ANSWERS = ("mid.", "out.", "grad.")
DTYPES = ("float64", "float32")


class Vector(NamedTuple):
    """A stored case and the answers stored with it: right, or, of an invalid one, those of a named mistake."""

    case: Case
    expected: Answers
    result: str  # "valid" or "invalid"
    mistake: str | None  # of an invalid one
    flags: tuple[str, ...]  # bug types
    catches: tuple[str, ...]  # mistakes that move an answer by more than 100 tolerances
    tol: dict[str, float]  # by dtype; of max |found - expected| / max |expected| of an answer
    record: dict[str, Any]  # the JSON file as it is


class VectorResult(NamedTuple):
    """What recomputing a vector in a dtype gave."""

    id: str
    result: str
    dtype: str
    worst: str  # name of the answer that differs most
    error: float
    tol: float
    passed: bool  # a valid one agrees; an invalid one does not, and is what its mistake gives


def vector_ids(folder: Path = FOLDER) -> list[str]:
    """The ids, in the order of the index."""
    index = json.loads((folder / INDEX).read_text("utf-8"))
    return [entry["id"] for entry in index["vectors"]]


def read_vectors(ids: Collection[str] | None = None, folder: Path = FOLDER) -> list[Vector]:
    """The vectors of these ids, or all, in the order of the index.

    Errors: ValueError on an unknown id, or a file whose digest is not that of the record.
    """
    known = vector_ids(folder)
    unknown = sorted(set(ids or ()) - set(known))
    if unknown:
        raise ValueError(f"ids: expected some of {', '.join(known)}; got {', '.join(unknown)}")
    return [_read(folder, name) for name in known if ids is None or name in ids]


def _read(folder: Path, name: str) -> Vector:
    record = json.loads((folder / f"{name}.json").read_text("utf-8"))
    content = (folder / f"{name}.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != record["sha256"]:
        raise ValueError(f"{name}.safetensors: expected sha256 {record['sha256']}, got {digest}; the file is damaged")
    tensors = load(content)
    order = record["tensors"]
    case = Case(
        id=record["id"],
        op=record["op"],
        comment=record["comment"],
        config=record["config"],
        given={key: tensors[key] for key in order if key.startswith(PREFIXES)},
    )
    return Vector(
        case=case,
        expected={key: tensors[key] for key in order if key.startswith(ANSWERS)},
        result=record["result"],
        mistake=record.get("mistake"),
        flags=tuple(record["flags"]),
        catches=tuple(record["catches"]),
        tol=record["tol"],
        record=record,
    )


def check_vectors(ids: Collection[str] | None = None, folder: Path = FOLDER) -> list[VectorResult]:
    """Recompute each with refimpl in float64 and float32: one result a vector and dtype. Errors: as read_vectors."""
    return [check_vector(vector, dtype) for vector in read_vectors(ids, folder) for dtype in DTYPES]


def check_vector(vector: Vector, dtype: str) -> VectorResult:
    """A valid vector passes if every answer agrees.

    An invalid one passes if some answer does not agree with refimpl's, and all of them agree with refimpl's where the
    named mistake is planted.
    """
    case, tol = cast(vector.case, dtype), vector.tol[dtype]
    worst, error = largest_difference(answers(case), vector.expected)
    passed = error <= tol
    if vector.result == "invalid":
        planted = [mistake for mistake in MISTAKES if mistake.name == vector.mistake]
        passed = error > tol and largest_difference(answers(case, planted), vector.expected)[1] <= tol
    return VectorResult(case.id, vector.result, dtype, worst, error, tol, passed)


def cast(case: Case, dtype: str) -> Case:
    """The case with its floating arrays in another dtype."""
    given = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in case.given.items()}
    return case._replace(given=given)


def largest_difference(found: Answers, expected: Answers) -> tuple[str, float]:
    """Name and size of the largest difference of an answer; infinite for a name that one side does not have."""
    differences = {
        name: difference(found[name], expected[name]) if name in found and name in expected else float("inf")
        for name in {**expected, **found}
    }
    worst = max(differences, key=lambda name: differences[name])
    return worst, differences[worst]


def export_vectors(out: Path, ids: Collection[str] | None = None, folder: Path = FOLDER) -> list[Path]:
    """Copy the vectors, with an index of them, the schema and the README, into a folder; the files written.

    Errors: ValueError on an unknown id or a damaged file, before anything is written; OSError if out cannot be written.
    """
    records = [vector.record for vector in read_vectors(ids, folder)]
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for record in records:
        for suffix in ("json", "safetensors"):
            written.append(Path(shutil.copyfile(folder / f"{record['id']}.{suffix}", out / f"{record['id']}.{suffix}")))
    for name in (SCHEMA_FILE, README):
        written.append(Path(shutil.copyfile(folder / name, out / name)))
    (out / INDEX).write_text(index_text(records), "utf-8")
    return [*written, out / INDEX]


def index_text(records: list[dict[str, Any]]) -> str:
    """The text of index.json: every id with its operation, result, flags and comment."""
    keys = ("id", "op", "result", "flags", "sha256", "comment")
    return to_json({"schema": SCHEMA, "vectors": [{key: record[key] for key in keys} for record in records]})


def to_json(value: Any) -> str:
    """The one way in which these files are written: one space a level, a newline at the end."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
