"""The floor: the matrix products of a step in NumPy, on arrays made beforehand, and nothing else."""

from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.benchmarks.contenders import Arrays, Inputs
from refimpl.benchmarks.products import Product, products_of
from refimpl.benchmarks.traits import Plan
from refimpl.noise import Draw, normal
from refimpl.training.environment import environment


class GemmStep:
    """A recurrent product has its own left factor and result at each time step, and one weight matrix for all."""

    def __init__(self, products: list[Product], seed: int) -> None:
        self.calls: list[tuple[Array, Array, Array]] = []
        for product in products:
            self.calls += _calls(product, seed)

    def step(self) -> float:
        for left, right, out in self.calls:
            np.matmul(left, right, out=out)
        return 0.0

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        raise NotImplementedError("matrix products alone have no loss")

    def environment(self) -> dict[str, Any]:
        return environment("cpu")


def _calls(product: Product, seed: int) -> list[tuple[Array, Array, Array]]:
    """Factors and results of all products of one kind, float32."""
    _, m, k, n, times, transposed = product
    left = normal(Draw(seed, f"benchmark.{product.what}.left"), (times, m, k), "float32")
    if transposed:
        left = np.ascontiguousarray(left.transpose(0, 2, 1)).transpose(0, 2, 1)
    right = normal(Draw(seed, f"benchmark.{product.what}.right"), (k, n), "float32")
    out = np.empty((times, m, n), dtype="float32")
    return [(left[i], right, out[i]) for i in range(times)]


def make(plan: Plan, inputs: Inputs, name: str) -> GemmStep:
    """The contender "gemm"; it reads no inputs."""
    return GemmStep(products_of(plan.workload), plan.seed)
