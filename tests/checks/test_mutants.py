"""Power of the gradient check: each line of the backward passes is broken once, and the check must fail.

The text of a module is changed in one place and run again; a change that no longer finds its place fails the test too.
"""

import inspect
import types

import pytest

from refimpl.bayes import binary_dropout, gaussian_weights, local_reparam
from refimpl.checks import cases_bayes, cases_lstm, gradcheck, select_cases
from refimpl.checks.cases_lstm import Options, recurrence
from refimpl.layers import gate_input, lstm_recurrence
from refimpl.tree import flatten

RECURRENCE = [
    ("[LSTM.B1] mask", "params.b", "xp.where(keep, dh, 0.0), xp.where(keep, dc, 0.0)", "dh, dc"),
    ("[LSTM.B1] held", "state.h", "xp.where(keep, dh_prev, dh), xp.where(keep, dc_prev, dc)", "dh_prev, dc_prev"),
    ("[LSTM.B2]", "multipliers.h_out", "dm_out += dh_new * o * tanh_c", "dm_out += dh_new * o * tanh_c * m.h_out"),
    ("[LSTM.B3]", "params.b", "dh_new * tanh_c * _gate_slope(o, gates)", "dh_new * tanh_c * o"),
    ("[LSTM.B4]", "params.b", "(1.0 - tanh_c * tanh_c)", "(1.0 - tanh_c)"),
    ("[LSTM.B4] peephole", "params.b", "dc_new = dc_new + da_o * peephole[2]", "dc_new = dc_new + da_o"),
    ("[LSTM.B5] i, f swapped", "params.b", "i, f, g, o = (activations", "f, i, g, o = (activations"),
    ("[LSTM.B5] c_t for c_t-1", "params.b", "dc_new * c[t],", "dc_new * c[t + 1],"),
    ("[LSTM.B6]", "params.b", "dc_prev = dc_new * f", "dc_prev = dc_new * i"),
    ("[LSTM.B6] peephole", "params.b", "(da[t, :, :2] * peephole[:2]).sum(axis=1)", "da[t, :, 0] * peephole[0]"),
    ("[LSTM.B7] without z", "params.b", "dv = da[t] if m.gates is None else da[t] * m.gates", "dv = da[t]"),
    ("[LSTM.B7] dh of t+1 dropped", "params.b", "dh = doutputs.h[t] + dh", "dh = doutputs.h[t] + 0.0 * dh"),
    ("[LSTM.B8]", "multipliers.h_in", "dm_in += dh_in * h[t][:, None, :]", "dm_in += dh_in * h[t + 1][:, None, :]"),
    ("[LSTM.B9] h_t for h_t-1", "params.W_h", "h[:-1][:, :, None, :] * m.h_in", "h[1:][:, :, None, :] * m.h_in"),
    (
        "[LSTM.B9] without h_in",
        "params.W_h",
        "h_in = h[:-1][:, :, None, :] if",
        "h_in = h[:-1][:, :, None, :] + 0.0 * m.h_in if 1 or",
    ),
    ("[LSTM.B10] one row", "params.b", "b=da.sum(axis=(0, 1))", "b=da[:, 0].sum(axis=0)"),
    (
        "[LSTM.B10] peephole",
        "params.peephole",
        "((0, c_prev), (1, c_prev), (3, seen))",
        "((0, c_prev), (1, c_prev), (3, c_prev))",
    ),
    ("[LSTM.B10] gates", "multipliers.gates", "(da * v).sum(axis=0)", "(da * (v + params.b)).sum(axis=0)"),
    ("dc_T dropped", "params.b", "dh, dc = doutputs.last", "dh, dc = doutputs.last[0], 0.0 * doutputs.last[1]"),
    ("dh_T dropped", "params.b", "dh, dc = doutputs.last", "dh, dc = 0.0 * doutputs.last[0], doutputs.last[1]"),
]
OTHERS = [
    (
        "gate_input/shared_multiplier4",
        "[LSTM.B11]",
        gate_input,
        "(dscaled * multiplier).sum(axis=2)",
        "dscaled.sum(axis=2)",
    ),
    ("gate_input/shared_multiplier4", "[LSTM.B12]", gate_input, "dW(scaled, du", "dW(_scaled(x, None), du"),
    ("gate_input/object_multiplier1", "[LSTM.B13]", gate_input, "(dscaled * x[:, :, None, :])", "(dscaled * scaled)"),
    (
        "token_input/shared_multiplier4",
        "[LSTM.B14]",
        gate_input,
        "drows = du * occurrence_factors(ids, multiplier)",
        "drows = du",
    ),
    ("token_input/object_multiplier0", "[LSTM.B14]", gate_input, "ids + _objects(ids) * W_x.shape[1]", "ids"),
    ("token_input/shared_multiplier4", "[LSTM.B15]", gate_input, "(ids + _objects(ids) * count)", "ids"),
    (
        "token_input/shared_multiplier1",
        "[LSTM.B15]",
        gate_input,
        "dfactors.sum(axis=-1, keepdims=True)",
        "dfactors[..., :1]",
    ),
    ("gaussian_weights/matrix_object", "[RT.B1]", gaussian_weights, "(dw.sum(axis=0),", "(dw.mean(axis=0),"),
    ("gaussian_weights/matrix_shared", "[RT.B2]", gaussian_weights, "dw * cache.deviation", "dw + cache.deviation"),
    (
        "affine_lrt/own",
        "[LRT.B1]",
        local_reparam,
        "(2.0 * xp.where(zero, 1.0, std))",
        "xp.where(zero, 1.0, std)",
    ),
    ("affine_lrt/own_no_floor", "[LRT.B2]", local_reparam, "+ 2.0 * x * _product_dx", "+ x * _product_dx"),
    ("affine_lrt/gates_shared", "[LRT.B3]", local_reparam, "mu=_product_dW(x, dy)", "mu=_product_dW(x, dv)"),
    ("affine_lrt/time_shared", "[LRT.B4]", local_reparam, "2.0 * sigma2 * _product_dW", "sigma2 * _product_dW"),
    ("affine_lrt/gates_own", "[LRT.B5]", local_reparam, "dy.sum(axis=(0, 1))", "dy[:, 0].sum(axis=0)"),
    ("l2_script", "[VBD.B1]", binary_dropout, "coefficient * xp.sum(", "0.5 * coefficient * xp.sum("),
    ("l2_derivation", "[VBD.B2]", binary_dropout, "coefficient * xp.sum(", "0.5 * coefficient * xp.sum("),
]


