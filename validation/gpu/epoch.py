"""Part: an epoch of the character model at the size of the papers."""

import time
from types import ModuleType

import numpy as np

from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import find_workloads, setup_of, zipf_tokens
from refimpl.data.ptb import read_ptb_characters
from refimpl.data.text import LanguageCorpus
from refimpl.models.parameters import initialise
from refimpl.noise import Draw
from refimpl.training.adam import adam_init
from refimpl.training.engines import make_engine
from refimpl.training.epoch import State, train_epoch
from refimpl.training.problem import steps_per_epoch
from refimpl.training.setup import Setup
from validation.gpu.device import Context, synchronise
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row

AIM_SECONDS = 8.0
SEED = 1
EPOCHS = 2  # the first one compiles and fills the pool
TOLD_EVERY = 160  # steps between two lines of progress


def epoch(context: Context, findings: Findings) -> None:
    """The fast engine; the text is Penn Treebank's if it is there, else as long and random."""
    if not context.kernels:
        findings.add("epoch", ABSENT, why="no g++ to compile CUDA text for the CPU")
        return
    workload = find_workloads("char", "tiny" if context.dry else "paper")[0]
    if context.dry:
        workload = workload._replace(corpus=200)
    for number in range(1, (1 if context.dry else EPOCHS) + 1):
        findings.probe(f"epoch {number}", lambda n=number: one(workload, n, context, findings))


def one(workload: Workload, number: int, context: Context, findings: Findings) -> Row:
    """Seconds of an epoch as training counts them: batches, steps, and the loss read once in an interval."""
    setup, text = make_setup(workload, context)
    params = initialise(setup.recipe, SEED, setup.dtype, setup.xp)
    state = State(params, adam_init(params))
    synchronise(setup.xp)
    began = time.perf_counter()

    def progress(_: int, step: int, steps: int, nll: float) -> None:
        if step % TOLD_EVERY == 0:
            seconds = time.perf_counter() - began
            estimate = seconds / step * steps
            findings.add(f"epoch {number}, step {step}", NOTE, seconds=seconds, epoch_estimate_seconds=estimate)

    _, nll = train_epoch(setup, state, number, progress)
    synchronise(setup.xp)
    seconds, steps = time.perf_counter() - began, steps_per_epoch(setup.problem)
    row: Row = {"text": text, "steps": steps, "H": workload.hidden, "B": workload.batch, "T": workload.steps}
    row |= {"seconds": seconds, "step_ms": seconds / steps * 1e3, "bits_per_char": nll / float(np.log(2.0))}
    if not context.dry:
        row |= {"aim_seconds": AIM_SECONDS, "aim_met": seconds <= AIM_SECONDS}
    return row | {"status": OK if np.isfinite(nll) else FAILED}


def make_setup(workload: Workload, context: Context) -> tuple[Setup, str]:
    """The benchmark's setup with a text to train on, and where that is from."""
    setup = setup_of(workload, SEED)
    corpus, text = make_corpus(workload, setup, context)
    recipe = setup.recipe
    if corpus.vocabulary.symbols != setup.problem.corpus.vocabulary.symbols:
        recipe = recipe._replace(vocabulary=len(corpus.vocabulary.symbols), outputs=len(corpus.vocabulary.symbols))
    problem = setup.problem._replace(corpus=corpus)
    xp: ModuleType = context.xp
    engine = make_engine("fast", recipe, problem.batch, threads=1, xp=xp)
    return setup._replace(recipe=recipe, problem=problem, xp=xp, engine=engine), text


def make_corpus(workload: Workload, setup: Setup, context: Context) -> tuple[LanguageCorpus, str]:
    """Penn Treebank's characters from the folder of the corpora, or ids of the same number by Zipf's law."""
    why = "no folder of corpora was named"
    if context.data is not None and not context.dry:
        try:
            return read_ptb_characters(context.data), "Penn Treebank, characters"
        except (OSError, ValueError) as error:
            why = str(error)[:200]
    ids = zipf_tokens(Draw(SEED, "epoch"), (workload.corpus, 1), workload.vocabulary)[:, 0]
    corpus = setup.problem.corpus
    assert isinstance(corpus, LanguageCorpus)
    return corpus._replace(train=ids, valid=ids[:100], test=ids[:100]), f"random characters ({why})"
