"""Wrong draws of weights and preactivations, and wrong gradients of look-ups and dense layers."""

from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.gaussian_weights import GaussianParams
from refimpl.bayes.local_reparam import AffineLRTGrads, AffineLRTParams
from refimpl.layers.affine import AffineGrads
from refimpl.layers.gate_input import TokenInputGrads
from refimpl.models.layers import Layers


def log_variance_in_draw(layers: Layers) -> Layers:
    """w = mu + exp(log_sigma / 2) eps; the KL reads log_sigma as it is."""

    def forward(params: GaussianParams, eps: Array) -> Any:
        return layers.gaussian_weights_forward(params._replace(log_sigma=0.5 * params.log_sigma), eps)

    def backward(dw: Array, cache: Any) -> GaussianParams:
        grads: GaussianParams = layers.gaussian_weights_backward(dw, cache)
        return grads._replace(log_sigma=0.5 * grads.log_sigma)

    return layers._replace(gaussian_weights_forward=forward, gaussian_weights_backward=backward)


def sigma_gradient(layers: Layers) -> Layers:
    """The gradient by sigma in place of that by log sigma."""

    def forward(params: GaussianParams, eps: Array) -> Any:
        w, cache = layers.gaussian_weights_forward(params, eps)
        return w, (cache, np.exp(-params.log_sigma))

    def backward(dw: Array, cache: Any) -> GaussianParams:
        inner, inverse_sigma = cache
        grads: GaussianParams = layers.gaussian_weights_backward(dw, inner)
        return grads._replace(log_sigma=grads.log_sigma * inverse_sigma)

    return layers._replace(gaussian_weights_forward=forward, gaussian_weights_backward=backward)


def sigma_under_root(layers: Layers) -> Layers:
    """sqrt(x^2 sigma + floor) eps: sigma for sigma^2."""

    def forward(x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float) -> Any:
        halved = params._replace(log_sigma=0.5 * params.log_sigma)
        return layers.affine_lrt_forward(x, halved, eps, var_floor=var_floor)

    def backward(dy: Array, cache: Any) -> AffineLRTGrads:
        grads: AffineLRTGrads = layers.affine_lrt_backward(dy, cache)
        return grads._replace(params=grads.params._replace(log_sigma=0.5 * grads.params.log_sigma))

    return layers._replace(affine_lrt_forward=forward, affine_lrt_backward=backward)


def variance_for_deviation(layers: Layers) -> Layers:
    """y = m + v eps: the root is missing."""

    def forward(x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float) -> Any:
        y, cache = layers.affine_lrt_forward(x, params, eps, var_floor=var_floor)
        return y + (cache.std * cache.std - cache.std) * eps, cache

    def backward(dy: Array, cache: Any) -> AffineLRTGrads:
        """By the mean as it was; by the deviation with 2 std dy for dy. What eps = 0 leaves is the mean's part."""
        still = cache._replace(eps=0.0 * cache.eps)
        mean = layers.affine_lrt_backward(dy, still)
        both, part = (layers.affine_lrt_backward(2.0 * cache.std * dy, c) for c in (cache, still))
        params = [
            None if m is None else m + (b - p) for m, b, p in zip(mean.params, both.params, part.params, strict=True)
        ]
        return AffineLRTGrads(mean.x + (both.x - part.x), AffineLRTParams(*params))

    return layers._replace(affine_lrt_forward=forward, affine_lrt_backward=backward)


def no_floor(layers: Layers) -> Layers:
    """Nothing is added under the root."""

    def forward(x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float) -> Any:
        return layers.affine_lrt_forward(x, params, eps, var_floor=0.0)

    return layers._replace(affine_lrt_forward=forward)


def lrt_factor(layers: Layers) -> Layers:
    """The factor 2 of d sigma^2 / d log sigma is missing."""

    def backward(dy: Array, cache: Any) -> AffineLRTGrads:
        grads: AffineLRTGrads = layers.affine_lrt_backward(dy, cache)
        return grads._replace(params=grads.params._replace(log_sigma=0.5 * grads.params.log_sigma))

    return layers._replace(affine_lrt_backward=backward)


def one_row_dense_bias(layers: Layers) -> Layers:
    """The gradient of a dense layer's bias from the first object alone."""

    def row(dy: Array) -> Array:
        return dy[0] if dy.ndim == 2 else dy[:, 0].sum(axis=0)

    def affine(dy: Array, cache: Any) -> AffineGrads:
        grads: AffineGrads = layers.affine_backward(dy, cache)
        return grads if grads.params.b is None else grads._replace(params=grads.params._replace(b=row(dy)))

    def lrt(dy: Array, cache: Any) -> AffineLRTGrads:
        grads: AffineLRTGrads = layers.affine_lrt_backward(dy, cache)
        return grads if grads.params.b is None else grads._replace(params=grads.params._replace(b=row(dy)))

    return layers._replace(affine_backward=affine, affine_lrt_backward=lrt)


def last_occurrence(layers: Layers) -> Layers:
    """A row's gradient is that of its last occurrence: the others are written over."""

    def over(ids: Array, drows: Array, shape: tuple[int, ...]) -> Array:
        dW = np.zeros(shape, dtype=drows.dtype)
        for t, b in np.ndindex(*ids.shape):
            dW[(ids[t, b],) if len(shape) == drows.ndim - 1 else (b, ids[t, b])] = drows[t, b]
        return dW

    def embedding(de: Array, cache: Any) -> Array:
        return over(cache.ids, de, cache.W.shape)

    def tokens(du: Array, cache: Any) -> TokenInputGrads:
        grads: TokenInputGrads = layers.token_input_backward(du, cache)
        factors = 1.0
        if cache.multiplier is not None:
            factors = cache.multiplier[np.arange(cache.ids.shape[1]), :, cache.ids][..., None]
        return grads._replace(W_x=over(cache.ids, du * factors, cache.W_x.shape))

    return layers._replace(embedding_backward=embedding, token_input_backward=tokens)
