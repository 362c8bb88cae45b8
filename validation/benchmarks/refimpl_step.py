"""The refimpl side of step_vs_torch: the step of refimpl's own training loop, and the inputs that both sides get."""

from typing import Any, NamedTuple

import numpy as np

from refimpl.data.text import LanguageCorpus, sorted_vocabulary
from refimpl.models.letters import character_model
from refimpl.models.parameters import initialise
from refimpl.models.sample import draw_noise
from refimpl.noise import Draw, normal, words
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.elbo import elbo_step
from refimpl.training.loop import Options, Setup, State, train_step
from refimpl.training.problem import Problem, n_terms

PTB_TRAIN_CHARACTERS = 5_017_483  # for N, the number of likelihood terms

Arrays = dict[str, np.ndarray[Any, Any]]


class Size(NamedTuple):
    vocabulary: int
    hidden: int
    window: int  # characters; a window of 100 gives 99 steps
    batch: int


SIZES = {"small": Size(50, 96, 26, 16), "paper": Size(50, 1000, 100, 64)}


def setup_of(size: Size, seed: int) -> Setup:
    """Only the length of the corpus is used: a batch is given to each step."""
    no_text = np.broadcast_to(np.int32(0), (PTB_TRAIN_CHARACTERS,))
    corpus = LanguageCorpus(no_text, no_text, no_text, sorted_vocabulary(chr(33 + i) for i in range(size.vocabulary)))
    problem = Problem("characters", corpus, "bits_per_char", size.batch, size.window)
    recipe = character_model("LCCL", vocabulary=size.vocabulary, size=size.hidden)
    return Setup(recipe, problem, Options(epochs=1), seed)


def make_inputs(size: Size, seed: int) -> Arrays:
    """Parameters, a batch and recorded noise under the keys param/NAME, noise/NAME, x, y, n_terms.

    Starting values of training, but for log sigma and biases: spread, so that nothing is constant.
    """
    setup = setup_of(size, seed)
    params = initialise(setup.recipe, seed)
    for name, value in params.items():
        if not name.endswith(".mu"):
            value += 0.3 * normal(Draw(seed, f"benchmark.{name}"), value.shape, "float32")
    steps = size.window - 1
    ids = (words(Draw(seed, "benchmark.ids"), size.window * size.batch) % size.vocabulary).astype(np.int32)
    ids = ids.reshape(size.window, size.batch)
    noise = draw_noise(setup.recipe, steps, size.batch, seed=seed, step=0)
    inputs = {f"param/{name}": value for name, value in params.items()}
    inputs |= {f"noise/{name}": value for name, value in noise.items()}
    return inputs | {"x": ids[:-1], "y": ids[1:], "n_terms": np.array(n_terms(setup.problem))}


class RefimplStep:
    """Parameters and optimiser's state. ``step`` is a training step with fresh noise."""

    def __init__(self, params: Arrays, x: Any, y: Any, size: Size, seed: int) -> None:
        self.setup = setup_of(size, seed)
        self.state = State(params, adam_init(params))
        self.batch = Batch(x, y)

    def step(self) -> float:
        self.state, step = train_step(self.setup, self.state, self.batch, 1)
        return float(step.loss.total)

    def loss_and_grads(self, noise: Arrays) -> tuple[float, Arrays]:
        """Loss and gradients for recorded noise."""
        terms = n_terms(self.setup.problem)
        step = elbo_step(self.state.params, noise, self.batch, self.setup.recipe, n_terms=terms)
        return float(step.loss.total), step.grads
