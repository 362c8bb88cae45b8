"""Rules of the truth table: what CuPy does not have, and what happens where host and device meet."""

from types import ModuleType
from typing import Any

import numpy as np

from validation.gpu.rules import DISPATCH, HIDDEN_COPY, Rule, done, ids, listed, single

ABSENT_METHODS = ("normal", "choice", "permutation", "shuffle", "spawn", "multivariate_normal")
LEFT_OUT = ("base", "data", "flat", "device", "byteswap", "choose", "put")  # strict_array.NOT_HERE


def host() -> Any:
    """An array on the host."""
    return np.ones(3, dtype="float32")


NOT_THERE = (
    Rule("cupy.geomspace is missing", lambda xp: xp.geomspace(1.0, 2.0, 3), "raises AttributeError"),
    Rule("cupy.vecdot is missing", lambda xp: xp.vecdot(single(xp, 3), single(xp, 3)), "raises AttributeError"),
    Rule("linalg.vector_norm is missing", lambda xp: xp.linalg.vector_norm(single(xp, 3)), "raises AttributeError"),
    Rule("ndarray.setflags is missing", lambda xp: single(xp, 3).setflags(write=False), "raises AttributeError"),
    Rule("ndarray.at is missing", lambda xp: single(xp, 3).at, "raises AttributeError"),
    Rule("exp has no where", lambda xp: xp.exp(single(xp, 3), where=single(xp, 3) > 0), "raises TypeError"),
    Rule("sum has no where", lambda xp: xp.sum(single(xp, 3), where=single(xp, 3) > 0), "raises TypeError"),
    Rule("ndarray.max has no initial", lambda xp: single(xp, 3).max(initial=0.0), "raises TypeError"),
    Rule(
        "Generator.binomial has no axis",
        lambda xp: xp.random.default_rng(0).binomial(5, 0.5, axis=0),
        "raises TypeError",
    ),
    *(
        Rule(f"Generator.{name} is missing", lambda xp, n=name: hasattr(xp.random.default_rng(0), n), "False")
        for name in ABSENT_METHODS
    ),
    Rule(
        "Generator.standard_normal has dtype",
        lambda xp: xp.random.default_rng(0).standard_normal((3,), dtype=np.float32),
        "device float32 (3,)",
    ),
    Rule(
        "Generator.uniform has dtype",
        lambda xp: xp.random.default_rng(0).uniform(size=2, dtype="float32"),
        "device float32 (2,)",
    ),
    Rule(
        "random.normal",
        lambda xp: xp.random.normal(size=3),
        "device float64 (3,)",
        "raises AttributeError",
        "numbers that depend on a hidden state",
    ),
    Rule(
        "ElementwiseKernel is there",
        lambda xp: hasattr(xp, "ElementwiseKernel"),
        "True",
        "False",
        "kernels are RawKernels",
    ),
    *(
        Rule(
            f"ndarray.{name} is there",
            lambda xp, n=name: hasattr(single(xp, 3), n),
            "True",
            "False",
            "not needed, and it would let the host's memory out",
        )
        for name in LEFT_OUT
    ),
)


def _assign(xp: ModuleType, index: object, value: object) -> str:
    x = single(xp, 3)
    x[index] = value
    return "done"


def _in_place(xp: ModuleType) -> None:
    x = single(xp, 3)
    x += host()


REFUSED = "raises TypeError"

