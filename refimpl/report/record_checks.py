"""Whether the record of a run is whole and agrees with itself."""

import math
from typing import Any

from refimpl.compression.counting import COMPRESSION_EPSILON
from refimpl.report.html import Check
from refimpl.report.records import RunRecord, kept_weights, number

ROUNDING = 1e-9  # of a compression that is computed again from the counts


def record_checks(run: RunRecord) -> list[Check]:
    """NLL and KL at every epoch, counts in their order, and compression as the counts give it."""
    missing = [row["epoch"] for row in run.rows if row["epoch"] > 0 and math.isnan(number(row.get("nll")))]
    missing += [row["epoch"] for row in run.rows if math.isnan(number(row.get("kl")))]
    counts = [(row["epoch"], count) for row in run.rows for count in (row.get("kept") or {}).values()]
    disordered = [epoch for epoch, (kept, raw, total) in counts if not 0 <= kept <= raw <= total]
    wrong = [row["epoch"] for row in run.rows if not _compressions_agree(row)]
    return [
        _epochs_check("NLL and KL are finite at every epoch", missing),
        _epochs_check("kept after propagation ≤ kept raw ≤ all, in every matrix", disordered),
        _epochs_check("compression is the one that the counts give", wrong),
    ]


def _epochs_check(name: str, bad: list[int]) -> Check:
    listed = ", ".join(map(str, sorted(set(bad))[:5]))
    return Check(name, not bad, f"not at epoch {listed}{' and others' if len(set(bad)) > 5 else ''}" if bad else "")


def _compressions_agree(row: dict[str, Any]) -> bool:
    propagated, raw, total = kept_weights(row)
    pairs = [("compression", propagated), ("compression_raw", raw)]
    expected = {name: total / (kept + COMPRESSION_EPSILON) for name, kept in pairs}  # COUNT.E7
    return all(abs(number(row.get(name)) - value) <= ROUNDING * value for name, value in expected.items())
