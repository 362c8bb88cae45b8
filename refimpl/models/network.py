"""The network of a recipe: token ids -> [embedding] -> recurrent layers -> dense output; and the reverse.

Nothing is drawn and no formula is differentiated here: layers are put together, and where a value is used twice its
cotangents are added in one visible line.
"""

from typing import Any, NamedTuple

from refimpl.arrays import Array, array_module
from refimpl.bayes.local_reparam import AffineLRTCache, AffineLRTParams
from refimpl.layers.affine import AffineCache, AffineParams
from refimpl.layers.embedding import (
    EmbeddingCache,
    RowFactorCache,
    row_factor_backward,
    row_factor_forward,
)
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState
from refimpl.layers.scale import ScaleCache, scale_backward, scale_forward
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.models.recipe import Recipe, Recurrent
from refimpl.models.recurrent_layer import (
    EmbeddedTokens,
    RecurrentLayerCache,
    RowsInputCache,
    recurrent_layer_backward,
    recurrent_layer_forward,
)
from refimpl.models.sample import LRTWeight, Weights

States = tuple[LSTMState, ...]  # one for each recurrent layer


class EmbeddingStepCache(NamedTuple):
    embedding: EmbeddingCache
    z: RowFactorCache | None
    dropout: RowFactorCache | None


class HeadCache(NamedTuple):
    dropout: ScaleCache | None
    dense: AffineCache | AffineLRTCache


class NetworkCache(NamedTuple):
    recipe: Recipe
    carried: bool  # the initial states were given: no gradient flows into them
    embedding: EmbeddingStepCache | None  # also None where the first layer looks the tokens up
    layers: tuple[RecurrentLayerCache, ...]
    head: HeadCache


class NetworkOutputs(NamedTuple):
    logits: Array  # (T, B, K) of a language model, (B, K) of a classifier or regressor
    states: States
    hidden: Array  # (T, B, H) of the last recurrent layer


