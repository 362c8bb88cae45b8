"""The matrix products of a training step, by shape: what is left of a step when all else costs nothing.

Look-ups of tokens, and the sums over occurrences in their gradient, are no products. A recurrent product is one a time
step; nothing flows back into the initial state, so there is one less of them backward than forward.
"""

from typing import NamedTuple

from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import recipe_of
from refimpl.models.recipe import LRT


class Product(NamedTuple):
    """``times`` products (m, k) @ (k, n); transposed: the left factor is stored as (k, m)."""

    what: str
    m: int
    k: int
    n: int
    times: int = 1
    transposed: bool = False

    @property
    def flops(self) -> int:
        return 2 * self.m * self.k * self.n * self.times


def products_of(workload: Workload) -> list[Product]:
    """All products of one step, in the order in which a step needs them."""
    w, recipe = workload, recipe_of(workload)
    T, B, H, E = w.steps, w.batch, w.hidden, w.embedding
    rows = T * B if recipe.task == "language_model" else B
    head = ["mean", "variance"] if recipe.output.weight.estimator in LRT else ["y"]
    K = recipe.outputs
    forward = [Product("x W_x", T * B, E, 4 * H)] if E else []
    forward += [Product("h W_h", B, H, 4 * H, T)]
    forward += [Product(f"output {part}", rows, H, K) for part in head]
    backward = [Product(f"output {part}: dh", rows, K, H) for part in head]
    backward += [Product(f"output {part}: dW", H, rows, K, transposed=True) for part in head]
    backward += [Product("dh", B, 4 * H, H, T - 1), Product("dW_h", H, T * B, 4 * H, transposed=True)]
    if E:
        backward += [Product("dx", T * B, 4 * H, E), Product("dW_x", E, T * B, 4 * H, transposed=True)]
    return forward + backward


def flops_of(workload: Workload) -> int:
    """Floating-point operations of all products of a step: two for each multiplication and addition."""
    return sum(product.flops for product in products_of(workload))
