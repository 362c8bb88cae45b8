"""``python -m validation.published.steps EXPERIMENT --config CODE``: our training steps beside the authors'.

A run's curve says how far it came; this says whether its steps are theirs. The authors logged, of every epoch, the
mean of the stochastic loss (NLL + KL / N, nats) and the mean and largest norm of the gradient before clipping. The same
is computed here from the steps of a run at paper size, and printed with the difference, as is the metric at the end of
the epoch; with ``--out FILE`` as JSON.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.experiments.plan import Plan, make_plan
from refimpl.experiments.published_logs import LOGS, published_configurations, published_rows
from refimpl.models.parameters import initialise
from refimpl.report.tables import Cell, Number, Table, text_table
from refimpl.training.adam import adam_init
from refimpl.training.checkpoint import write_atomically
from refimpl.training.clipping import global_norm
from refimpl.training.environment import environment
from refimpl.training.epoch import State, train_step
from refimpl.training.evaluate import evaluate
from refimpl.training.problem import epoch_batches, n_terms
from refimpl.training.setup import Setup


class EpochSteps(NamedTuple):
    """An epoch as the authors log it: NLL and loss are means over its terms, the norm's mean is over its steps."""

    epoch: int
    steps: int
    nll: float  # nats a term
    loss: float  # NLL + KL / N, nats a term
    norm_mean: float  # of the gradient, before clipping
    norm_max: float
    valid: float  # the metric at the end of the epoch, pruned means
    test: float


class Told(NamedTuple):
    """What a step says."""

    terms: int  # likelihood terms of the batch
    nll: float  # mean over them, nats
    kl: float  # of the whole model, nats
    norm: float  # of the gradient, before clipping


def main(arguments: Sequence[str]) -> int:
    """0; 2 where the authors have no log of what is asked for."""
    parsed = parse(arguments)
    if parsed.config not in published_configurations(parsed.experiment):
        known = ", ".join(published_configurations(parsed.experiment))
        print(f"--config: expected one of {known}, of which a log is published; got {parsed.config}", file=sys.stderr)
        return 2
    plan = make_plan(
        parsed.experiment,
        configuration=parsed.config,
        preset=parsed.preset,
        seed=parsed.seed,
        data_dir=parsed.data,
        threads=parsed.threads,
        overrides={"epochs": parsed.epochs},
    )
    found = list(epochs(plan))
    print(text_table(table(parsed.experiment, parsed.config, found)))
    if parsed.out:
        write_atomically(parsed.out, (json.dumps(record(plan, found), indent=1) + "\n").encode())
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m validation.published.steps", description=__doc__)
    parser.add_argument("experiment", choices=tuple(LOGS))
    parser.add_argument("--config", required=True, metavar="CODE")
    parser.add_argument("--epochs", type=int, default=1, help="(1)")
    parser.add_argument("--preset", default="paper", help="(paper; another has other steps)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--threads", type=int, default=1, help="(1)")
    parser.add_argument("--data", type=Path, help="folder of the corpora (REFIMPL_DATA)")
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def epochs(plan: Plan) -> Iterator[EpochSteps]:
    """The steps of ``refimpl reproduce``, with the norm of every gradient."""
    setup = plan.setup
    params = initialise(setup.recipe, setup.seed, setup.dtype)
    state = State(params, adam_init(params))
    for epoch in range(1, setup.options.epochs + 1):
        state = state._replace(carried=None)
        told: list[Told] = []
        for batch in epoch_batches(setup.problem, seed=setup.seed, epoch=epoch, dtype=setup.dtype):
            state, step = train_step(setup, state, batch, epoch)
            norm = float(global_norm(step.grads))
            told.append(Told(batch.y.size, float(step.loss.nll), float(step.loss.kl), norm))
        yield summary(epoch, told, n_terms(setup.problem), *scores(setup, state))


def scores(setup: Setup, state: State) -> tuple[float, ...]:
    """The metric on validation and test."""
    return tuple(
        evaluate(state.params, setup.recipe, setup.problem, split, seed=setup.seed, engine=setup.engine)
        for split in ("valid", "test")
    )


def summary(epoch: int, told: Sequence[Told], terms: int, valid: float, test: float) -> EpochSteps:
    """Of the steps of an epoch; terms: N, by which the KL is divided."""
    done = sum(step.terms for step in told)
    nll = sum(step.terms * step.nll for step in told) / done
    kl = sum(step.terms * step.kl for step in told) / done
    norms = [step.norm for step in told]
    return EpochSteps(epoch, len(told), nll, nll + kl / terms, sum(norms) / len(told), max(norms), valid, test)


def table(experiment: str, configuration: str, found: Sequence[EpochSteps]) -> Table:
    """Ours, theirs and the difference, at each epoch that the authors logged."""
    logged = {row["epoch"]: row for row in published_rows(experiment, configuration)}
    rows: list[list[Cell]] = []
    for ours in found:
        if ours.epoch in logged:
            theirs = logged[ours.epoch]
            mean, largest = theirs["gradient_norm"]
            rows += [
                [ours.epoch, "loss, nats", *compared(ours.loss, theirs["loss"])],
                [ours.epoch, "gradient norm, mean", *compared(ours.norm_mean, mean)],
                [ours.epoch, "gradient norm, largest", *compared(ours.norm_max, largest)],
                [ours.epoch, "valid", *compared(ours.valid, theirs["valid"])],
                [ours.epoch, "test", *compared(ours.test, theirs["test"])],
            ]
    return Table(["epoch", "", "ours", "theirs", "difference"], rows)


def compared(ours: float, theirs: float) -> list[Number]:
    """Ours, theirs, difference."""
    return [Number(ours, ".4f"), Number(theirs, ".4f"), Number(ours - theirs, "+.4f")]


def record(plan: Plan, found: Sequence[EpochSteps]) -> dict[str, Any]:
    """What is stored: the run as it is described everywhere, and its epochs."""
    return {"run": plan.record | {"environment": environment("cpu")}, "epochs": [e._asdict() for e in found]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
