"""``python -m validation.vectors.generate``: makes every golden vector of version 1.

Without arguments it writes what is missing in refimpl/checks/golden/v1, and the index; a vector that is there is never
written over, for an id never changes its meaning. ``--out DIR`` writes all of them into another folder; ``--catches``
also writes anew which mistakes the stored ones catch, and nothing else of them: that list grows with the mistakes.
The same machine gives the same bytes; another one the same numbers that are given, and answers within the tolerance.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from refimpl.checks.conformance import MISTAKES, Answers, Case, Mistake, answers, cases, difference
from refimpl.checks.conformance.tolerance import tolerances
from refimpl.checks.vectors import FOLDER, INDEX, README, SCHEMA, SCHEMA_FILE, index_text, read_vectors, to_json
from validation.vectors.routes import confirm

MARGIN = 100.0  # tolerances by which a mistake has to move an answer, so that a vector counts as catching it
INVALID = (  # id, the valid vector that it goes wrong in, the mistake whose answers it holds
    ("affine-lrt-901", "affine-lrt-001", "lrt-shared-over-time"),
    ("affine-lrt-902", "affine-lrt-002", "lrt-redrawn"),
    ("affine-lrt-903", "affine-lrt-001", "lrt-sigma"),
    ("lstm-901", "lstm-001", "gate-order-iofg"),
    ("lstm-902", "lstm-001", "recurrent-transposed"),
    ("lstm-903", "lstm-001", "two-biases"),
    ("lstm-904", "lstm-001", "dc-last-missing"),
    ("lstm-905", "lstm-002", "mask-wrong-side"),
    ("lstm-906", "lstm-002", "peephole-other-cell"),
    ("lstm-907", "lstm-005", "gates-slope-sixth"),
    ("lstm-908", "lstm-001", "hidden-late"),
    ("vbd-lstm-901", "vbd-lstm-001", "dropout-unscaled"),
    ("vbd-lstm-902", "vbd-lstm-001", "masks-redrawn"),
    ("sparse-lstm-901", "sparse-lstm-001", "weights-redrawn"),
    ("sparse-lstm-902", "sparse-lstm-001", "log-sigma-as-log-variance"),
    ("sparse-lstm-903", "sparse-lstm-001", "kl-by-batch"),
    ("sparse-lstm-904", "sparse-lstm-001", "kl-gradient-through-clip"),
    ("group-lstm-901", "group-lstm-001", "z-after-bias"),
    ("kl-901", "kl-001", "kl-variant-molchanov2017"),
    ("adam-901", "adam-001", "adam-algorithm-1"),
    ("clip-901", "clip-001", "clip-by-tensor"),
    ("embedding-901", "embedding-001", "embedding-last-occurrence"),
    ("step-901", "step-002", "loss-per-object"),
    ("step-902", "step-006", "kl-not-scaled"),
)


class Files(NamedTuple):
    """A vector as it is stored."""

    record: dict[str, Any]
    tensors: bytes


def make_valid(case: Case) -> Files:
    """The vector of a case."""
    right = answers(case)
    tol = tolerances(case, right)
    return _files(
        case,
        right,
        **caught_by(case, right, tol["float64"]),
        result="valid",
        tol=tol,
        confirmed_by=confirm(case, right),
    )


def make_invalid(name: str, case: Case, mistake: Mistake) -> Files:
    """The vector that holds the answers of a mistake: a harness that accepts it is not testing."""
    right = answers(case)
    tol = tolerances(case, right)
    if moves(case, right, mistake) <= MARGIN * tol["float32"]:
        raise ValueError(f"{name}: {mistake.name} moves {case.id} by too little; take another case")
    return _files(
        case._replace(id=name, comment=f"{case.id} with a mistake: {mistake.words}"),
        answers(case, [mistake]),
        flags=[mistake.kind],
        catches=[mistake.name],
        result="invalid",
        mistake=mistake.name,
        instead_of=case.id,
        tol=tol,
        confirmed_by=[],
    )


def caught_by(case: Case, right: Answers, tol: float) -> dict[str, list[str]]:
    """flags and catches of a valid vector."""
    caught = [mistake for mistake in MISTAKES if moves(case, right, mistake) > MARGIN * tol]
    return {"flags": sorted({mistake.kind for mistake in caught}), "catches": [mistake.name for mistake in caught]}


def moves(case: Case, right: Answers, mistake: Mistake) -> float:
    """By how much a mistake moves the answer that it moves most; 0 where it does not apply."""
    if not mistake.applies(case):
        return 0.0
    wrong = answers(case, [mistake])
    return max(difference(wrong[name], right[name]) for name in right)


def _files(case: Case, found: Answers, **record: Any) -> Files:
    tensors = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in (case.given | found).items()}
    content = save(tensors)
    head = {"schema": SCHEMA, "id": case.id, "op": case.op, "comment": case.comment, "config": case.config}
    last = {"tensors": list(tensors), "sha256": hashlib.sha256(content).hexdigest()}
    return Files(head | record | last, content)


def make(names: Sequence[str] | None = None) -> list[Files]:
    """The vectors of these ids, or all: the valid ones in the order of the cases, then the invalid ones."""
    by_id, by_name = {case.id: case for case in cases()}, {mistake.name: mistake for mistake in MISTAKES}
    valid = [make_valid(case) for case in cases() if names is None or case.id in names]
    wrong = [entry for entry in INVALID if names is None or entry[0] in names]
    return valid + [make_invalid(name, by_id[case], by_name[mistake]) for name, case, mistake in wrong]


def write(folder: Path, made: Sequence[Files]) -> None:
    """Both files of each."""
    for record, content in made:
        (folder / f"{record['id']}.json").write_text(to_json(record), "utf-8")
        (folder / f"{record['id']}.safetensors").write_bytes(content)


def write_catches(folder: Path) -> None:
    """flags and catches of every valid vector in the folder, from the arrays stored with it."""
    for vector in read_vectors(folder=folder):
        if vector.result == "valid":
            found = caught_by(vector.case, vector.expected, vector.tol["float64"])
            (folder / f"{vector.case.id}.json").write_text(to_json(vector.record | found), "utf-8")


def all_ids() -> list[str]:
    """Every id, in order."""
    return [case.id for case in cases()] + [name for name, _, _ in INVALID]


def write_index(folder: Path) -> None:
    """The index of all that lies there."""
    records = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in all_ids()]
    (folder / INDEX).write_text(index_text(records), "utf-8")


def main(arguments: Sequence[str]) -> int:
    """0."""
    parser = argparse.ArgumentParser(prog="python -m validation.vectors.generate", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write all of them there")
    parser.add_argument("--catches", action="store_true", help="and write anew which mistakes the stored ones catch")
    options = parser.parse_args(arguments)
    folder = options.out or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in all_ids() if not (folder / f"{name}.json").exists()]
    write(folder, make(missing))
    if folder != FOLDER:
        for name in (SCHEMA_FILE, README):
            (folder / name).write_bytes((FOLDER / name).read_bytes())
    write_index(folder)
    if options.catches:
        write_catches(folder)
        write_index(folder)
    print(f"{len(missing)} vectors written, {len(all_ids())} in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
