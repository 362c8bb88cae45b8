"""The product that feeds the gates, against an einsum for every layout, and its two adjoints."""

import numpy as np
import pytest

from refimpl.layers.gate_product import GATES, gate_product, gate_product_dW, gate_product_dx
from refimpl.noise import Draw, normal

T, B, D, H = 5, 2, 6, 3
ROUNDING = 1e-13  # sums of at most T B 4 H = 120 products of order 1, at 1e-16 each

layouts = pytest.mark.parametrize(("groups", "per_object"), [(1, False), (4, False), (1, True), (4, True)])


def arrays(groups, per_object):
    x = normal(Draw(1, "x"), (T, B, groups, D))
    W = normal(Draw(1, "W"), (B, D, 4, H) if per_object else (D, 4, H))
    return x, W, normal(Draw(1, "du"), (T, B, 4, H))


def plain(x, W):
    """x by gate and W by object, then one sum over d."""
    x = np.broadcast_to(x, (T, B, 4, D))
    return np.einsum("tbkd,bdkh->tbkh", x, np.broadcast_to(W, (B, D, 4, H)))


def test_gate_order():
    assert GATES == ("i", "f", "g", "o")


@layouts
def test_values(groups, per_object):
    x, W, _ = arrays(groups, per_object)
    u = gate_product(x, W)
    assert u.shape == (T, B, 4, H)
    assert np.max(np.abs(u - plain(x, W))) <= ROUNDING


@layouts
def test_adjoints(groups, per_object):
    """<du, x W> is linear in x and in W, so it is <dx, x> and <dW, W> for every x and W."""
    x, W, du = arrays(groups, per_object)
    dx = gate_product_dx(du, W, groups)
    dW = gate_product_dW(x, du, per_object=per_object)
    assert dx.shape == x.shape
    assert dW.shape == W.shape
    for k in range(3):
        other_x, other_W = normal(Draw(k, "other x"), x.shape), normal(Draw(k, "other W"), W.shape)
        assert abs((dx * other_x).sum() - (du * plain(other_x, W)).sum()) <= 100 * ROUNDING
        assert abs((dW * other_W).sum() - (du * plain(x, other_W)).sum()) <= 100 * ROUNDING


@layouts
def test_layout_of_memory_does_not_matter(groups, per_object):
    x, W, du = arrays(groups, per_object)
    turned = [np.ascontiguousarray(a.T).T for a in (x, W, du)]
    assert all(not a.flags.c_contiguous or a.shape[2:3] == (1,) for a in turned)
    assert np.max(np.abs(gate_product(turned[0], turned[1]) - plain(x, W))) <= ROUNDING
    dx, dW = gate_product_dx(turned[2], turned[1], groups), gate_product_dW(turned[0], turned[2], per_object=per_object)
    assert np.max(np.abs(dx - gate_product_dx(du, W, groups))) <= ROUNDING
    assert np.max(np.abs(dW - gate_product_dW(x, du, per_object=per_object))) <= ROUNDING


@layouts
def test_float32_stays_float32(groups, per_object):
    x, W, du = (a.astype("float32") for a in arrays(groups, per_object))
    results = gate_product(x, W), gate_product_dx(du, W, groups), gate_product_dW(x, du, per_object=per_object)
    assert {r.dtype.name for r in results} == {"float32"}
