"""Group variables z: one random multiplier for a word, an input, a gate or a neuron (S000, S002, S003).

z has mean 1 at the start, the Gaussian posterior and the KL divergence of a weight; it is drawn for each object and
shared over that object's time steps. Where its log alpha passes the threshold, the whole group is removed.
The draw itself is ``gaussian_weights``; this file says where each kind of z enters a layer, and what it starts from.

| group | parameter | shape | enters |
| --- | --- | --- | --- |
| vocabulary (with an embedding) | embedding.z | (V,) | factor on the embedding rows |
| vocabulary (one-hot inputs), inputs | NAME.z_x | (D,) | multiplier on x, the same for all gates |
| hidden neurons | NAME.z_h | (H,) | multiplier on h_t where it is produced |
| gates | NAME.z_gates | (4, H) | multiplier on the preactivation, before the bias |
"""

from types import ModuleType

from refimpl.arrays import Array, Shape
from refimpl.bayes.gaussian_weights import GaussianParams

INITIAL_MEAN = 1.0


def initial_group(shape: Shape, log_sigma: float, dtype: str, xp: ModuleType) -> GaussianParams:
    """Posterior parameters of group variables before training: mean 1, the given log sigma (2018 code: -3)."""
    return GaussianParams(xp.full(shape, INITIAL_MEAN, dtype=dtype), xp.full(shape, log_sigma, dtype=dtype))


def combine_multipliers(z: Array | None, mask: Array | None) -> Array | None:
    """The product of two multipliers at one place, (B, 1, D) and (B, 1|4, D); None where there is neither."""
    if z is None or mask is None:
        return mask if z is None else z
    return z * mask


def split_multiplier_grad(dproduct: Array | None, mask: Array | None) -> Array | None:
    """dz (B, 1, D) from the gradient of the product with a mask: summed over the gates where the mask has own ones."""
    if dproduct is None or mask is None:
        return dproduct
    return (dproduct * mask).sum(axis=1, keepdims=True)
