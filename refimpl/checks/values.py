"""The equations once more, one number at a time: Python floats, the math module and loops, no matrix product.

Written from the papers and not from the layers: a value oracle has to share nothing with what it judges. Arguments are
the same arrays as the layers'; they are read number by number.
"""

import math

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.local_reparam import AffineLRTParams
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.layers.rnn import RNNMultipliers, RNNParams

I_GATE, F_GATE, G_GATE, O_GATE = range(4)


def sigmoid(a: float) -> float:
    """The logistic function."""
    return 1.0 / (1.0 + math.exp(-a))


def hard_sigmoid(a: float) -> float:
    """Theano's: 0.2 a + 0.5, cut off at 0 and 1."""
    return min(1.0, max(0.0, 0.2 * a + 0.5))


def scalar_lstm(
    x: Array,
    params: LSTMParams,
    state: LSTMState,
    multipliers: LSTMMultipliers | None = None,
    mask: Array | None = None,
    gates: str = "sigmoid",
    peephole_output: str = "c",
) -> tuple[Array, Array, Array]:
    """h of all steps (T, B, H), the last h and c: S004 eq. 11, peepholes of S001 or Gers, z of S003, VBD of S004."""
    steps, batch, width = x.shape
    size = params.b.shape[1]
    gate = sigmoid if gates == "sigmoid" else hard_sigmoid
    m = multipliers or LSTMMultipliers()
    h_all, h_last, c_last = np.zeros((steps, batch, size)), np.zeros((batch, size)), np.zeros((batch, size))
    for b in range(batch):
        h = [float(state.h[b, n]) for n in range(size)]
        c = [float(state.c[b, n]) for n in range(size)]
        for t in range(steps):
            if mask is None or bool(mask[t, b]):
                h_new, c_new = [0.0] * size, [0.0] * size
                for n in range(size):
                    a = [0.0] * 4
                    for k in range(4):
                        v = 0.0
                        for d in range(width):
                            v += float(x[t, b, d]) * _own(m.x, b, k, d) * float(params.W_x[d, k, n])
                        for j in range(size):
                            v += h[j] * _own(m.h_in, b, k, j) * float(params.W_h[j, k, n])
                        a[k] = v * _own(m.gates, b, k, n) + float(params.b[k, n])
                    p = [0.0] * 3 if params.peephole is None else [float(params.peephole[r, n]) for r in range(3)]
                    i = gate(a[I_GATE] + p[0] * c[n])
                    f = gate(a[F_GATE] + p[1] * c[n])
                    c_new[n] = f * c[n] + i * math.tanh(a[G_GATE])
                    seen = c_new[n] if peephole_output == "c" else c[n]
                    o = gate(a[O_GATE] + p[2] * seen)
                    h_new[n] = o * math.tanh(c_new[n]) * (1.0 if m.h_out is None else float(m.h_out[b, n]))
                h, c = h_new, c_new
            h_all[t, b] = h
        h_last[b], c_last[b] = h, c
    return h_all, h_last, c_last


def _own(multiplier: Array | None, b: int, k: int, n: int) -> float:
    """A multiplier (B, 1|4, N) of object b and gate k, 1 where there is none."""
    if multiplier is None:
        return 1.0
    return float(multiplier[b, k if multiplier.shape[1] == 4 else 0, n])


def scalar_rnn(x: Array, params: RNNParams, h0: Array, multipliers: RNNMultipliers, mask: Array) -> Array:
    """h (T, B, H): S004 eq. 7, with multipliers and padding."""
    steps, batch, width = x.shape
    size = h0.shape[1]
    h_all = np.zeros((steps, batch, size))
    for b in range(batch):
        h = [float(value) for value in h0[b]]
        for t in range(steps):
            if mask[t, b]:
                new = []
                for n in range(size):
                    a = float(params.b[n])
                    for d in range(width):
                        a += float(x[t, b, d]) * float(multipliers.x[b, d]) * float(params.W_x[d, n])  # type: ignore[index]
                    for j in range(size):
                        a += h[j] * float(multipliers.h_in[b, j]) * float(params.W_h[j, n])  # type: ignore[index]
                    new.append(math.tanh(a) * float(multipliers.h_out[b, n]))  # type: ignore[index]
                h = new
            h_all[t, b] = h
    return h_all


def scalar_lrt(x: Array, params: AffineLRTParams, eps: Array, var_floor: float) -> Array:
    """Preactivations (T, B, K) of Kingma et al. 2015: mean plus root of the variance times eps (1|T, B, K)."""
    steps, batch, width = x.shape
    y = np.zeros((steps, batch, params.mu.shape[1]))
    for t, b, k in np.ndindex(*y.shape):
        mean, variance = (0.0 if params.b is None else float(params.b[k])), var_floor
        for d in range(width):
            mean += float(x[t, b, d]) * float(params.mu[d, k])
            variance += (float(x[t, b, d]) * math.exp(float(params.log_sigma[d, k]))) ** 2
        y[t, b, k] = mean + math.sqrt(variance) * float(eps[t if len(eps) > 1 else 0, b, k])
    return y


def scalar_embedding(ids: Array, W: Array, factor: Array) -> Array:
    """Rows of W (V, E) by ids (T, B), times the factor (B, V) of the word in that text: (T, B, E)."""
    e = np.zeros((*ids.shape, W.shape[1]))
    for t, b, k in np.ndindex(*e.shape):
        word = int(ids[t, b])
        e[t, b, k] = float(W[word, k]) * float(factor[b, word])
    return e


def scalar_softmax_nll(logits: Array, targets: Array) -> float:
    """Sum over rows of -log softmax(logits)[target], nats."""
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        top = max(float(a) for a in row)
        total += math.log(math.fsum(math.exp(float(a) - top) for a in row)) - (float(row[int(target)]) - top)
    return total


def scalar_binary_nll(logits: Array, targets: Array) -> float:
    """Sum over rows of -log P(target), P(1) = sigmoid(logit), nats."""
    probabilities = [sigmoid(float(a)) for a in logits]
    return -math.fsum(math.log(p if y == 1 else 1.0 - p) for p, y in zip(probabilities, targets, strict=True))


def scalar_squared_error(y: Array, targets: Array) -> float:
    """Sum of squares, without a factor 1/2."""
    return math.fsum((float(a) - float(b)) ** 2 for a, b in zip(y, targets, strict=True))
