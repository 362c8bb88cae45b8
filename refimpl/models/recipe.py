"""What a model is made of, as data: every choice of the papers is a field here, and nothing is chosen elsewhere.

A recipe fixes the names and shapes of the parameters (``parameters.py``), which noise is drawn and how it is shared
(``sample.py``), and what the network computes (``network.py``). ``letters.py`` builds the recipes of the 2018 code.
"""

from typing import NamedTuple

from refimpl.arrays import check_choice

ESTIMATORS = ("deterministic", "rt", "rt_object", "lrt", "lrt_shared")
LRT = ("lrt", "lrt_shared")
PRIORS = ("log_uniform", "molchanov2017", "rnn2018", "ard", "standard_normal", "kingma2015")
TASKS = ("language_model", "classifier", "regressor")
INITIALISERS = ("orthogonal", "glorot_uniform", "uniform")


class Weight(NamedTuple):
    """One weight matrix.

    estimator, and what its noise is shared over (table in README):
      deterministic  no posterior, no noise
      rt             reparameterization trick, one draw a mini-batch, all time steps alike
      rt_object      one draw an object, all time steps alike
      lrt            local reparameterization trick, one draw of each preactivation (object and time step)
      lrt_shared     LRT with one draw an object, shared over its time steps (S004 eq. 14)
    prior names the KL divergence (refimpl/bayes/kl); it is not read where the estimator is deterministic.
    gate_noise: for LRT on W_x, whether the four gates have "own" noise or one "shared" draw.
    """

    estimator: str = "deterministic"
    prior: str = "rnn2018"
    gate_noise: str = "own"
    init: str = "orthogonal"
    init_scale: float = 1.0  # gain of orthogonal and Glorot, half width of uniform


class Embedding(NamedTuple):
    """An embedding (V, E).

    z is the prior of the vocabulary's group variables, None for none; dropout is VBD on word types.
    """

    size: int
    weight: Weight
    z: str | None = None
    dropout: float = 0.0


class Recurrent(NamedTuple):
    """One LSTM layer.

    z_x, z_h and z_gates are priors of group variables (None: absent); dropout_x and dropout_h are VBD rates.
    """

    name: str
    size: int
    W_x: Weight
    W_h: Weight
    z_x: str | None = None
    z_h: str | None = None
    z_gates: str | None = None
    dropout_x: float = 0.0
    dropout_h: float = 0.0
    dropout_gates: str = "own"  # VBD masks: "own" for each gate (S004) or "shared"
    gates: str = "sigmoid"  # or "hard_sigmoid"
    peephole: str | None = None  # output gate's peephole sees "c_prev" (S001) or "c" (Gers); None: no peepholes
    forget_bias: float = 0.0
    trainable_state: bool = False


class Output(NamedTuple):
    """The dense layer on h (every step of a language model, h_T of a classifier or regressor)."""

    weight: Weight
    dropout: float = 0.0


class Recipe(NamedTuple):
    """A whole model."""

    task: str
    vocabulary: int
    outputs: int  # symbols, classes (1: binary, sigmoid), or 1 for a regressor
    layers: tuple[Recurrent, ...]
    output: Output
    embedding: Embedding | None = None  # None: one-hot symbols straight into the first layer
    probability_clip: float | None = None  # 1e-6 in the 2018 classifiers
    var_floor: float = 1e-8  # added to the variance under the root of LRT; 1e-8 in the 2018 code
    log_alpha_clip: float | None = 8.0  # hard clip of log alpha in the KL (2018 code); None: no clip
    log_sigma_init: float = -3.0


def check_recipe(recipe: Recipe) -> Recipe:
    """The recipe itself, if it can be built.

    Errors: ValueError that names the field, what was expected and what was found.
    """
    check_choice("task", recipe.task, TASKS)
    if not recipe.layers:
        raise ValueError("layers: expected at least one recurrent layer, got none")
    names = [layer.name for layer in recipe.layers]
    if len(set(names)) != len(names) or {"embedding", "output"} & set(names):
        raise ValueError(f"layers: expected distinct names other than embedding and output, got {names}")
    if recipe.task == "regressor" and recipe.outputs != 1:
        raise ValueError(f"outputs: a regressor has 1, got {recipe.outputs}")
    for name, size in [("vocabulary", recipe.vocabulary), ("outputs", recipe.outputs)]:
        _check_positive(name, size)
    if recipe.embedding is not None:
        _check_positive("embedding.size", recipe.embedding.size)
        _check_rate("embedding.dropout", recipe.embedding.dropout)
        _check_prior("embedding.z", recipe.embedding.z)
        _check_weight("embedding", recipe.embedding.weight, ("deterministic", "rt", "rt_object"))
    for layer in recipe.layers:
        _check_layer(layer)
    _check_rate("output.dropout", recipe.output.dropout)
    clip = recipe.probability_clip
    if clip is not None and (recipe.task == "regressor" or not 0.0 < clip < 0.5):
        allowed = "None for a regressor" if recipe.task == "regressor" else "None or a number between 0 and 0.5"
        raise ValueError(f"probability_clip: expected {allowed}, got {clip!r}")
    sequence = ("lrt_shared",) if recipe.task == "language_model" else ()
    _check_weight("output", recipe.output.weight, ("deterministic", "rt", "rt_object", "lrt", *sequence))
    return recipe


def _check_layer(layer: Recurrent) -> None:
    _check_positive(f"{layer.name}.size", layer.size)
    for rate in ("dropout_x", "dropout_h"):
        _check_rate(f"{layer.name}.{rate}", getattr(layer, rate))
    for group in ("z_x", "z_h", "z_gates"):
        _check_prior(f"{layer.name}.{group}", getattr(layer, group))
    check_choice(f"{layer.name}.dropout_gates", layer.dropout_gates, ("own", "shared"))
    check_choice(f"{layer.name}.gates", layer.gates, ("sigmoid", "hard_sigmoid"))
    check_choice(f"{layer.name}.peephole", layer.peephole, (None, "c_prev", "c"))
    _check_weight(f"{layer.name}.W_x", layer.W_x, ESTIMATORS)
    if layer.W_x.estimator in LRT and layer.dropout_x > 0.0:
        raise ValueError(f"{layer.name}.dropout_x: expected 0 with LRT on W_x, got {layer.dropout_x!r}")
    _check_weight(f"{layer.name}.W_h", layer.W_h, ("deterministic", "rt", "rt_object"))


def _check_weight(name: str, weight: Weight, estimators: tuple[str, ...]) -> None:
    check_choice(f"{name}.estimator", weight.estimator, estimators)
    random = weight.estimator != "deterministic"
    check_choice(f"{name}.prior", weight.prior, PRIORS if random else (None, *PRIORS))
    gated = weight.estimator in LRT and name != "output"
    check_choice(f"{name}.gate_noise", weight.gate_noise, ("own", "shared") if gated else ("own",))
    check_choice(f"{name}.init", weight.init, INITIALISERS)


def _check_prior(name: str, prior: str | None) -> None:
    check_choice(name, prior, (None, *PRIORS))


def _check_positive(name: str, size: int) -> None:
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {size!r}")


def _check_rate(name: str, rate: float) -> None:
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"{name}: expected a dropout rate in [0, 1), got {rate!r}")
