"""CUDA C on the CPU: values are right under every schedule, and what a GPU would not forgive is found."""

import shutil

import numpy as np
import pytest
from cuda_on_cpu import CpuKernel, available, schedule, signatures

pytestmark = pytest.mark.skipif(not available(), reason="g++ is not installed: CUDA sources cannot run on the CPU")

SCHEDULES = range(6)  # 0: in order; the others shuffled

SUM = """
extern "C" __global__ void sum(const float* x, float* y, int n) {
    SHARED_MEMORY(float, s);
    const int t = threadIdx.x;
    s[t] = 0;
    for (int i = t; i < n; i += blockDim.x) s[t] += x[i];
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) s[t] += s[t + half];
        __syncthreads();  // of the loop
    }
    if (t == 0) y[blockIdx.x] = s[0];
}"""

# Each block adds what its neighbour wrote in the round before; two buffers, so that one barrier a round is enough.
RING = """
#include <cooperative_groups.h>
extern "C" __global__ void ring(long long* x, int rounds) {
    SHARED_MEMORY(long long, own);
    for (int round = 0; round < rounds; round++) {
        if (threadIdx.x == 0) {
            const long long* from = x + round % 2 * gridDim.x;
            own[0] = from[blockIdx.x] + from[(blockIdx.x + 1) % gridDim.x];
        }
        __syncthreads();
        if (threadIdx.x == blockDim.x - 1) x[(round + 1) % 2 * gridDim.x + blockIdx.x] = own[0];
        cooperative_groups::this_grid().sync();
    }
}"""


def run_sum(code, n=1000, threads=64, blocks=3):
    x, y = np.arange(n, dtype="float32"), np.zeros(blocks, dtype="float32")
    CpuKernel(code, "sum")((blocks,), (threads,), (x, y, np.int32(n)), 4 * threads)
    return bool(np.all(y == n * (n - 1) / 2))


def right(run, *args):
    """For each schedule, whether the run had the right result."""
    found = []
    for seed in SCHEDULES:
        with schedule(seed):
            found.append(run(*args))
    return found


@pytest.mark.parametrize(("n", "threads"), [(1000, 64), (3, 32), (64, 64), (65, 2)])
def test_a_sum_over_a_block(n, threads):
    assert all(right(run_sum, SUM, n, threads))


@pytest.mark.parametrize("barrier", ["__syncthreads();\n    for", "__syncthreads();  // of the loop"])
def test_a_missing_barrier_shows(barrier):
    assert SUM.count(barrier) == 1
    assert not all(right(run_sum, SUM.replace(barrier, barrier.replace("__syncthreads();", ""))))


def run_ring(code, blocks=5, rounds=6, threads=4):
    x = np.zeros((2, blocks), dtype="int64")
    x[0] = expected = np.arange(1, blocks + 1) ** 2
    for _ in range(rounds):
        expected = expected + np.roll(expected, -1)
    CpuKernel(code, "ring", cooperative=True)((blocks,), (threads,), (x, np.int32(rounds)), 8)
    return bool(np.all(x[rounds % 2] == expected))


def test_the_barrier_of_a_grid():
    assert all(right(run_ring, RING))


@pytest.mark.parametrize("barrier", ["cooperative_groups::this_grid().sync();", "__syncthreads();"])
def test_a_missing_barrier_shows_in_a_grid(barrier):
    assert RING.count(barrier) == 1
    assert not all(right(run_ring, RING.replace(barrier, ";")))


def test_blocks_that_are_not_run_together_cannot_wait_for_each_other():
    with pytest.raises(RuntimeError, match="ring: deadlock"):
        CpuKernel(RING, "ring")((2,), (4,), (np.zeros((2, 2), dtype="int64"), np.int32(1)), 8)


@pytest.mark.parametrize(
    "body",
    [
        "if (threadIdx.x == 0) __syncthreads();",
        "if (threadIdx.x == 0) return; __syncthreads();",
        "if (threadIdx.x == 0)\n __syncthreads();\n else\n __syncthreads();",
        "if (threadIdx.x == 0) cooperative_groups::this_grid().sync(); else __syncthreads();",
        "if (blockIdx.x == 0) cooperative_groups::this_grid().sync();",
    ],
)
def test_a_barrier_that_not_every_thread_reaches_is_a_deadlock(body):
    code = f'#include <cooperative_groups.h>\nextern "C" __global__ void f(int* x) {{ {body} }}'
    with pytest.raises(RuntimeError, match="f: deadlock: a barrier that not every thread reaches"):
        CpuKernel(code, "f", cooperative=True)((2,), (4,), (np.zeros(1, dtype="int32"),))


NAMES = """
typedef unsigned long long Word;
#define REAL double
extern "C" __global__ void __launch_bounds__(32) f(REAL* x, const bool* yes, Word* high, int n, unsigned k, REAL a) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        x[i] = yes && yes[i] ? a + k + blockDim.x * 1000 + gridDim.x * 1000000 : -1;
    if (threadIdx.x == 0) high[0] = __umul64hi(high[0], high[1]);
}"""


