"""One recurrent layer of a model: input step (tokens, dense or LRT), multipliers and recurrence; and the reverse."""

from typing import Any, NamedTuple, TypeAlias

from refimpl.arrays import Array, array_module, check_ids
from refimpl.bayes.groups import combine_multipliers, split_multiplier_grad
from refimpl.bayes.local_reparam import AffineLRTCache, AffineLRTParams
from refimpl.layers.gate_input import GateInputCache, TokenInputCache
from refimpl.layers.lstm_recurrence import (
    LSTMOutputs,
    LSTMState,
    RecurrenceCache,
    RecurrenceMultipliers,
    RecurrenceParams,
)
from refimpl.layers.scale import ScaleCache, scale_backward, scale_forward
from refimpl.models.layers import Layers
from refimpl.models.recipe import Recurrent
from refimpl.models.sample import LRTWeight, Weights


class EmbeddedTokens(NamedTuple):
    """Tokens and their embedding, not looked up yet."""

    ids: Array  # (T, B)
    W: Array  # (V, E)


class RowsInputCache(NamedTuple):
    """Of the product of every row with W_x, and of the look-up after it."""

    rows: GateInputCache
    tokens: TokenInputCache


InputCache: TypeAlias = "GateInputCache | TokenInputCache | RowsInputCache | AffineLRTCache"


class RecurrentLayerCache(NamedTuple):
    input: InputCache
    scaled: ScaleCache | None  # of z_x before LRT
    mask_x: Array | None  # (B, 1|4, D), the VBD mask that z_x was combined with
    recurrence: RecurrenceCache


def one_hot(ids: Array, count: int, like: Array) -> Array:
    """ids (T, B) as rows of the unit matrix (T, B, V), of like's dtype.

    Errors: IndexError if an id is not in [0, V).
    """
    check_ids("ids", ids, count)
    return array_module(like).eye(count, dtype=like.dtype)[ids]


def recurrent_layer_forward(
    x: Array | EmbeddedTokens,
    weights: Weights,
    layer: Recurrent,
    state: LSTMState,
    mask: Array | None,
    var_floor: float,
    layers: Layers,
) -> tuple[LSTMOutputs, RecurrentLayerCache]:
    """x is token ids (T, B), dense (T, B, D), or embedded tokens; weights are looked up by the layer's name."""
    w: dict[str, Any] = {key.removeprefix(f"{layer.name}."): value for key, value in weights.items()}
    W_x, z_x, mask_x = w["W_x"], w.get("z_x"), w.get("dropout_x")
    scaled = None
    u: Array
    input_cache: InputCache
    if isinstance(x, EmbeddedTokens):
        rows, rows_cache = layers.gate_input_forward(x.W[None], W_x)
        u, tokens_cache = layers.token_input_forward(x.ids, rows[0])
        input_cache = RowsInputCache(rows_cache, tokens_cache)
    elif isinstance(W_x, LRTWeight):
        x = one_hot(x, len(W_x.mu), W_x.mu) if x.ndim == 2 else x
        if z_x is not None:
            x, scaled = scale_forward(x, z_x)
        params = AffineLRTParams(W_x.mu, W_x.log_sigma)
        u, input_cache = layers.affine_lrt_forward(x, params, W_x.eps, var_floor=var_floor)
    else:
        multiplier = combine_multipliers(None if z_x is None else z_x[:, None, :], mask_x)
        step = layers.token_input_forward if x.ndim == 2 else layers.gate_input_forward
        u, input_cache = step(x, W_x, multiplier)
    outputs, cache = layers.recurrence_forward(
        u,
        RecurrenceParams(w["W_h"], w["b"], w.get("peephole")),
        state,
        multipliers=RecurrenceMultipliers(w.get("dropout_h"), w.get("z_h"), w.get("z_gates")),
        mask=mask,
        gates=layer.gates,
        peephole_output=layer.peephole or "c",
    )
    return outputs, RecurrentLayerCache(input_cache, scaled, mask_x, cache)


def recurrent_layer_backward(
    doutputs: LSTMOutputs, cache: RecurrentLayerCache, layer: Recurrent, layers: Layers
) -> tuple[Array | None, Weights, LSTMState]:
    """dx, gradients of the layer's weights by name, and of its initial state.

    dx is None for token ids, and the gradient of the embedding for embedded tokens.
    """
    du, dparams, dstate, dmultipliers = layers.recurrence_backward(doutputs, cache.recurrence)
    dx: Array | None = None
    dz_x: Array | None = None
    dW_x: Array | LRTWeight
    if isinstance(cache.input, RowsInputCache):
        drows, _ = layers.token_input_backward(du, cache.input.tokens)
        dembedding, dW_x, _ = layers.gate_input_backward(drows[None], cache.input.rows)
        dx = dembedding[0]
    elif isinstance(cache.input, AffineLRTCache):
        dx, lrt = layers.affine_lrt_backward(du, cache.input)
        dW_x = LRTWeight(lrt.mu, lrt.log_sigma, None)
        if cache.scaled is not None:
            dx, dz_x = scale_backward(dx, cache.scaled)
    else:
        if isinstance(cache.input, TokenInputCache):
            dW_x, dmultiplier = layers.token_input_backward(du, cache.input)
        else:
            dx, dW_x, dmultiplier = layers.gate_input_backward(du, cache.input)
        dz = split_multiplier_grad(dmultiplier, cache.mask_x)
        dz_x = None if dz is None else dz[:, 0, :]
    found = {
        "W_x": dW_x,
        "W_h": dparams.W_h,
        "b": dparams.b,
        "peephole": dparams.peephole,
        "z_x": dz_x,
        "z_h": dmultipliers.h_out,
        "z_gates": dmultipliers.gates,
    }
    return dx, {f"{layer.name}.{name}": value for name, value in found.items() if value is not None}, dstate
