"""Chapter 07, its steps by SymPy: each forward line is differentiated, and the chain rule put together forwards; what
comes out has to be what the chapter's backward lines give (``chain_rule.py`` says how they are compared).

What a step has computed (gates, cell, tanh of the cell, state) are symbols too, since the chapter's lines are written
in them: s' = s (1 - s), tanh' = 1 - tanh^2.
"""

from itertools import product

import pytest
import sympy as sp

from tests.derivations.chain_rule import Chain, at, leaves_of, random_integers, sigmoid_slope, symbols, tanh_slope

I, F, G, O = range(4)  # noqa: E741


class LSTM:
    """T steps of one object with D inputs and H units; every array is a dict of symbols by index."""

    def __init__(self, mask, D, H, sees):
        T = len(mask)
        self.sizes, self.sees = (T, D, H), sees
        self.x, self.mask = symbols("x", T, D), {(t,): M for t, M in enumerate(mask)}
        self.W_x, self.W_h, self.b = symbols("Wx", D, 4, H), symbols("Wh", H, 4, H), symbols("b", 4, H)
        self.p, self.h0, self.c0 = symbols("p", 3, H), symbols("h0", H), symbols("c0", H)
        self.m_x, self.m_h = symbols("mx", 4, D), symbols("mh", 4, H)
        self.z_h, self.z_k = symbols("zh", H), symbols("zk", 4, H)
        self.dh, self.dh_last, self.dc_last = symbols("dh", T, H), symbols("dhl", H), symbols("dcl", H)

    def leaves(self):
        names = ("x", "W_x", "W_h", "b", "p", "h0", "c0", "m_x", "m_h", "z_h", "z_k")
        return {name: getattr(self, name) for name in names}

    def forward(self):
        """The lines of the forward pass, and L: the outputs and the last state, each with its cotangent."""
        T, D, H = self.sizes
        chain, self.steps, L = Chain(), [], sp.Integer(0)
        h, c = [self.h0[n,] for n in range(H)], [self.c0[n,] for n in range(H)]
        for t in range(T):
            step = {"h": h, "c": c, "v": {}, "y": {}, "c_new": [], "tanh_c": []}
            M, h_next, c_next = self.mask[t,], [], []
            for k, n in product(range(4), range(H)):
                u = sum(self.x[t, d] * self.m_x[k, d] * self.W_x[d, k, n] for d in range(D))  # LSTM.F1
                v = u + sum(h[j] * self.m_h[k, j] * self.W_h[j, k, n] for j in range(H))  # LSTM.F3
                step["v"][k, n] = chain.line(f"v{t}{k}{n}", v)
            for n in range(H):
                a = [step["v"][k, n] * self.z_k[k, n] + self.b[k, n] for k in range(4)]  # LSTM.F4
                a[I] += self.p[0, n] * c[n]  # LSTM.F5
                a[F] += self.p[1, n] * c[n]
                i, f = (chain.line(f"y{t}{k}{n}", a[k], sigmoid_slope) for k in (I, F))  # LSTM.F6
                g = chain.line(f"y{t}{G}{n}", a[G], tanh_slope)
                c_new = chain.line(f"c'{t}{n}", f * c[n] + i * g)  # LSTM.F7
                a[O] += self.p[2, n] * (c_new if self.sees == "c" else c[n])  # LSTM.F8
                o = chain.line(f"y{t}{O}{n}", a[O], sigmoid_slope)
                tanh_c = chain.line(f"q{t}{n}", c_new, tanh_slope)
                h_new = o * tanh_c * self.z_h[n,]  # LSTM.F9
                h_next.append(chain.line(f"h{t}{n}", M * h_new + (1 - M) * h[n]))  # LSTM.F10
                c_next.append(chain.line(f"c{t}{n}", M * c_new + (1 - M) * c[n]))
                step["y"] |= {(I, n): i, (F, n): f, (G, n): g, (O, n): o}
                step["c_new"].append(c_new)
                step["tanh_c"].append(tanh_c)
            self.steps.append(step)
            h, c = h_next, c_next
            L += sum(self.dh[t, n] * h[n] for n in range(H))
        return chain, L + sum(self.dh_last[n,] * h[n] + self.dc_last[n,] * c[n] for n in range(H))

    def backward(self):
        """The chapter's lines in its order, with whatever the arrays and steps hold."""
        T, D, H = self.sizes
        grads = {name: dict.fromkeys(leaf, 0) for name, leaf in self.leaves().items()}
        dh, dc = [self.dh_last[n,] for n in range(H)], [self.dc_last[n,] for n in range(H)]
        for t in reversed(range(T)):
            s, M, da = self.steps[t], self.mask[t,], {}
            dh = [self.dh[t, n] + dh[n] for n in range(H)]
            dh_prev, dc_prev = [(1 - M) * d for d in dh], [(1 - M) * d for d in dc]  # LSTM.B1
            for n in range(H):
                dh_n, dc_n, tanh_c, c = M * dh[n], M * dc[n], s["tanh_c"][n], s["c"][n]
                i, f, g, o = (s["y"][k, n] for k in range(4))
                grads["z_h"][n,] += dh_n * o * tanh_c  # LSTM.B2
                dh_n = dh_n * self.z_h[n,]
                da[O, n] = dh_n * tanh_c * o * (1 - o)  # LSTM.B3
                dc_n += dh_n * o * (1 - tanh_c**2) + (self.p[2, n] * da[O, n] if self.sees == "c" else 0)  # LSTM.B4
                da[I, n], da[F, n] = dc_n * g * i * (1 - i), dc_n * c * f * (1 - f)  # LSTM.B5
                da[G, n] = dc_n * i * (1 - g**2)
                dc_prev[n] += dc_n * f + self.p[0, n] * da[I, n] + self.p[1, n] * da[F, n]  # LSTM.B6
                dc_prev[n] += self.p[2, n] * da[O, n] if self.sees == "c_prev" else 0
                seen = s["c_new"][n] if self.sees == "c" else c
                for row, (k, cell) in enumerate(((I, c), (F, c), (O, seen))):
                    grads["p"][row, n] += da[k, n] * cell  # LSTM.B10
            for k, n in product(range(4), range(H)):
                dv = da[k, n] * self.z_k[k, n]  # LSTM.B7
                grads["b"][k, n] += da[k, n]  # LSTM.B10
                grads["z_k"][k, n] += da[k, n] * s["v"][k, n]
                for j in range(H):
                    dh_prev[j] += self.m_h[k, j] * dv * self.W_h[j, k, n]  # LSTM.B7
                    grads["m_h"][k, j] += dv * self.W_h[j, k, n] * s["h"][j]  # LSTM.B8
                    grads["W_h"][j, k, n] += s["h"][j] * self.m_h[k, j] * dv  # LSTM.B9
                for d in range(D):
                    grads["x"][t, d] += self.m_x[k, d] * dv * self.W_x[d, k, n]  # LSTM.B11
                    grads["W_x"][d, k, n] += self.x[t, d] * self.m_x[k, d] * dv  # LSTM.B12
                    grads["m_x"][k, d] += self.x[t, d] * dv * self.W_x[d, k, n]  # LSTM.B13
            dh, dc = dh_prev, dc_prev
        grads["h0"], grads["c0"] = ({(n,): value for n, value in enumerate(values)} for values in (dh, dc))
        return grads

    def at(self, values):
        """The same with integers in place of symbols."""
        other = LSTM(list(self.mask.values()), *self.sizes[1:], self.sees)
        for name in (*self.leaves(), "dh", "dh_last", "dc_last", "steps"):
            setattr(other, name, at(values, getattr(self, name)))
        return other

    def by_chain_rule(self):
        """Values of all symbols, and the gradient of each leaf by the chain rule, at them."""
        chain, L = self.forward()
        leaves = self.leaves()
        values = random_integers(leaves, chain.formulas(), [L])
        found = chain.gradients(L, leaves_of(leaves), values)
        return values, {name: {i: found[s] for i, s in leaf.items()} for name, leaf in leaves.items()}


