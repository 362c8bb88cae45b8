"""The stand-in for CuPy: NumPy's values; what CuPy has not and what mixes host and device is refused; kernels run."""

import numpy as np
import pytest
import strict_cupy as xp
from made import ids, single
from strict_cupy import DeviceError, recording

from refimpl.arrays import array_module

# Values


def test_values_are_those_of_numpy():
    x, y = single(2, 3), single(2, 3)
    host = x.get()
    assert np.array_equal((2.0 * x @ y.T + 1.0 - x[:, :1]).get(), 2.0 * host @ host.T + 1.0 - host[:, :1])
    assert np.array_equal(xp.where(x > 3.0, xp.exp(x), 0.0).get(), np.where(host > 3.0, np.exp(host), 0.0))
    assert np.array_equal(xp.concatenate([x, y], axis=1).get(), np.concatenate([host, host], axis=1))
    x[:, 1] -= y[:, 0]
    host[:, 1] -= host[:, 0]
    assert np.array_equal(x.get(), host)
    assert np.array_equal(xp.linalg.norm(x, axis=1).get(), np.linalg.norm(host, axis=1))


def test_results_and_parts_stay_on_the_device():
    z = xp.asarray(np.array([1.0 + 2.0j]))
    for part in (z.real, z.imag, z[0], z.sum(), z.T, z.reshape(1, 1), xp.sum(z), *z, xp.zeros(())):
        assert isinstance(part, xp.ndarray)
        assert array_module(part) is xp
    assert (z.sum().shape, z.real.dtype) == ((), np.float64)
    assert xp.finfo(z.real.dtype).eps == np.finfo("float64").eps
    z.real[...] = 3.0  # a view
    assert z.get().tolist() == [3.0 + 2.0j]


def test_it_is_a_module_to_array_module():
    assert array_module(single(2), None, single(3)) is xp
    with pytest.raises(TypeError, match=r"got types from \['numpy', 'strict_cupy'\]"):
        array_module(single(2), np.ones(2))


# What CuPy does not have


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda x: xp.geomspace(1.0, 2.0, 3), AttributeError, "cupy has no 'geomspace'"),
        (lambda x: xp.vecdot(x, x), AttributeError, "cupy has no 'vecdot'"),
        (lambda x: xp.linalg.vector_norm(x), AttributeError, "cupy.linalg has no 'vector_norm'"),
        (lambda x: x.setflags(write=False), AttributeError, "setflags"),
        (lambda x: x.at, AttributeError, "at"),
        (lambda x: xp.exp(x, where=x > 0.0), DeviceError, "cupy exp.. has no keyword 'where'"),
        (lambda x: xp.sum(x, where=x > 0.0), DeviceError, "cupy sum.. has no keyword 'where'"),
        (lambda x: x.max(initial=0.0), DeviceError, "cupy max.. has no keyword 'initial'"),
        (lambda x: xp.multiply.at(x, ids(0), x[:1]), NotImplementedError, "cupy.multiply.at is not supported"),
        (lambda x: xp.logaddexp.reduce(x), NotImplementedError, "cupy.logaddexp.reduce is not supported"),
        (lambda x: xp.random.normal(size=3), AttributeError, "cupy.random.normal is not in the stand-in"),
        (lambda x: xp.ElementwiseKernel, AttributeError, "ElementwiseKernel is not in the stand-in"),
    ],
)
def test_what_cupy_has_not_is_refused(mistake, error, words):
    with pytest.raises(error, match=words):
        mistake(single(3))


@pytest.mark.parametrize("method", ["normal", "choice", "permutation", "shuffle", "spawn", "multivariate_normal"])
def test_generator_methods_that_cupy_has_not(method):
    with pytest.raises(AttributeError, match=f"cupy.random.Generator has no '{method}'"):
        getattr(xp.random.default_rng(0), method)


def test_generator_methods_that_cupy_has():
    drawn = xp.random.default_rng(0).standard_normal((3,), dtype=np.float32)
    assert (drawn.dtype, drawn.shape) == (np.float32, (3,))
    assert xp.random.default_rng(0).uniform(size=2, dtype="float32").dtype == np.float32
    with pytest.raises(DeviceError, match="cupy binomial.. has no keyword 'axis'"):
        xp.random.default_rng(0).binomial(5, 0.5, axis=0)


# Host and device do not mix


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x, host: np.exp(x),
        lambda x, host: np.sum(x),
        lambda x, host: np.concatenate([x, x]),
        lambda x, host: np.tanh(host, out=x),
        lambda x, host: np.asarray(x),
        lambda x, host: np.testing.assert_allclose(x, 1.0),
        lambda x, host: x + host,
        lambda x, host: host * x,
        lambda x, host: x.__iadd__(host),
        lambda x, host: x.__setitem__(0, host[0:1]),
        lambda x, host: x.__setitem__(slice(None), [1.0, 2.0, 3.0]),
        lambda x, host: xp.where(x > 0.0, host, x),
        lambda x, host: xp.concatenate([x, host]),
        lambda x, host: x.dot(host),
        lambda x, host: xp.exp(host),
        lambda x, host: xp.exp([1.0, 2.0]),
        lambda x, host: x * [1.0, 2.0, 3.0],
        lambda x, host: x[np.array([0, 1])],
        lambda x, host: x[[0, 1]],
        lambda x, host: x.__setitem__(np.array([0, 1]), 1.0),
    ],
)
def test_a_host_array_is_refused(mistake):
    with pytest.raises(TypeError):
        mistake(single(3), np.ones(3, dtype="float32"))


def test_numbers_and_moved_arrays_are_fine():
    x = single(3)
    x += 1
    x[0] = 2.5
    x[1:] = single(2)
    y = np.float32(2.0) * x + xp.asarray(np.ones(3, "float32")) + True
    assert y.get().tolist() == [7.0, 4.0, 6.0]
    assert x[np.int64(1)].shape == ()


# What is no array


KERNEL = """
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i];
}
"""


def test_a_kernel_is_one_launch():
    cuda_on_cpu = pytest.importorskip("cuda_on_cpu")
    if not cuda_on_cpu.available():
        pytest.skip("no g++ to compile CUDA text for the CPU")
    kernel = xp.RawKernel(KERNEL, "twice", options=("-std=c++17",), enable_cooperative_groups=False)
    x, y = single(5), xp.zeros(5, dtype="float32")
    with recording() as stats:
        kernel((2,), (4,), (x, y, np.int32(5)))
    assert (stats.launches, stats.copies, stats.reads) == (1, 0, 0)
    assert y.get().tolist() == [2.0, 4.0, 6.0, 8.0, 10.0]
    kernel.max_dynamic_shared_size_bytes = 100_000
    assert kernel.max_dynamic_shared_size_bytes == 100_000
    with pytest.raises(DeviceError, match="a NumPy array met a device array"):
        kernel((1,), (4,), (x, np.zeros(5, "float32"), np.int32(5)))
    with pytest.raises(NotImplementedError, match="backend nvrtc"):
        xp.RawKernel(KERNEL, "twice", backend="nvcc")


def test_the_device():
    assert xp.cuda.is_available()
    with recording() as stats:
        xp.cuda.Device().synchronize()
    assert (stats.synchronizations, stats.reads) == (1, 0)
    assert xp.cuda.Device().attributes["MultiProcessorCount"] == 132