MIXED = (
    Rule("np.exp(device)", lambda xp: np.exp(single(xp, 3)), "device float32 (3,)", REFUSED, DISPATCH),
    Rule("np.sum(device)", lambda xp: np.sum(single(xp, 3)), "device float32 ()", REFUSED, DISPATCH),
    Rule(
        "np.concatenate([device, device])",
        lambda xp: np.concatenate([single(xp, 3), single(xp, 3)]),
        "device float32 (6,)",
        REFUSED,
        DISPATCH,
    ),
    Rule("np.tanh(host, out=device)", lambda xp: np.tanh(host(), out=single(xp, 3)), "raises"),
    Rule("np.asarray(device)", lambda xp: np.asarray(single(xp, 3)), REFUSED),
    Rule("np.testing.assert_allclose(device, 1)", lambda xp: np.testing.assert_allclose(single(xp, 3), 1.0), "raises"),
    Rule("device + host", lambda xp: single(xp, 3) + host(), REFUSED),
    Rule("host * device", lambda xp: host() * single(xp, 3), REFUSED),
    Rule("device += host", _in_place, "raises"),
    Rule("device[0] = host array of 1", lambda xp: _assign(xp, 0, host()[:1]), "raises"),
    Rule("device[:] = list", lambda xp: _assign(xp, slice(None), [1.0, 2.0, 3.0]), "raises"),
    Rule("where(device, host, device)", lambda xp: xp.where(single(xp, 3) > 0, host(), single(xp, 3)), "raises"),
    Rule("concatenate([device, host])", lambda xp: xp.concatenate([single(xp, 3), host()]), "raises"),
    Rule("device.dot(host)", lambda xp: single(xp, 3).dot(host()), "raises"),
    Rule("exp(host)", lambda xp: xp.exp(host()), REFUSED),
    Rule("exp(list)", lambda xp: xp.exp([1.0, 2.0]), REFUSED),
    Rule("device * list", lambda xp: single(xp, 3) * [1.0, 2.0, 3.0], REFUSED),
    Rule("device[host array]", lambda xp: single(xp, 3)[np.array([0, 1])], "device float32 (2,)", REFUSED, HIDDEN_COPY),
    Rule("device[list]", lambda xp: single(xp, 3)[[0, 1]], "device float32 (2,)", REFUSED, HIDDEN_COPY),
    Rule("device[host array] = 1", lambda xp: _assign(xp, np.array([0, 1]), 1.0), "done", REFUSED, HIDDEN_COPY),
    Rule("device[0] = 2.5", lambda xp: _assign(xp, 0, 2.5), "done"),
    Rule("np.float32(2) * device", lambda xp: np.float32(2.0) * single(xp, 3), "device float32 (3,)"),
    Rule("device + True", lambda xp: single(xp, 3) + True, "device float32 (3,)"),
    Rule("device[np.int64(1)]", lambda xp: single(xp, 3)[np.int64(1)], "device float32 ()"),
    Rule("a sum stays on the device", lambda xp: single(xp, 3).sum(), "device float32 ()"),
    Rule("xp.sum too", lambda xp: xp.sum(single(xp, 3)), "device float32 ()"),
    Rule("an element stays on the device", lambda xp: single(xp, 3)[0], "device float32 ()"),
    Rule("iteration stays on the device", lambda xp: next(iter(single(xp, 3))), "device float32 ()"),
    Rule("asarray of a device array is that array", lambda xp: (lambda x: xp.asarray(x) is x)(single(xp, 3)), "True"),
    Rule("get is on the host", lambda xp: single(xp, 3).get(), "host float32 (3,)"),
    Rule("asnumpy is on the host", lambda xp: xp.asnumpy(single(xp, 3)), "host float32 (3,)"),
    Rule("set takes a host array", lambda xp: done(single(xp, 3).set(host())), "done"),
    Rule("real is a view", lambda xp: _write_real(xp), "[(3+2j)]"),
    Rule("the imaginary part of real numbers", lambda xp: listed(single(xp, 2).imag), "[0.0, 0.0]"),
    Rule("the module of an array", lambda xp: type(single(xp, 1)).__module__.partition(".")[0] == xp.__name__, "True"),
    Rule("finfo", lambda xp: float(xp.finfo(np.float64).eps) == 2.0**-52, "True"),
    Rule("linalg.norm with axis", lambda xp: xp.linalg.norm(single(xp, 2, 3), axis=1), "device float32 (2,)"),
    Rule("compute_capability is a text", lambda xp: xp.cuda.Device().compute_capability.isdigit(), "True"),
    Rule(
        "repr shows values, so it reads",
        lambda xp: "2." in repr(single(xp, 3)),
        "True",
        "False",
        "pytest shows arguments by it",
    ),
    Rule("an empty index is no mask", lambda xp: single(xp, 3)[ids(xp)[:0].astype(int)], "device float32 (0,)"),
)


def _write_real(xp: ModuleType) -> list[complex]:
    z = xp.asarray(np.array([1.0 + 2.0j]))
    z.real[...] = 3.0
    return listed(z)
