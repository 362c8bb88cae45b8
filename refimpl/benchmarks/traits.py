"""What a worker has to know of a workload. Standard library only, as a worker may run where nothing else is."""

import json
from pathlib import Path
from typing import Any, NamedTuple


class Workload(NamedTuple):
    """A model and the shape of its batch, all weights Gaussian, no z."""

    name: str
    model: str  # "character", "word" or "text": which function of models/letters.py
    letters: str
    vocabulary: int
    hidden: int
    steps: int  # T
    batch: int  # B
    corpus: int  # characters, words or texts of the training part, from which N follows
    embedding: int = 0  # 0: one-hot symbols straight into the LSTM


class Traits(NamedTuple):
    """What the frameworks' steps have to do; everything here is read from the recipe and the options of training."""

    embedding: bool
    head: str  # estimator of the output weights
    used_rows: bool  # sample only the rows of the table that the batch looks up: at most half of all
    language_model: bool
    stateful: bool  # h and c are carried from step to step
    var_floor: float
    log_alpha_clip: float
    probability_clip: float | None
    n_terms: int
    learning_rate: float
    clip_norm: float


class Plan(NamedTuple):
    """What is asked of a worker, but for the arrays."""

    workload: Workload
    traits: Traits
    threads: int
    seed: int


def write_plan(path: Path, plan: Plan) -> None:
    """The plan as a JSON file."""
    record = {"workload": plan.workload._asdict(), "traits": plan.traits._asdict()}
    path.write_text(json.dumps(record | {"threads": plan.threads, "seed": plan.seed}), "utf-8")


def read_plan(path: Path) -> Plan:
    """The plan that ``write_plan`` wrote."""
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Plan(Workload(**record["workload"]), Traits(**record["traits"]), record["threads"], record["seed"])
