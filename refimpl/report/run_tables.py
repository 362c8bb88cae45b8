"""Tables of a run, and of several runs of one experiment."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from refimpl.report.records import Metric, RunRecord, best_row, kept_weights, metric_of, number, read_run
from refimpl.report.tables import Cell, Number, Table

SPLITS = ("valid", "test")


def quality(value: object, metric: Metric) -> Number | None:
    """A stored metric as shown: accuracies in percent; None where there is none."""
    found = number(value)
    return None if math.isnan(found) else Number(metric.scale * found, f",.{metric.decimals}f")


def compression(value: object, kept: int, total: int) -> Cell:
    """How many times fewer weights are kept; "all pruned" where none is."""
    if total and not kept:
        return "all pruned"
    found = number(value)
    if math.isnan(found):
        return None
    return Number(found, ".3g" if found < 1000 else ",.0f", "×")


def kept_of(count: Sequence[int] | None) -> str | None:
    """ "12 of 50"; None where nothing is counted."""
    return f"{count[0]:,} of {count[1]:,}" if count else None


def minutes(run: RunRecord) -> Number:
    """Training time, summed over the epochs."""
    return Number(math.fsum(s for row in run.rows if not math.isnan(s := number(row.get("seconds")))) / 60.0, ".1f")


def peak_memory(run: RunRecord) -> str:
    """The greatest resident memory of the process, and what was used on a device, as recorded by its epochs."""
    named = {"of the process": _peak(run, "peak_mib"), "on the device": _peak(run, "device_peak_mib")}
    return ", ".join(f"{most:,.1f} MiB {words}" for words, most in named.items() if most > 0.0) or "not recorded"


def _peak(run: RunRecord, key: str) -> float:
    """The greatest of the epochs; 0.0 where none is recorded."""
    return max((x for row in run.rows if not math.isnan(x := number(row.get(key)))), default=0.0)


def deviations_table(run: RunRecord) -> Table:
    """What the recipe of a run deviates in from its source, as its record tells."""
    told = run.config.get("deviations")
    rows: list[list[Cell]] = [[one] for one in told] if told else [["not recorded" if told is None else "none known"]]
    return Table(["deviation from the source"], rows)


def comparison_table(folders: Sequence[Path | str]) -> Table:
    """One row a run: best validation epoch, last epoch, and what is left at the last epoch.

    Errors: as ``read_run``; ValueError if there are no runs or their metrics differ.
    """
    runs = [read_run(folder) for folder in folders]
    metric = metric_of([row for run in runs for row in run.rows])
    columns = [
        "run", "best epoch", "valid", "test", "last epoch", "valid", "test", "compression", "raw",
        "vocabulary", "neurons", "gates", "weights per term", "minutes", "peak MiB",
    ]  # fmt: skip
    caption = f"valid and test: {metric.label}; compression and what is kept: last epoch"
    return Table(columns, [_run_row(run, label, metric) for label, run in labels(runs).items()], caption)


def _run_row(run: RunRecord, label: str, metric: Metric) -> list[Cell]:
    best, last = best_row(run.rows), run.rows[-1]
    propagated, raw, total = kept_weights(last)
    at_best = [None, None, None] if best is None else [best["epoch"], *(quality(best.get(s), metric) for s in SPLITS)]
    per_term = number(run.config.get("weights_per_term"))
    return [
        label,
        *at_best,
        last["epoch"],
        *(quality(last.get(split), metric) for split in SPLITS),
        compression(last.get("compression"), propagated, total),
        compression(last.get("compression_raw"), raw, total),
        *(kept_of(last.get(name)) for name in ("vocabulary", "neurons", "gates")),
        None if math.isnan(per_term) else Number(per_term, ".3g"),
        minutes(run),
        _plain(_peak(run, "peak_mib") or math.nan, ",.0f"),
    ]


def labels(runs: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """A name for each run: configuration; experiment, start, preset, seed where they differ in them; else its folder.

    Errors: ValueError if one run is named twice.
    """
    twice = [str(folder) for folder, count in Counter(run.folder for run in runs).items() if count > 1]
    if twice:
        raise ValueError(f"runs: expected each once, got {', '.join(twice)} again; name it once")
    told = ["experiment", "configuration", "start", "preset", "seed"]
    differ = [key for key in told if key == "configuration" or len({str(run.config.get(key)) for run in runs}) > 1]
    named = [(" ".join(_label_part(run, key) for key in differ), run) for run in runs]
    unique = len({name for name, _ in named}) == len(named)
    return {name if unique else f"{name} ({run.folder})": run for name, run in named}


def _label_part(run: RunRecord, key: str) -> str:
    value = str(run.config.get(key, "?"))
    if key == "start":
        return f"from {value}"
    return f"seed{'s' if ',' in value else ''} {value}" if key == "seed" else value


def results_table(run: RunRecord) -> Table:
    """Best and last epoch, and initialisation."""
    metric = metric_of(run.rows)
    named = [("best validation", best_row(run.rows)), ("last", run.rows[-1]), ("initialisation", run.rows[0])]
    rows = []
    for name, row in named:
        if row is not None:
            kept, raw, total = kept_weights(row)
            rows.append([
                name, row["epoch"], quality(row.get("valid"), metric), quality(row.get("test"), metric),
                compression(row.get("compression"), kept, total), compression(row.get("compression_raw"), raw, total),
                *(kept_of(row.get(part)) for part in ("vocabulary", "neurons", "gates")),
            ])  # fmt: skip
    columns = ["", "epoch", "valid", "test", "compression", "raw", "vocabulary", "neurons", "gates"]
    return Table(columns, rows, metric.label)


def matrices_table(run: RunRecord) -> Table:
    """What is kept of each matrix at the last epoch."""
    counts = {name: tuple(map(int, count)) for name, count in (run.rows[-1].get("kept") or {}).items()}
    counts["all"] = kept_weights(run.rows[-1])
    rows = [[name, kept, raw, total, _percent(kept, total)] for name, (kept, raw, total) in counts.items()]
    return Table(["matrix", "kept", "kept, raw", "weights", "% kept"], rows, "Last epoch; raw: by log alpha alone.")


def epochs_table(run: RunRecord, most: int = 25) -> Table:
    """Epochs as they were recorded; of a long run, evenly chosen ones, with the best and the last."""
    metric, best = metric_of(run.rows), best_row(run.rows)
    step = -(-len(run.rows) // most)
    chosen = [row for k, row in enumerate(run.rows) if k % step == 0 or row is run.rows[-1] or row is best]
    rows = []
    for row in chosen:
        kept, _, total = kept_weights(row)
        kl = number(row.get("kl")) / number(row.get("n_terms"))
        rows.append([
            row["epoch"], _plain(row.get("nll")), _plain(kl), _plain(row.get("kl_weight"), ".3g"),
            quality(row.get("valid"), metric), quality(row.get("test"), metric),
            compression(row.get("compression"), kept, total), _plain(row.get("seconds"), ".1f"),
        ])  # fmt: skip
    columns = ["epoch", "NLL", "KL / N", "KL weight", "valid", "test", "compression", "seconds"]
    every = "" if step == 1 else f" Every {step} epochs, and the best and the last; all are in metrics.jsonl."
    return Table(columns, rows, f"NLL and KL in nats per term; valid and test: {metric.label}.{every}")


def _plain(value: object, spec: str = ".4f") -> Number | None:
    found = number(value)
    return Number(found, spec) if not math.isnan(found) else None


def _percent(kept: int, total: int) -> Number | None:
    return Number(100.0 * kept / total, ".3g") if total else None