def arguments(n=70):
    high = np.array([0xFEDCBA9876543210, 0x123456789ABCDEF1], dtype="uint64")
    return [np.zeros(n), np.arange(n) % 3 == 0, high, np.int32(n), np.uint32(7), np.float64(0.5)]


def test_arguments_of_every_kind_in_every_order():
    for seed in (0, 1, 2):
        args = arguments()
        product = int(args[2][0]) * int(args[2][1]) >> 64
        with schedule(seed):
            CpuKernel(NAMES, "f")((1,), (30,), args)
        assert np.array_equal(args[0], np.where(args[1], 1030007.5, -1.0))
        assert int(args[2][0]) == product


def test_no_array():
    args = arguments()
    args[1] = np.uint64(0)
    CpuKernel(NAMES, "f")((1,), (30,), args)
    assert np.all(args[0] == -1.0)


def test_the_signature():
    found = signatures(NAMES)["f"]
    assert found.types == ("double*", "bool*", "unsigned long long*", "int", "unsigned", "double")
    assert found.most_threads == 32
    assert not found.barriers
    assert signatures(SUM)["sum"].barriers
    with pytest.raises(ValueError, match="of type 'half' is not known here"):
        signatures('extern "C" __global__ void f(half* x) {}')


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            0,
            np.zeros(70, dtype="float32"),
            "f, argument 0: expected contiguous float64 for double\\*, got contiguous f",
        ),
        (0, np.zeros(140)[::2], "f, argument 0: expected contiguous float64 for double\\*, got strided float64"),
        (0, 0, "f, argument 0: expected an array for double\\*, got int"),
        (3, 70, "f, argument 3: expected numpy.int32 for int, got int"),
        (3, np.int64(70), "f, argument 3: expected numpy.int32 for int, got int64"),
        (5, 0.5, "f, argument 5: expected numpy.float64 for double, got float"),
    ],
)
def test_an_argument_that_does_not_fit(place, value, message):
    args = arguments()
    args[place] = value
    if type(value) is float:
        value = args[place] = np.float32(value)
        message = message.replace("got float", "got float32")
    with pytest.raises(TypeError, match=message):
        CpuKernel(NAMES, "f")((1,), (30,), args)


def test_a_launch_that_does_not_fit():
    kernel, args = CpuKernel(NAMES, "f"), arguments()
    with pytest.raises(TypeError, match="f: expected 6 arguments, got 5"):
        kernel((1,), (30,), args[:5])
    with pytest.raises(ValueError, match="f: expected 1 to 32 threads, got 33"):
        kernel((1,), (33,), args)
    with pytest.raises(ValueError, match="grid: expected one dimension, at least 1, got \\(0,\\)"):
        kernel((0,), (30,), args)
    with pytest.raises(ValueError, match="block: expected one dimension"):
        kernel((1,), (4, 4), args)


def test_shared_memory_is_granted_and_guarded():
    args = (np.ones(4, dtype="float32"), np.zeros(1, dtype="float32"), np.int32(4))
    kernel = CpuKernel(SUM, "sum")
    with pytest.raises(RuntimeError, match="sum: writes past its shared memory"):
        kernel((1,), (64,), args, 4 * 63)
    with pytest.raises(ValueError, match="sum: 50000 bytes of shared memory asked for, 49152 granted"):
        kernel((1,), (64,), args, 50000)
    kernel.max_dynamic_shared_size_bytes = 50000
    kernel((1,), (64,), args, 50000)
    kernel.max_dynamic_shared_size_bytes = 300000
    with pytest.raises(ValueError, match="232448 possible"):
        kernel((1,), (64,), args, 300000)
    with pytest.raises(ValueError, match="shared memory is only known by the macro SHARED_MEMORY"):
        CpuKernel('extern "C" __global__ void f(int* x) { __shared__ int y[3]; }', "f")


def test_shared_memory_starts_as_garbage():
    code = 'extern "C" __global__ void f(double* x) { SHARED_MEMORY(double, s); x[threadIdx.x] = s[threadIdx.x]; }'
    x = np.zeros(4)
    CpuKernel(code, "f")((1,), (4,), (x,), 32)
    assert np.all(np.isnan(x))


@pytest.mark.parametrize("barriers", [True, False])
def test_a_trap(barriers):
    barrier = "__syncthreads();" if barriers else ""
    code = f'extern "C" __global__ void f(int n) {{ {barrier} if (gridDim.x != n) __trap(); }}'
    CpuKernel(code, "f")((3,), (2,), (np.int32(3),))
    with pytest.raises(RuntimeError, match="f: __trap\\(\\) was called"):
        CpuKernel(code, "f")((3,), (2,), (np.int32(4),))


def test_a_hidden_barrier_is_refused():
    code = "__device__ void wait() { __syncthreads(); }\n" + 'extern "C" __global__ void f(int n) { wait(); }'
    with pytest.raises(RuntimeError, match="f: meets a barrier, but names none in its own body"):
        CpuKernel(code, "f")((1,), (2,), (np.int32(1),))


def test_a_wrong_source_is_refused():
    with pytest.raises(SyntaxError, match="g\\+\\+ refuses the source"):
        CpuKernel('extern "C" __global__ void f(int* x) { x[0] = y; }', "f")


def test_there_may_be_no_compiler(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not available()
