"""Rows and records of runs as ``validation.reproductions`` has them, made up."""

from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.tree import as_plain
from validation.reproductions import records
from validation.reproductions.records import Record

LM = {"kept": {"lstm.W_x": [10, 12, 100], "lstm.W_h": [30, 30, 100], "output.W": [20, 20, 100]}}


def epoch(number, test, *, valid=None, metric="bits_per_char", compression=5.0, gates=40, vocabulary=50, **more):
    counts = {"vocabulary": [vocabulary, 50], "neurons": [16, 16], "gates": [gates, 64]}
    row = {"epoch": number, "nll": 1.0, "kl": -2.0, "kl_weight": 1.0, "n_terms": 10, "metric": metric, "seconds": 1.0}
    scores = {"test": test, "valid": test if valid is None else valid}
    return LM | row | scores | counts | {"compression": compression, "compression_raw": compression / 2} | more


def record(experiment, configuration, of_epochs, *, seed=0, start="random", preset="mini", **training):
    """A run as its preset says, but that at mini the preset's last epoch is the last one of of_epochs."""
    size = EXPERIMENTS[experiment].presets[preset]
    recipe = build_recipe(EXPERIMENTS[experiment], configuration, size, 50, 2)
    run = {"experiment": experiment, "configuration": configuration, "seed": seed, "start": start, "preset": preset}
    run |= {"weights_per_term": 0.5, "dtype": "float32", "recipe": as_plain(recipe)}
    run["training"] = as_plain(size.options) | {"batch": size.batch, "length": size.length} | training
    late = run["training"]["epochs"] - of_epochs[-1]["epoch"] if preset == "mini" else 0
    return Record(records.run_name(run), run, [row | {"epoch": row["epoch"] + late} for row in of_epochs])