def network_forward(
    ids: Array,
    weights: Weights,
    recipe: Recipe,
    *,
    mask: Array | None = None,
    states: States | None = None,
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[NetworkOutputs, NetworkCache]:
    """Logits (or the regressor's value) for token ids.

    Shapes: ids (T, B); mask (T, B) bool or None; states h, c (B, H) for each layer, carried from the segment before, or
    None for the trained initial states (zeros where the recipe has none) -> logits (T, B, K) or (B, K).
    layers: the functions that compute; ``network_backward`` takes the same.
    Errors: ValueError on another number of states; else those of the layers.
    """
    embedding_cache = None
    x: Array | EmbeddedTokens = ids
    if _rows_first(ids, weights, recipe, layers):
        x = EmbeddedTokens(ids, weights["embedding.W"])
    elif recipe.embedding is not None:
        x, embedding_cache = _embedding_step_forward(ids, weights, layers)
    carried = states is not None
    states = initial_states(weights, recipe, ids.shape[1]) if states is None else states
    if len(states) != len(recipe.layers):
        raise ValueError(f"states: expected one for each of {len(recipe.layers)} recurrent layers, got {len(states)}")
    caches, last = [], []
    for layer, state in zip(recipe.layers, states, strict=True):
        outputs, layer_cache = recurrent_layer_forward(x, weights, layer, state, mask, recipe.var_floor, layers)
        x = outputs.h
        caches.append(layer_cache)
        last.append(outputs.last)
    seen = x if recipe.task == "language_model" else last[-1].h[None]
    logits, head_cache = _head_forward(seen, weights, recipe.var_floor, layers)
    if recipe.task != "language_model":
        logits = logits[0]
    cache = NetworkCache(recipe, carried, embedding_cache, tuple(caches), head_cache)
    return NetworkOutputs(logits, tuple(last), x), cache


def network_backward(dlogits: Array, cache: NetworkCache, *, layers: Layers = REFERENCE_LAYERS) -> Weights:
    """Gradients of the weights by name, given dlogits of the logits' shape."""
    recipe = cache.recipe
    xp = array_module(dlogits)
    last_step = recipe.task != "language_model"
    dseen, dweights = _head_backward(dlogits[None] if last_step else dlogits, cache.head, layers)
    top = cache.layers[-1].recurrence
    dx = xp.zeros_like(top.h[1:]) if last_step else dseen
    for depth, (layer, layer_cache) in reversed(list(enumerate(zip(recipe.layers, cache.layers, strict=True)))):
        zero = xp.zeros_like(layer_cache.recurrence.h[0])
        dh_last = dseen[0] if last_step and depth == len(recipe.layers) - 1 else zero
        doutputs = LSTMOutputs(dx, LSTMState(dh_last, zero))
        dx, dlayer, dstate = recurrent_layer_backward(doutputs, layer_cache, layer, layers)
        dweights |= dlayer
        if layer.trainable_state:
            dweights |= _initial_state_grads(dstate, layer, cache.carried)
    if isinstance(cache.layers[0].input, RowsInputCache):
        dweights["embedding.W"] = dx
    elif cache.embedding is not None:
        dweights |= _embedding_step_backward(dx, cache.embedding, layers)
    return dweights


def _rows_first(ids: Array, weights: Weights, recipe: Recipe, layers: Layers) -> bool:
    """Whether W_x can and should multiply the rows of the embedding: both are shared, and nothing stands between."""
    if not layers.rows_first or recipe.embedding is None:
        return False
    first = recipe.layers[0].name
    E: Any = weights["embedding.W"]
    W_x: Any = weights[f"{first}.W_x"]
    between = {"embedding.z", "embedding.dropout", f"{first}.z_x", f"{first}.dropout_x"} & weights.keys()
    if between or isinstance(W_x, LRTWeight):
        return False
    return bool(E.ndim == 2 and W_x.ndim == 3 and len(E) < ids.size)


def initial_states(weights: Weights, recipe: Recipe, batch: int) -> States:
    """h_0 and c_0 of every layer, repeated for the objects of the batch: trained (S004) or zero (2018 code)."""
    states = []
    for layer in recipe.layers:
        b = weights[f"{layer.name}.b"]
        xp = array_module(b)
        zero = xp.zeros((batch, layer.size), dtype=b.dtype)  # type: ignore[union-attr]
        if layer.trainable_state:
            states.append(LSTMState(zero + weights[f"{layer.name}.h0"], zero + weights[f"{layer.name}.c0"]))
        else:
            states.append(LSTMState(zero, zero))
    return tuple(states)


def _initial_state_grads(dstate: LSTMState, layer: Recurrent, carried: bool) -> Weights:
    """Summed over the objects that started from it; zero where the state was carried over instead."""
    used = 0.0 if carried else 1.0
    return {f"{layer.name}.h0": used * dstate.h.sum(axis=0), f"{layer.name}.c0": used * dstate.c.sum(axis=0)}


def _embedding_step_forward(ids: Array, weights: Weights, layers: Layers) -> tuple[Array, EmbeddingStepCache]:
    e, cache = layers.embedding_forward(ids, weights["embedding.W"])
    caches: dict[str, RowFactorCache | None] = {"embedding.z": None, "embedding.dropout": None}
    for name in caches:
        if name in weights:
            e, caches[name] = row_factor_forward(e, ids, weights[name])
    return e, EmbeddingStepCache(cache, *caches.values())


def _embedding_step_backward(de: Array, cache: EmbeddingStepCache, layers: Layers) -> Weights:
    grads: Weights = {}
    if cache.dropout is not None:
        de = row_factor_backward(de, cache.dropout).e
    if cache.z is not None:
        de, grads["embedding.z"] = row_factor_backward(de, cache.z)
    grads["embedding.W"] = layers.embedding_backward(de, cache.embedding)
    return grads


def _head_forward(h: Array, weights: Weights, var_floor: float, layers: Layers) -> tuple[Array, HeadCache]:
    """The dense layer on h (T, B, H)."""
    scaled = None
    if "output.dropout" in weights:
        h, scaled = scale_forward(h, weights["output.dropout"])
    W, b = weights["output.W"], weights["output.b"]
    y: Array
    cache: AffineCache | AffineLRTCache
    if isinstance(W, LRTWeight):
        params = AffineLRTParams(W.mu, W.log_sigma, b)
        y, cache = layers.affine_lrt_forward(h, params, W.eps, var_floor=var_floor)
    else:
        y, cache = layers.affine_forward(h, AffineParams(W, b))
    return y, HeadCache(scaled, cache)


def _head_backward(dy: Array, cache: HeadCache, layers: Layers) -> tuple[Array, Weights]:
    grads: Weights
    if isinstance(cache.dense, AffineLRTCache):
        dh, lrt = layers.affine_lrt_backward(dy, cache.dense)
        grads = {"output.W": LRTWeight(lrt.mu, lrt.log_sigma, None), "output.b": lrt.b}
    else:
        dh, dense = layers.affine_backward(dy, cache.dense)
        grads = {"output.W": dense.W, "output.b": dense.b}
    return dh if cache.dropout is None else scale_backward(dh, cache.dropout).x, grads
