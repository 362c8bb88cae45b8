"""Chapter 07, the plain recurrent network, its steps by SymPy (``chain_rule.py`` says how they are compared)."""

import sympy as sp

from tests.derivations.chain_rule import Chain, at, leaves_of, random_integers, symbols, tanh_slope


def test_rnn_backward_is_the_derivative():
    """[RNN.F1] [RNN.F2] [RNN.F3] [RNN.F4] [RNN.F5] [RNN.B1] [RNN.B2] [RNN.B3] [RNN.B4] [RNN.B5] [RNN.B6] [RNN.B7]
    [RNN.B8] [RNN.B9] [RNN.B10] [RNN.B11]  Two steps, two inputs, two units.
    """
    T, D, H = 2, 2, 2
    x, mask, b, h0 = symbols("x", T, D), symbols("M", T), symbols("b", H), symbols("h", H)
    W_x, W_h, m_x = symbols("Wx", D, H), symbols("Wh", H, H), symbols("mx", D)
    m_h, z_h, dh_out, dlast = symbols("mh", H), symbols("zh", H), symbols("dh", T, H), symbols("dl", H)
    leaves = {"x": x, "W_x": W_x, "W_h": W_h, "b": b, "m_x": m_x, "m_h": m_h, "z_h": z_h, "h0": h0}
    chain, h, steps, L = Chain(), [h0[n,] for n in range(H)], [], sp.Integer(0)
    for t in range(T):
        u = [sum(x[t, d] * m_x[d,] * W_x[d, n] for d in range(D)) + b[n,] for n in range(H)]  # RNN.F1
        a = [u[n] + sum(h[j] * m_h[j,] * W_h[j, n] for j in range(H)) for n in range(H)]  # RNN.F2
        y = [chain.line(f"y{t}{n}", a[n], tanh_slope) for n in range(H)]  # RNN.F3
        steps.append([h, y])
        held = [mask[t,] * y[n] * z_h[n,] + (1 - mask[t,]) * h[n] for n in range(H)]  # RNN.F4, RNN.F5
        h = [chain.line(f"h'{t}{n}", held[n]) for n in range(H)]
        L += sum(dh_out[t, n] * h[n] for n in range(H))
    L += sum(dlast[n,] * h[n] for n in range(H))
    values = random_integers(leaves, chain.formulas(), [L])
    expected = chain.gradients(L, leaves_of(leaves), values)
    expected = {name: {index: expected[s] for index, s in leaf.items()} for name, leaf in leaves.items()}
    x, W_x, W_h, m_x, m_h, z_h, steps, mask, dh_out, dlast = (
        at(values, tree) for tree in (x, W_x, W_h, m_x, m_h, z_h, steps, mask, dh_out, dlast)
    )
    grads = {name: dict.fromkeys(leaf, 0) for name, leaf in leaves.items()}
    dh = [dlast[n,] for n in range(H)]
    for t in reversed(range(T)):
        h, y = steps[t]
        dh = [dh[n] + dh_out[t, n] for n in range(H)]  # RNN.B1
        kept, dh = [(1 - mask[t,]) * d for d in dh], [mask[t,] * d for d in dh]  # RNN.B2
        da = [dh[n] * z_h[n,] * (1 - y[n] ** 2) for n in range(H)]  # RNN.B4
        into = [sum(da[n] * W_h[j, n] for n in range(H)) for j in range(H)]
        for n in range(H):
            grads["z_h"][n,] += dh[n] * y[n]  # RNN.B3
            grads["b"][n,] += da[n]  # RNN.B9
            grads["m_h"][n,] += into[n] * h[n]  # RNN.B5
            for j in range(H):
                grads["W_h"][j, n] += h[j] * m_h[j,] * da[n]  # RNN.B8
            for d in range(D):
                grads["W_x"][d, n] += x[t, d] * m_x[d,] * da[n]  # RNN.B7
                grads["m_x"][d,] += da[n] * W_x[d, n] * x[t, d]  # RNN.B10
                grads["x"][t, d] += da[n] * W_x[d, n] * m_x[d,]  # RNN.B11
        dh = [into[n] * m_h[n,] + kept[n] for n in range(H)]  # RNN.B6
    grads["h0"] = {(n,): dh[n] for n in range(H)}
    for name, leaf in expected.items():
        assert grads[name] == leaf, name
