"""The growth series of a record: the points in which one size varies, for each size and number of threads."""

from typing import Any, NamedTuple

from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import GROWTH, GROWTH_AXES, describe

SYMBOLS = {"steps": "T", "batch": "B", "hidden": "H"}


class Series(NamedTuple):
    """points: (value of the size, row of the record), ascending; the centre is a point of every series."""

    axis: str
    threads: int
    centre: Workload
    points: list[tuple[int, dict[str, Any]]]

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.axis]

    @property
    def title(self) -> str:
        return f"growth with {self.symbol}, around {describe(self.centre)}"


def growth_series(record: dict[str, Any]) -> list[Series]:
    """By threads, then by size; none if the record has no growth."""
    if record["growth_centre"] is None:
        return []
    centre = Workload(**record["growth_centre"])
    rows = [row for row in record["rows"] if row["workload"]["name"] == GROWTH]
    found = []
    for threads in dict.fromkeys(row["threads"] for row in rows):
        for axis in GROWTH_AXES["paper"]:
            own = [
                row for row in rows if row["threads"] == threads and _lies_on(Workload(**row["workload"]), centre, axis)
            ]
            points = sorted(((row["workload"][axis], row) for row in own), key=lambda point: int(point[0]))
            found.append(Series(axis, threads, centre, points))
    return found


def _lies_on(workload: Workload, centre: Workload, axis: str) -> bool:
    return workload == centre._replace(**{axis: getattr(workload, axis)})
