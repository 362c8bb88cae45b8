"""Embedding and row factor: gradients by complex step, values by one-hot products and loops, ids, errors.

[EMBEDDING.F1] [EMBEDDING.B1] [ROWFACTOR.F1] [ROWFACTOR.B1] [ROWFACTOR.B2]
"""

import numpy as np
import pytest

from refimpl.layers.embedding import embedding_backward, embedding_forward, row_factor_backward, row_factor_forward
from tests.layers.helpers import assert_same_gradients, complex_step, frozen

pytestmark = pytest.mark.filterwarnings("error")
T, B, V, E = 4, 2, 7, 3
IDS = np.array([[5, 6], [0, 5], [5, 1], [2, 5]])  # 5 twice in text 0 and twice in text 1; 3 and 4 never; both ends


@pytest.fixture(params=["one W", "W per object"])
def case(request):
    rng = np.random.Generator(np.random.Philox(23))
    W = rng.standard_normal((V, E) if request.param == "one W" else (B, V, E))
    return frozen(IDS), frozen(W), frozen(rng.standard_normal((T, B, E)))  # ids, W, cotangent


@pytest.fixture
def factor_case():
    rng = np.random.Generator(np.random.Philox(24))
    leaves = {"e": frozen(rng.standard_normal((T, B, E))), "factor": frozen(rng.standard_normal((B, V)))}
    return leaves, frozen(IDS), frozen(rng.standard_normal((T, B, E)))  # leaves, ids, cotangent


def test_gradient_by_complex_step(case):
    ids, W, de = case
    dW = embedding_backward(de, embedding_forward(ids, W)[1])
    assert_same_gradients({"W": dW}, complex_step(lambda W: (embedding_forward(ids, W)[0] * de).sum(), {"W": W}))
    assert not dW[..., 3:5, :].any()  # words that do not occur


def test_value_by_one_hot_product(case):
    ids, W, _ = case
    e, _ = embedding_forward(ids, W)
    assert e.shape == (T, B, E)
    for t, b in np.ndindex(T, B):
        one_hot = [float(v == ids[t, b]) for v in range(V)]
        table = W if W.ndim == 2 else W[b]
        assert e[t, b].tolist() == [sum(one_hot[v] * table[v, k] for v in range(V)) for k in range(E)]


def test_factor_gradient_by_complex_step(factor_case):
    leaves, ids, dy = factor_case
    _, cache = row_factor_forward(leaves["e"], ids, leaves["factor"])
    hand = row_factor_backward(dy, cache)._asdict()
    assert_same_gradients(
        hand, complex_step(lambda e, factor: (row_factor_forward(e, ids, factor)[0] * dy).sum(), leaves)
    )


def test_factor_value_by_scalar_loop(factor_case):
    leaves, ids, _ = factor_case
    y, _ = row_factor_forward(leaves["e"], ids, leaves["factor"])
    for t, b, k in np.ndindex(T, B, E):
        assert y[t, b, k] == leaves["e"][t, b, k] * leaves["factor"][b, ids[t, b]]


def test_the_same_word_in_the_same_text_has_the_same_factor(factor_case):
    leaves, ids, _ = factor_case
    y, _ = row_factor_forward(np.ones((T, B, E)), ids, leaves["factor"])
    assert (y[0, 0] == y[2, 0]).all()
    assert (y[1, 1] == y[3, 1]).all()
    assert (y[0, 0] != y[1, 1]).all()  # and in another text


def test_a_factor_that_all_texts_share(factor_case):
    leaves, ids, dy = factor_case
    z = leaves["factor"][0]
    y, cache = row_factor_forward(leaves["e"], ids, np.broadcast_to(z, (B, V)))
    assert (y == leaves["e"] * z[ids][:, :, None]).all()

    def shared(z):
        return (row_factor_forward(leaves["e"].astype(complex), ids, np.broadcast_to(z, (B, V)))[0] * dy).sum()

    hand = row_factor_backward(dy, cache).factor.sum(axis=0)
    assert_same_gradients({"z": hand}, complex_step(shared, {"z": z}))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