@pytest.mark.parametrize("mask", [(1, 1, 1), (0, 1, 1), (1, 1, 0)])
@pytest.mark.parametrize("sees", ["c", "c_prev"])
def test_lstm_backward_is_the_derivative(mask, sees):
    """[LSTM.F1] [LSTM.F3] [LSTM.F4] [LSTM.F5] [LSTM.F6] [LSTM.F7] [LSTM.F8] [LSTM.F9] [LSTM.F10] [LSTM.B1] [LSTM.B2]
    [LSTM.B3] [LSTM.B4] [LSTM.B5] [LSTM.B6] [LSTM.B7] [LSTM.B8] [LSTM.B9] [LSTM.B10] [LSTM.B11] [LSTM.B12] [LSTM.B13]

    Three steps, two inputs, two units; without padding, with padding on the left, and on the right.
    """
    lstm = LSTM(mask, 2, 2, sees)
    values, expected = lstm.by_chain_rule()
    grads = lstm.at(values).backward()
    for name, leaf in expected.items():
        assert grads[name] == leaf, name
        assert any(leaf.values()), name


def test_the_other_peephole_is_told_apart():
    """[LSTM.F8] [LSTM.B4] [LSTM.B6]  The lines for one kind are wrong for the other."""
    lstm = LSTM((1, 1), 1, 1, "c")
    values, expected = lstm.by_chain_rule()
    other = lstm.at(values)
    other.sees = "c_prev"
    grads = other.backward()
    assert grads["c0"] != expected["c0"]


def test_swapped_gates_are_the_exact_gradient_of_another_function():
    """[LSTM.F7] [LSTM.B5]  i and f exchanged in both passes: the derivative is right, the value is another."""
    i, f, g, c = sp.symbols("i f g c")
    right, swapped = f * c + i * g, i * c + f * g
    assert [sp.diff(swapped, s) for s in (i, f)] == [c, g]  # what a gradient check of the swapped code compares
    assert sp.expand(right - swapped) != 0
    assert sp.expand(right.subs({i: f, f: i}, simultaneous=True) - swapped) == 0  # equal after relabelling


def test_token_input_is_dense_input_of_one_hot_rows():
    """[LSTM.F2] [LSTM.B14] [LSTM.B15]  Three steps, three symbols of which one occurs twice, one never."""
    ids, V = [2, 0, 2], 3
    W, m, du = symbols("W", V), symbols("m", V), symbols("du", len(ids))
    one_hot = sp.Matrix(len(ids), V, lambda t, v: int(ids[t] == v))
    L = sum(du[t,] * sum(one_hot[t, v] * m[v,] * W[v,] for v in range(V)) for t in range(len(ids)))  # LSTM.F1
    assert sum(du[t,] * m[v,] * W[v,] for t, v in enumerate(ids)) == L  # LSTM.F2
    for v in range(V):
        occurrences = [t for t, one in enumerate(ids) if one == v]
        assert sp.expand(sp.diff(L, W[v,]) - sum(m[v,] * du[t,] for t in occurrences)) == 0  # LSTM.B14
        assert sp.expand(sp.diff(L, m[v,]) - sum(du[t,] * W[v,] for t in occurrences)) == 0  # LSTM.B15
