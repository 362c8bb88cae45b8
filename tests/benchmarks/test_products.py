"""The list of matrix products: its FLOPs are those of the step, by formula and as PyTorch counts its own."""

import numpy as np
import pytest

from refimpl.benchmarks.gemm_step import GemmStep
from refimpl.benchmarks.products import flops_of, products_of
from refimpl.benchmarks.workloads import NAMES, SIZES, find_workloads, traits_of


def expected_flops(w):
    """Written down for each model by itself: forward + backward, 2 m k n each."""
    T, B, H, E, V = w.steps, w.batch, w.hidden, w.embedding, w.vocabulary
    recurrent = 2 * B * H * 4 * H * (T + (T - 1) + T)  # h W_h, dh, dW_h
    if w.model == "word":
        return recurrent + 3 * 2 * T * B * H * V
    if w.model == "character":
        return recurrent + 6 * 2 * T * B * H * V  # mean and variance
    return recurrent + 3 * 2 * T * B * E * 4 * H + 6 * 2 * B * H * 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_flops_by_formula(name, size):
    (workload,) = find_workloads(name, size)
    assert flops_of(workload) == expected_flops(workload)


@pytest.mark.parametrize("name", NAMES)
def test_the_floor_multiplies_what_is_listed(name):
    (workload,) = find_workloads(name, "tiny")
    subject = GemmStep(products_of(workload), 1)
    assert sum(2 * left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in subject.calls) == flops_of(
        workload
    )
    assert all(array.dtype == np.float32 for call in subject.calls for array in call)
    for _, _, out in subject.calls:
        out[...] = np.nan
    subject.step()
    for left, right, out in subject.calls:
        np.testing.assert_allclose(out, left.astype("float64") @ right, rtol=1e-4, atol=1e-5)


def test_transposed_factors_are_stored_so():
    (workload,) = find_workloads("char", "tiny")
    by_shape = {(left.shape, right.shape): left for left, right, _ in GemmStep(products_of(workload), 1).calls}
    for product in products_of(workload):
        left = by_shape[(product.m, product.k), (product.k, product.n)]
        assert left.flags.c_contiguous != product.transposed


@pytest.mark.parametrize("name", NAMES)
def test_flops_as_torch_counts_them(name, inputs_of):
    """The loop over cells, in which autograd leaves out what nothing reads, does exactly these products."""
    pytest.importorskip("torch", reason="torch is not installed (extra crosscheck)")
    from torch.utils.flop_counter import FlopCounterMode

    from refimpl.benchmarks.torch_step import TorchStep
    from refimpl.benchmarks.traits import Plan

    (workload,) = find_workloads(name, "tiny")
    subject = TorchStep(Plan(workload, traits_of(workload, 1), 1, 1), inputs_of(workload), "torch-cell")
    with FlopCounterMode(display=False) as counter:
        subject.step()
    assert counter.get_total_flops() == flops_of(workload)
