"""The report of one run folder, and of several runs side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.arrays import Array
from refimpl.compression.counting import count
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD, log_alpha
from refimpl.models.recipe_record import recipe_from_record
from refimpl.report import figures, parameter_figures
from refimpl.report.comparison_figure import comparison
from refimpl.report.html import Picture, Section, picture, render
from refimpl.report.published_comparison import TITLE as PUBLISHED
from refimpl.report.published_comparison import published_section
from refimpl.report.record_checks import record_checks
from refimpl.report.records import RunRecord, metric_of, read_run
from refimpl.report.run_tables import (
    comparison_table,
    deviations_table,
    epochs_table,
    labels,
    matrices_table,
    peak_memory,
    results_table,
)
from refimpl.report.seeds import groups_of_seeds, seeds_table
from refimpl.report.tables import settings_table
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.run_folder import BEST, LAST

MATRICES = ("W", "W_x", "W_h")
RECORD_PARTS = ("recipe", "training", "data", "paper", "environment")


class Model(NamedTuple):
    """A checkpoint for figures: parameters, and the masks of the propagated count."""

    name: str  # of the file
    epoch: int
    params: dict[str, Array]
    masks: dict[str, Array]


def run_report(folder: Path | str) -> str:
    """The page of one run.

    Errors: as ``read_run``; ValueError if a checkpoint is damaged or is not the recipe's.
    """
    run = read_run(folder)
    config = run.config
    title = f"refimpl: {config.get('experiment', '?')}, {config.get('configuration', '?')}"
    facts = (
        f"Preset {config.get('preset', '?')}, seed {config.get('seed', '?')}, engine {config.get('engine', '?')}, "
        f"{run.rows[-1]['epoch']} epochs. Folder `{run.folder}`."
    )
    sizes = (
        f"{_count(config, 'weights')} weights, {_count(config, 'n_terms')} likelihood terms. "
        f"Peak memory: {peak_memory(run)}."
    )
    return render(title, [facts, sizes], run_sections(folder))


def comparison_report(folders: Sequence[Path | str], title: str = "refimpl: runs compared") -> str:
    """The page of several runs of one experiment: figures, tables, the authors' runs, then the checks of each record.

    Seeds of one configuration are one curve with a band, and one row of mean and spread.
    Errors: as ``comparison_table``.
    """
    groups = groups_of_seeds([read_run(folder) for folder in folders])
    against = [published_section(group, f"{PUBLISHED}: {label}") for label, group in groups.items()]
    return render(title, [], [comparison_section(folders), *(section for section in against if section is not None)])


def comparison_section(folders: Sequence[Path | str]) -> Section:
    """Several runs side by side: curves overlaid, one row a run, and whether each record is consistent."""
    runs = labels([read_run(folder) for folder in folders])
    groups = groups_of_seeds(list(runs.values()))
    every = {name: _evaluate_every(group[0]) for name, group in groups.items()}
    curves = comparison({name: [run.rows for run in group] for name, group in groups.items()}, every)
    several = any(len(group) > 1 for group in groups.values())
    band = " Of several seeds: their mean, and a band from the least to the greatest." if several else ""
    tables = [seeds_table(groups)] if several else []
    shown = picture(curves, f"Quality and compression of the runs.{band}")
    checks = [c._replace(name=f"{name}: {c.name}") for name, run in runs.items() for c in record_checks(run)]
    return Section("Comparison", tables=[*tables, comparison_table(folders)], figures=[shown], checks=checks)


def run_sections(folder: Path | str) -> list[Section]:
    """Results, the authors' run, curves, sparsity, parameters (if there is a checkpoint) and the record of one run."""
    run = read_run(folder)
    metric = metric_of(run.rows)
    model = _model(run)
    curves = figures.learning_curve(run.rows, _evaluate_every(run))
    learning = picture(curves, f"Training by epoch; {metric.label} on validation and test.")
    sparsity = picture(figures.sparsity_curve(run.rows), "What is kept by epoch, and compression.")
    against = published_section([run])
    results = [results_table(run), matrices_table(run), deviations_table(run)]
    sections = [
        Section("Results", tables=results, checks=record_checks(run)),
        *([against] if against is not None else []),
        Section("Learning", figures=[learning], tables=[epochs_table(run)]),
        Section("Sparsity", figures=[sparsity]),
    ]
    pictures = [] if model is None else _parameter_pictures(model)
    if model is not None and pictures:
        text = f"Parameters of `{model.name}`, epoch {model.epoch}. Kept: the propagated count."
        sections.append(Section("Parameters", [text], figures=pictures))
    tables = [settings_table({part: run.config[part]}) for part in RECORD_PARTS if run.config.get(part)]
    return [*sections, Section("Record", ["From `run.json`."], tables)]


def _evaluate_every(run: RunRecord) -> int:
    return int((run.config.get("training") or {}).get("evaluate_every", 1))


def _model(run: RunRecord) -> Model | None:
    """The last checkpoint (the epoch that compression is told of), else the best one; None if there is neither."""
    for name in (LAST, BEST):
        path = run.folder / name
        if path.is_file() and run.config.get("recipe"):
            checkpoint = load_checkpoint(path)
            counts = count(checkpoint.params, recipe_from_record(run.config["recipe"]), "propagated")
            return Model(name, checkpoint.epoch, checkpoint.params, counts.masks)
    return None


def _parameter_pictures(model: Model) -> list[Picture]:
    random = [name.removesuffix(".mu") for name in model.params if name.endswith(".mu")]
    found = []
    if random:
        values = {name: log_alpha(model.params[f"{name}.mu"], model.params[f"{name}.log_sigma"]) for name in random}
        caption = f"log alpha = log(sigma² / mu²); below {LOG_ALPHA_THRESHOLD:g} a weight is kept (raw)."
        found.append(picture(parameter_figures.log_alpha_histogram(values, LOG_ALPHA_THRESHOLD), caption))
    for name in random:
        if name.rpartition(".")[2] in MATRICES:
            shown = parameter_figures.weight_matrix(model.params[f"{name}.mu"], model.masks[name], name)
            found.append(picture(shown, f"Posterior means of {name}; rows read an input, columns feed a unit."))
    return found


def _count(config: dict[str, Any], key: str) -> str:
    return f"{config[key]:,}" if isinstance(config.get(key), int) else "an unknown number of"
