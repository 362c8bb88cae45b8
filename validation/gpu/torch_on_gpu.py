"""PyTorch's step of ``refimpl/benchmarks`` on a CUDA device: the same code, its tensors moved, its loss not read.

cuDNN's kernel of nn.LSTM on the sampled weights, eager autograd, fused Adam. Parameters, batch and noise are refimpl's.
"""

import gc
from importlib import import_module
from typing import Any

from refimpl.benchmarks.contenders import Arrays
from refimpl.benchmarks.torch_step import TorchStep
from refimpl.benchmarks.traits import Plan, Workload
from refimpl.benchmarks.workloads import make_batch, traits_of

torch: Any = import_module("torch")
CUDA = "cuda"


class Inputs(dict[str, Any]):
    """Arrays by name, as a worker reads them from its file."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__(arrays)
        self.files = list(arrays)


class TorchOnGpu(TorchStep):
    """``TorchStep`` whose tensors are made on the device."""

    def __init__(self, plan: Plan, inputs: Inputs, tf32: bool) -> None:
        self.tf32 = tf32
        with torch.device(CUDA):
            super().__init__(plan, inputs, "torch")
        self.x, self.y = self.x.to(CUDA), self.y.to(CUDA)
        self.generator = torch.Generator(CUDA).manual_seed(plan.seed)

    def leaf(self, name: str, value: Any) -> Any:
        return super().leaf(name, value).to(CUDA)

    def array(self, name: str, value: Any, like: tuple[int, ...]) -> Any:
        return super().array(name, value.cpu(), like)

    def update(self, eps: Arrays, rows: Any, ids: Any) -> Any:
        """As ``TorchStep.update``, but the loss stays on the device: to read it each step would make the host wait."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.tf32
        with torch.device(CUDA):
            return self.descend(eps, rows, ids)

    def draw(self, rows: Any) -> Arrays:
        with torch.device(CUDA):
            return super().draw(rows)

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        loss, grads = super().first_step(noise)
        return float(loss), grads

    def synchronise(self) -> None:
        torch.cuda.synchronize()

    def peak_mb(self) -> dict[str, float]:
        """Reserved by PyTorch's allocator, and in use; cuDNN's and the context's own memory is in neither."""
        reserved, used = torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated()
        return {"peak_reserved_mb": round(reserved / 2**20, 1), "peak_used_mb": round(used / 2**20, 1)}

    def forget(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def available() -> bool:
    """Whether this PyTorch has a CUDA device."""
    return bool(torch.cuda.is_available())


def make(workload: Workload, params: Arrays, seed: int, *, tf32: bool) -> TorchOnGpu:
    """The contender, with these parameters and the benchmark's batch."""
    batch = {name: value for name, value in make_batch(workload, seed)._asdict().items() if value is not None}
    inputs = Inputs({f"param/{name}": value for name, value in params.items()} | batch)
    return TorchOnGpu(Plan(workload, traits_of(workload, seed), 1, seed), inputs, tf32)