def test_ids_of_any_integer_dtype(dtype):
    """Flat places b V + id go beyond 8 bits here, and uint64 mixed with int64 would turn floating."""
    rng = np.random.Generator(np.random.Philox(25))
    W, ids, de = rng.standard_normal((B, 200, E)), rng.integers(0, 200, (T, B)), rng.standard_normal((T, B, E))
    e, cache = embedding_forward(ids.astype(dtype), W)
    plain, plain_cache = embedding_forward(ids, W)
    assert (e == plain).all()
    dW = embedding_backward(de, cache)
    assert (dW == embedding_backward(de, plain_cache)).all()
    assert all((dW[b, ids[t, b]] != 0.0).all() for t, b in np.ndindex(T, B))
    _, factor_cache = row_factor_forward(e, ids.astype(dtype), W[:, :, 0])
    same = row_factor_forward(e, ids, W[:, :, 0])[1]
    assert (row_factor_backward(de, factor_cache).factor == row_factor_backward(de, same).factor).all()


def test_float32_in_float32_out(case, factor_case):
    ids, W, de = case
    e, cache = embedding_forward(ids, W.astype("float32"))
    assert e.dtype == embedding_backward(de.astype("float32"), cache).dtype == "float32"
    y, cache = row_factor_forward(e, ids, factor_case[0]["factor"].astype("float32"))
    assert y.dtype == "float32"
    assert all(grad.dtype == "float32" for grad in row_factor_backward(de.astype("float32"), cache))


@pytest.mark.parametrize("bad", [-1, V])
def test_an_id_is_never_wrapped(case, factor_case, bad):
    ids, W, _ = case
    wrong = ids.copy()
    wrong[1, 1] = bad
    with pytest.raises(IndexError, match=rf"ids: expected ids from 0 to 6, got {bad} at index \(1, 1\)"):
        embedding_forward(wrong, W)
    with pytest.raises(IndexError, match=rf"ids: expected ids from 0 to 6, got {bad} at index \(1, 1\)"):
        row_factor_forward(factor_case[0]["e"], wrong, factor_case[0]["factor"])


def test_errors(case, factor_case):
    ids, W, de = case
    with pytest.raises(TypeError, match="ids: expected an integer array, got float64"):
        embedding_forward(ids.astype(float), W)
    with pytest.raises(TypeError, match="W: expected dtype float32 or float64, got int64"):
        embedding_forward(ids, W.astype(int))
    with pytest.raises(ValueError, match=r"ids: expected shape \(T, B\), got \(4,\)"):
        embedding_forward(ids[:, 0], W)
    with pytest.raises(ValueError, match=r"W: expected shape \(V, E\), or \(B, V, E\)"):
        embedding_forward(ids, np.zeros(V))
    with pytest.raises(ValueError, match=r"W: expected shape \(B=2, V, E\), got \(1, 7, 3\)"):
        embedding_forward(ids, np.zeros((1, V, E)))
    _, cache = embedding_forward(ids, W)
    with pytest.raises(ValueError, match="de: expected shape"):
        embedding_backward(de[:, :1], cache)
    with pytest.raises(TypeError, match=r"de: expected dtype float64 .that of W., got float32"):
        embedding_backward(de.astype("float32"), cache)
    e, factor = factor_case[0].values()
    with pytest.raises(ValueError, match=r"factor: expected shape \(B=2, V\), got \(1, 7\)"):
        row_factor_forward(e, ids, factor[:1])
    with pytest.raises(TypeError, match="factor: expected dtype float64"):
        row_factor_forward(e, ids, factor.astype("float32"))
    with pytest.raises(ValueError, match="dy: expected shape"):
        row_factor_backward(de[..., :1], row_factor_forward(e, ids, factor)[1])
