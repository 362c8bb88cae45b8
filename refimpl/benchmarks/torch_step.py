"""PyTorch's side: the same training step as its users would write it, three ways.

    torch           the kernel of nn.LSTM on the sampled weights, eager autograd, fused Adam
    torch-compiled  the same with the KL divergence and the output layer under torch.compile
    torch-cell      the LSTM as a Python loop over time

Tokens: an embedding is looked up. One-hot inputs are looked up in the loop over cells; the kernel takes its input as a
matrix, so it gets them one-hot. Where a batch has at most half of the table's rows, only the rows that occur are
sampled, and the one-hot vectors count these rows only: exact, since the others are not read, and faster.
"""

from importlib import import_module
from typing import Any

from refimpl.benchmarks.contenders import BETA1, Arrays, Inputs, params_of
from refimpl.benchmarks.torch_parts import cell_loop, kernel, kl_of_all, output_loss
from refimpl.benchmarks.traits import Plan, Traits

torch: Any = import_module("torch")  # Any: the type checker says the same with and without it

CLIP_EPSILON = 1e-7  # as refimpl's clipping has it


class TorchStep:
    """Parameters, optimiser and batch. W_x and W_h are stored as the way of computing wants them."""

    def __init__(self, plan: Plan, inputs: Inputs, name: str) -> None:
        self.traits: Traits = plan.traits
        self.table = "embedding.W" if self.traits.embedding else "lstm.W_x"
        self.recurrence = cell_loop if name == "torch-cell" else kernel
        # (4H, D) for the kernel, (D, 4H) for the loop and for a table of which rows are taken
        self.turned = set() if name == "torch-cell" else {"lstm.W_x", "lstm.W_h"}
        if self.traits.used_rows:
            self.turned.discard(self.table)
        self.params = {n: self.leaf(n, inputs[key]).requires_grad_() for n, key in params_of(inputs).items()}
        self.matrices = [n.removesuffix(".mu") for n in self.params if n.endswith(".mu")]
        self.x, self.y = (torch.from_numpy(inputs[key]).long() for key in ("x", "y"))
        self.carried: Any = None
        self.optimiser = torch.optim.Adam(list(self.params.values()), lr=self.traits.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.kl, self.output_loss = kl_of_all, output_loss
        if name == "torch-compiled":
            self.kl, self.output_loss = (torch.compile(f, dynamic=False) for f in (kl_of_all, output_loss))

    def leaf(self, name: str, value: Any) -> Any:
        """An array of refimpl's as a tensor: gates side by side, and the matrix turned where it is kept so."""
        if name.startswith("lstm."):
            value = value.reshape(-1, 4 * value.shape[-1]) if value.ndim == 3 else value.reshape(-1)
        if name.partition(".mu")[0].partition(".log_sigma")[0] in self.turned:
            value = value.T
        return torch.from_numpy(value.copy())

    def array(self, name: str, value: Any, like: tuple[int, ...]) -> Any:
        """The reverse of ``leaf``."""
        turned = name.partition(".mu")[0].partition(".log_sigma")[0] in self.turned
        return (value.T if turned else value).reshape(like).numpy()

    def used_rows(self) -> tuple[Any, Any]:
        """The rows of the table that are sampled (None: all), and the tokens as indices into them."""
        if self.traits.used_rows:
            rows, ids = torch.unique(self.x, return_inverse=True)
            return rows, ids
        return None, self.x

    def draw(self, rows: Any) -> Arrays:
        """One sample of each matrix a mini-batch; for LRT, output noise for each object, shared over time."""
        shapes = {name: self.params[f"{name}.mu"].shape for name in self.matrices}
        if rows is not None:
            shapes[self.table] = (len(rows), shapes[self.table][1])
        if self.traits.head != "rt":
            shapes["output.W"] = (1, self.x.shape[1], shapes["output.W"][1])
        return {name: torch.randn(shape, generator=self.generator) for name, shape in shapes.items()}

    def sample(self, name: str, eps: Any, rows: Any = None) -> Any:
        """mu + sigma eps, of all rows or of some."""
        mu, log_sigma = self.params[f"{name}.mu"], self.params[f"{name}.log_sigma"]
        if rows is not None:
            mu, log_sigma = (torch.nn.functional.embedding(rows, table) for table in (mu, log_sigma))
        return mu + torch.exp(log_sigma) * eps

    def loss(self, eps: Arrays, rows: Any, ids: Any) -> Any:
        """Mean negative log-likelihood + KL / N."""
        t, p = self.traits, self.params
        W = {n: self.sample(n, eps[n], rows if n == self.table else None) for n in self.matrices if n != "output.W"}
        W_x, W_h = W["lstm.W_x"], W["lstm.W_h"]
        if rows is not None and not t.embedding and self.recurrence is kernel:
            W_x = W_x.T
        x = torch.nn.functional.embedding(ids, W["embedding.W"]) if t.embedding else ids
        h, last = self.recurrence(x, W_x, W_h, p["lstm.b"], self.carried)
        if t.stateful:
            self.carried = tuple(state.detach() for state in last)
        top = p["output.W.mu"], p["output.W.log_sigma"], p["output.b"]
        seen = h if t.language_model else h[-1:]
        nll = self.output_loss(seen, self.y, *top, eps["output.W"], t.head, t.var_floor, t.probability_clip)
        kl = self.kl([(p[f"{n}.mu"], p[f"{n}.log_sigma"]) for n in self.matrices], t.log_alpha_clip)
        return nll + kl / t.n_terms

    def update(self, eps: Arrays, rows: Any, ids: Any) -> float:
        """A step; the loss as a number."""
        return float(self.descend(eps, rows, ids))

    def descend(self, eps: Arrays, rows: Any, ids: Any) -> Any:
        """Loss, gradients, clipping by the global norm, Adam; the loss as a tensor, which nobody has waited for."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(eps, rows, ids)
        loss.backward()
        grads = [p.grad for p in self.params.values()]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, torch.clamp(norm, max=self.traits.clip_norm) / (norm + CLIP_EPSILON))
        self.optimiser.step()
        return loss.detach()

    def step(self) -> float:
        rows, ids = self.used_rows()
        return self.update(self.draw(rows), rows, ids)

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        shapes = {name: value.shape for name, value in noise.items()}
        eps = {name: self.leaf(name, value) for name, value in noise.items()}
        rows, ids = self.used_rows()
        if rows is not None:
            eps[self.table] = eps[self.table][rows]
        loss = self.update(eps, rows, ids)
        means = {name: self.optimiser.state[p]["exp_avg"] / (1.0 - BETA1) for name, p in self.params.items()}
        return loss, {name: self.array(name, mean, self.shape(name, mean, shapes)) for name, mean in means.items()}

    def shape(self, name: str, value: Any, noise: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
        """refimpl's shape of a parameter: that of its noise, but for the output layer and biases."""
        if name.startswith("output") or name == "lstm.b":
            return tuple(value.shape) if name.startswith("output") else (4, len(value) // 4)
        return noise[name.removesuffix(".mu").removesuffix(".log_sigma")]

    def environment(self) -> dict[str, Any]:
        build = torch.__config__.show().splitlines()
        libraries = [line.strip(" -") for line in build if "Math Kernel" in line or "MKL-DNN" in line]
        return {
            "versions": {"torch": torch.__version__},
            "threads": torch.get_num_threads(),
            "libraries": libraries,
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }


def make(plan: Plan, inputs: Inputs, name: str) -> TorchStep:
    """The contender "torch", "torch-compiled" or "torch-cell"."""
    torch.set_num_threads(plan.threads)
    return TorchStep(plan, inputs, name)
