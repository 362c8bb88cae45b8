"""KL with its gradient, clipping and Adam by blocks equal the reference.

[KL.RATIO.F1] [KL.RATIO.F3] [KL.RATIO.B1] [KL.RATIO.B2] [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RNN2018.B1] [ELBO.B1]
[CLIP.F1] [CLIP.F2] [ADAM.F1] [ADAM.F2] [ADAM.F4].
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.fast import blocks
from refimpl.fast.workspace import Workspace
from refimpl.models.occurring import expand_rows
from refimpl.training import engine, host_engine
from refimpl.training.adam import AdamState
from tests.fast.twins import BOUND, distance, drawer

dtypes = st.sampled_from(["float64", "float32"])
threads = st.sampled_from([1, 2])
# every divergence, where it is defined (kingma2015: alpha <= 1), and the clip as in the 2018 code, other ones, none
CASES = [
    *[("rnn2018", clip) for clip in (8.0, 3.0, 50.0, None)],
    *[(prior, clip) for prior in ("log_uniform", "molchanov2017", "ard") for clip in (8.0, None)],
    ("standard_normal", None),
    ("kingma2015", None),
]


@pytest.fixture(autouse=True, params=[7, 64])
def small_blocks(monkeypatch, request):
    monkeypatch.setattr(blocks, "BLOCK", request.param)
    monkeypatch.setattr(blocks, "SHARED_BLOCK", request.param - 2)


def run(engine_add_kl, dtype, seed, prior, clip, shape, **keywords):
    draw = drawer(seed, dtype)
    mu, log_sigma = draw("mu", *shape), (3.0 * draw("s", *shape)).astype(dtype)
    if prior == "kingma2015":
        log_sigma = np.minimum(log_sigma, np.log(np.abs(mu)) - 0.1).astype(dtype)
    arrays = mu, log_sigma, draw("dmu", *shape), draw("ds", *shape)
    kl, *grads = engine_add_kl(*arrays, prior=prior, log_alpha_clip=clip, scale=0.3, **keywords)
    return np.float64(kl), *grads


@pytest.mark.parametrize(("prior", "clip"), CASES)
@given(st.tuples(st.integers(1, 50), st.integers(1, 5)), dtypes, threads, st.integers(0, 99))
def test_add_kl(prior, clip, shape, dtype, count, seed):
    """log sigma is spread over 3: of the ratios some are inside the clip, some beyond either edge."""
    expected = run(engine.add_kl, dtype, seed, prior, clip, shape)
    found = run(host_engine.add_kl, dtype, seed, prior, clip, shape, workspace=Workspace(count))
    assert distance(expected, found) <= BOUND[dtype]


def test_every_divergence_is_met():
    assert {prior for prior, _ in CASES} == KL_DIVERGENCES.keys()


@pytest.mark.parametrize(("prior", "clip"), CASES)
@pytest.mark.parametrize("add_kl", [engine.add_kl, partial(host_engine.add_kl, workspace=Workspace())])
def test_gradients_of_some_rows_are_put_in_their_place(prior, clip, add_kl):
    draw, rows = drawer(1), np.array([0, 3, 4])
    mu, log_sigma = draw("mu", 9, 4), -1.0 + np.minimum(0.0, np.log(np.abs(draw("mu", 9, 4))))
    dmu, dlog_sigma = draw("dmu", 3, 4), draw("ds", 3, 4)
    keywords = {"prior": prior, "log_alpha_clip": clip, "scale": 0.3}
    whole = [expand_rows(gradient, rows, mu.shape) for gradient in (dmu, dlog_sigma)]
    expected = engine.add_kl(mu, log_sigma, *whole, **keywords)
    kl, *grads = add_kl(mu, log_sigma, dmu, dlog_sigma, rows=rows, **keywords)
    assert distance((np.float64(expected[0]), *expected[1:]), (np.float64(kl), *grads)) <= BOUND["float64"]


@pytest.mark.parametrize("clip", [0.0, -1.0, 51.0, float("nan")])
def test_a_clip_out_of_range_is_refused(clip):
    with pytest.raises(ValueError, match="log_alpha_clip: expected None or a number in"):
        run(host_engine.add_kl, "float64", 1, "rnn2018", clip, (3, 2), workspace=Workspace())


def test_strided_gradients_are_not_lost():
    draw, shape = drawer(1), (6, 5)
    mu, log_sigma = draw("mu", *shape), draw("s", *shape)
    results = []
    for add_kl in (engine.add_kl, lambda *a, **k: host_engine.add_kl(*a, **k, workspace=Workspace())):
        dmu, dlog_sigma = draw("dmu", 5, 6).T, draw("ds", 5, 6).T
        results.append(add_kl(mu, log_sigma, dmu, dlog_sigma, prior="rnn2018", log_alpha_clip=8.0, scale=1.0)[1:])
    assert distance(*results) <= BOUND["float64"]


@given(st.integers(1, 40), dtypes, threads, st.sampled_from([None, 0.1, 100.0]), st.integers(0, 99))
def test_update(size, dtype, count, clip_norm, seed):
    """Three steps; the limit of 0.1 clips, that of 100 does not, but its multiplier is still not 1."""
    draw = drawer(seed, dtype)
    shapes = {"a": (size,), "b": (2, size), "c": ()}
    workspace = Workspace(count)
    results = []
    for update, keywords in ((engine.update, {}), (host_engine.update, {"workspace": workspace})):
        params = {name: draw(name, *shape) for name, shape in shapes.items()}
        adam = AdamState(*({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2)), step=0)
        for step in range(3):
            grads = {name: draw(f"{name}{step}", *shape) for name, shape in shapes.items()}
            params, adam = update(params, grads, adam, clip_norm=clip_norm, learning_rate=0.01, **keywords)
        assert adam.step == 3
        results.append((params, adam.m, adam.v))
    assert distance(*results) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_become_zero_before_they_are_denormal(dtype):
    """A gradient that was 1 once and is 0 from then on: after 900 steps its mean is 0, or small and not denormal."""
    p, workspace = {"a": np.ones(9, dtype)}, Workspace()
    adam = AdamState({"a": np.full(9, 0.1, dtype)}, {"a": np.full(9, 1e-3, dtype)}, 0)
    smallest = 1.0
    for _ in range(900):
        gradient = {"a": np.zeros(9, dtype)}
        p, adam = host_engine.update(p, gradient, adam, clip_norm=None, learning_rate=0.01, workspace=workspace)
        if adam.m["a"].any():
            smallest = min(smallest, float(adam.m["a"].min()))
    assert smallest >= np.finfo(dtype).tiny
    assert adam.m["a"].any() == (dtype == "float64")
    assert adam.v["a"].all()


def test_what_cannot_be_written_over_is_refused():
    params = {"a": np.zeros((4, 4)).T[:, :2]}
    state = AdamState({"a": np.zeros((4, 2))}, {"a": np.zeros((4, 2))}, 0)
    grads = {"a": np.ones((4, 2))}
    for bad in (params, {"a": np.broadcast_to(0.0, (4, 2))}):
        with pytest.raises(ValueError, match=r"params\[a\]: expected a contiguous array that may be written to"):
            host_engine.update(bad, grads, state, clip_norm=1.0, learning_rate=0.1, workspace=Workspace())
