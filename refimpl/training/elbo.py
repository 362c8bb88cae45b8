"""The loss of the papers: mean negative log-likelihood + w KL / N [+ an L2 term], and its gradient.

    loss = (1/n) sum over the batch's n terms of -log p(y | x, weights)  +  w * KL(q || p) / N  [+ L2]

N is the number of likelihood terms of the whole training set, so that with w = 1 the loss is -ELBO / N (S004 eq. 1 and
13; 2018 code). The two parts are always reported apart. w dKL / N is added to the gradient here alone, by the engine's
``add_kl``.
"""

from typing import NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.binary_dropout import (
    l2_derivation_backward,
    l2_derivation_forward,
    l2_script_backward,
    l2_script_forward,
)
from refimpl.bayes.kl.table import summed_kl
from refimpl.models.layers import Layers
from refimpl.models.network import NetworkOutputs, States, network_backward, network_forward
from refimpl.models.objective import objective_backward, objective_forward
from refimpl.models.occurring import expand_rows, restrict_params, restrict_recipe, vocabulary_names
from refimpl.models.parameters import Params, priors
from refimpl.models.recipe import Recipe
from refimpl.models.sample import Noise, sample_backward, sample_forward
from refimpl.training.batches import Batch
from refimpl.training.engine import REFERENCE, Engine


class L2(NamedTuple):
    """L2 term on the matrices under VBD.

    form "script": weight_decay * sum of mu^2 on the mean loss (Gal's script; S004: 1e-3).
    form "derivation": length_scale^2 (1 - rate) / (2 N) * sum of mu^2 (to which the KL divergence of VBD tends).
    """

    form: str
    weight_decay: float = 0.0
    length_scale: float = 1.0


class Loss(NamedTuple):
    """The parts of one step's loss, 0-d float64 arrays on the device."""

    total: Array
    nll: Array  # mean over the batch's terms, nats
    kl: Array  # of the whole model, nats, not weighted and not divided by N
    l2: Array | float
    kl_by_name: dict[str, Array]


class Step(NamedTuple):
    loss: Loss
    grads: Params
    outputs: NetworkOutputs


def kl_divergence(params: Params, recipe: Recipe) -> tuple[Array, dict[str, Array]]:
    """KL(q || p) in nats: of the whole model and by name, summed in float64."""
    by_name: dict[str, Array] = {}
    for name, prior in priors(recipe).items():
        pair = params[f"{name}.mu"], params[f"{name}.log_sigma"]
        by_name[name], _ = summed_kl(*pair, prior=prior, log_alpha_clip=recipe.log_alpha_clip)
    return sum(by_name.values(), 0.0), by_name