def mutant(module, old, new):
    """The module's namespace after one change of its text."""
    text = inspect.getsource(module)
    assert text.count(old) == 1, f"{module.__name__}: expected this text once: {old}"
    changed = types.ModuleType(module.__name__)
    exec(text.replace(old, new), vars(changed))
    return changed


def check_leaf(module, leaf):
    """The result of one leaf of a problem with everything in it."""
    problem = recurrence(Options(peephole="c", groups=4, padding="left"), 0)
    others = [name for name, value in flatten(problem.inputs).items() if name != leaf and value.dtype.kind == "f"]
    (result,) = gradcheck(module.recurrence_forward, module.recurrence_backward, problem.inputs, fixed=others)
    return result


@pytest.mark.parametrize("leaf", sorted({row[1] for row in RECURRENCE}))
def test_the_problem_itself_passes(leaf):
    assert check_leaf(lstm_recurrence, leaf).passed


@pytest.mark.parametrize(("name", "leaf", "old", "new"), RECURRENCE, ids=[row[0] for row in RECURRENCE])
def test_a_broken_recurrence_fails(name, leaf, old, new):
    assert not check_leaf(mutant(lstm_recurrence, old, new), leaf).passed


@pytest.mark.parametrize(("case", "name", "module", "old", "new"), OTHERS, ids=[f"{row[1]} {row[0]}" for row in OTHERS])
def test_a_broken_layer_fails(case, name, module, old, new, monkeypatch):
    changed = mutant(module, old, new)
    (found,) = select_cases([case])
    for cases in (cases_bayes, cases_lstm):
        for function in vars(cases).copy():
            if hasattr(changed, function) and function.endswith(("_forward", "_backward")):
                monkeypatch.setattr(cases, function, getattr(changed, function))
    forward, backward, inputs, zero_leaves, fixed = found.build(0)
    results = gradcheck(forward, backward, inputs, zero_leaves=zero_leaves, fixed=fixed)
    assert any(not result.passed for result in results)
