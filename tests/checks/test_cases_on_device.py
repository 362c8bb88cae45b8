"""Every layer, estimator and KL on the stand-in for a device, and with arrays of two devices; series in one launch."""

from contextlib import nullcontext

import numpy as np
import pytest
import strict_cupy

from refimpl.bayes.kl.polynomial import BLOCK, polynomial
from refimpl.checks import CASES
from refimpl.layers.gate_product import gate_product_dW
from refimpl.tree import flatten, unflatten
from tests.checks.built import built, call, cotangents

NAMES = [case.name for case in CASES if not case.name.startswith("model/")]
# The others leave it to CuPy.
SAYS_SO = ("affine/", "embedding", "row_factor", "rnn", "softmax", "binary", "squared", "kl/")
ALONE = ("sigmoid", "hard_sigmoid", "tanh", "softmax", "l2_script", "l2_derivation")  # of one array


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALONE])
def test_arrays_of_two_devices_are_not_mixed(name):
    problem = built(name)
    words = "^arrays: expected only NumPy or only CuPy arrays" if name.startswith(SAYS_SO) else None
    for leaf, array in flatten(dict(problem.inputs)).items():
        with pytest.raises((TypeError, strict_cupy.DeviceError), match=words):
            call(problem, {leaf: strict_cupy.asarray(array)})


def test_a_weight_gradient_of_two_devices_is_refused():
    x, du = np.ones((3, 2, 1, 5)), np.ones((3, 2, 4, 6))
    for mixed in ((strict_cupy.asarray(x), du), (x, strict_cupy.asarray(du))):
        with pytest.raises(TypeError, match=r"^arrays: expected only NumPy or only CuPy arrays"):
            gate_product_dW(*mixed, per_object=False)


READS = ("kl/kingma2015", "kl/kingma2015_tail")  # an alpha above 1 is refused, which takes a look at the device


@pytest.mark.parametrize("name", NAMES)
def test_on_the_stand_in_for_a_device_the_values_are_those_of_the_host(name):
    """Backward too, with the cotangents and the cache on the device; nothing is read but by kingma2015."""
    problem = built(name)
    tree, ones = cotangents(problem)
    y, cache_ = call(problem, {})
    grads = problem.backward(unflatten(tree, ones)["outputs"], cache_)
    device = {leaf: strict_cupy.asarray(array) for leaf, array in flatten(dict(problem.inputs)).items()}
    with strict_cupy.recording() as stats, strict_cupy.allow_reads() if name in READS else nullcontext():
        found, cache_ = call(problem, device)
        cotangent = unflatten(tree, {leaf: strict_cupy.asarray(array) for leaf, array in ones.items()})["outputs"]
        found_grads = problem.backward(cotangent, cache_)
    assert bool(stats.reads) == (name in READS)
    for host, there in ((y, found), (grads, found_grads)):
        host, there = flatten({"": host}), flatten({"": there})
        assert host.keys() == there.keys()
        for leaf, array in host.items():
            np.testing.assert_array_equal(there[leaf].get(), array)


def test_a_device_is_given_the_whole_array_at_once():
    """Blocks are for the host's cache; on a device each would be one more launch."""
    launches = set()
    for count in (1, 3 * BLOCK):
        x = strict_cupy.asarray(np.linspace(0.0, 1.0, count))
        with strict_cupy.recording() as stats:
            y = polynomial(x, (2.0, -1.0, 0.5))
        np.testing.assert_array_equal(y.get(), polynomial(x.get(), (2.0, -1.0, 0.5)))
        launches.add(stats.launches)
    assert len(launches) == 1
    assert polynomial(strict_cupy.asarray(np.zeros((0, 2))), (2.0, 1.0)).shape == (0, 2)