def elbo_step(
    params: Params,
    drawn: Noise,
    batch: Batch,
    recipe: Recipe,
    *,
    n_terms: int,
    kl_weight: float = 1.0,
    l2: L2 | None = None,
    states: States | None = None,
    rows: Array | None = None,
    engine: Engine = REFERENCE,
) -> Step:
    """Loss and gradient of one mini-batch, the noise given.

    Shapes: batch.x (T, B), batch.y (T, B) or (B,), batch.mask (T, B) or None; states as in ``network_forward``.
    rows: the rows of the vocabulary that occur (``models/occurring``); batch.x are then places among them, and the
    noise is that of these rows.
    Equations: ELBO.F1 (S004 eq. 1, 13), ELBO.B1.
    Errors: ValueError if n_terms is below 1 or kl_weight is negative.
    """
    if n_terms < 1:
        raise ValueError(f"n_terms: expected the number of likelihood terms, at least 1, got {n_terms!r}")
    if not kl_weight >= 0.0:
        raise ValueError(f"kl_weight: expected a number of at least 0, got {kl_weight!r}")
    if batch.mask is not None and recipe.task == "language_model":
        raise ValueError("batch.mask: a language model scores every step, so it takes no padding; cut the text instead")
    nll, grads, outputs = _likelihood(params, drawn, batch, recipe, states, rows, engine.layers)
    table, z, _ = vocabulary_names(recipe)
    kl_by_name: dict[str, Array] = {}
    for name, prior in priors(recipe).items():
        mu, log_sigma = f"{name}.mu", f"{name}.log_sigma"
        kl_by_name[name], grads[mu], grads[log_sigma] = engine.add_kl(
            params[mu],
            params[log_sigma],
            grads[mu],
            grads[log_sigma],
            prior=prior,
            log_alpha_clip=recipe.log_alpha_clip,
            scale=kl_weight / n_terms,
            rows=rows if name in (table, z) else None,
        )
    if rows is not None and table in grads:  # a deterministic table has no KL, and its gradient is still of the rows
        grads[table] = expand_rows(grads[table], rows, params[table].shape)
    penalty, dpenalty = _l2(params, recipe, l2, n_terms)
    for name, dmu in dpenalty.items():
        grads[name] = grads[name] + dmu
    kl = sum(kl_by_name.values(), 0.0)
    total = nll + kl_weight * kl / n_terms + penalty  # [ELBO.F1]
    ordered = {name: grads[name] for name in params}
    return Step(Loss(total, nll, kl, penalty, kl_by_name), ordered, outputs)


def _likelihood(
    params: Params,
    drawn: Noise,
    batch: Batch,
    recipe: Recipe,
    states: States | None,
    rows: Array | None,
    layers: Layers,
) -> tuple[Array, Params, NetworkOutputs]:
    """Mean NLL, its gradient and the network's outputs; of the vocabulary, those of the rows if they are given."""
    if rows is not None:
        params, recipe = restrict_params(params, recipe, rows), restrict_recipe(recipe, rows)
    weights, sample_cache = sample_forward(params, drawn, recipe, layers=layers)
    outputs, network_cache = network_forward(batch.x, weights, recipe, mask=batch.mask, states=states, layers=layers)
    nll, objective_cache = objective_forward(outputs.logits, batch.y, recipe, layers=layers)
    dlogits = objective_backward(1.0, objective_cache, layers=layers)
    dweights = network_backward(dlogits, network_cache, layers=layers)
    grads = sample_backward(dweights, sample_cache, layers=layers)
    return nll, grads, outputs


def dropout_rates(recipe: Recipe) -> dict[str, float]:
    """The VBD rate of every matrix whose rows a mask drops, by name."""
    rates = {"output.W": recipe.output.dropout}
    if recipe.embedding is not None:
        rates["embedding.W"] = recipe.embedding.dropout
    for layer in recipe.layers:
        rates |= {f"{layer.name}.W_x": layer.dropout_x, f"{layer.name}.W_h": layer.dropout_h}
    return {name: rate for name, rate in rates.items() if rate > 0.0}


def _l2(params: Params, recipe: Recipe, l2: L2 | None, n_terms: int) -> tuple[Array | float, Params]:
    """The L2 term of all matrices under VBD, and its gradient."""
    if l2 is None:
        return 0.0, {}
    if l2.form not in ("script", "derivation"):
        raise ValueError(f'l2.form: expected "script" or "derivation", got {l2.form!r}')
    if not dropout_rates(recipe):
        raise ValueError("l2: this recipe has no matrix under VBD, so there is nothing to penalise; leave it None")
    total: Array | float = 0.0
    grads: Params = {}
    for matrix, rate in dropout_rates(recipe).items():
        name = matrix if matrix in params else f"{matrix}.mu"
        if l2.form == "script":
            term, cache = l2_script_forward(params[name], weight_decay=l2.weight_decay)
            grads[name] = l2_script_backward(1.0, cache)
        else:
            term, cache = l2_derivation_forward(params[name], rate=rate, length_scale=l2.length_scale, n_terms=n_terms)
            grads[name] = l2_derivation_backward(1.0, cache)
        total = total + term
    return total, grads
