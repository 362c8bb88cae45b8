"""Formulas line by line, differentiated by SymPy, and gradients at exact integers.

Lines are polynomials in symbols: those of the parameters, and those of what earlier lines have computed. A gradient by
the chain rule and one by hand are compared in exact arithmetic where every symbol is a random integer of 61 bits: a
polynomial of degree d that is not zero is zero there with a probability of at most d / 2^61 (Schwartz 1980; Zippel
1979).
"""

import random
from itertools import product

import sympy as sp


def symbols(name, *shape):
    """Symbols by their index."""
    return {index: sp.Symbol(name + "_" + "".join(map(str, index))) for index in product(*map(range, shape))}


class Chain:
    """Lines in the order in which they are computed: a symbol, its formula, and the slope of its nonlinearity."""

    def __init__(self):
        self.lines = []

    def line(self, name, formula, slope=None):
        """A symbol for a function of the formula; slope gives the function's derivative from its value."""
        symbol = sp.Symbol(name)
        self.lines.append((symbol, formula, sp.Integer(1) if slope is None else slope(symbol)))
        return symbol

    def formulas(self):
        return [part for symbol, formula, _ in self.lines for part in (symbol, formula)]

    def gradients(self, L, leaves, values):
        """dL / dleaf for each leaf at the values: every formula differentiated in each of the symbols it is made of."""
        lines = [*self.lines, (sp.Symbol("L"), L, sp.Integer(1))]
        slopes = [
            (symbol, [(s, int((slope * sp.diff(formula, s)).xreplace(values))) for s in formula.free_symbols])
            for symbol, formula, slope in lines
        ]
        found = {}
        for leaf in leaves:
            moved = {leaf: 1}
            for symbol, partials in slopes:
                moved[symbol] = sum(partial * moved.get(s, 0) for s, partial in partials)
            found[leaf] = moved[sp.Symbol("L")]
        return found


def random_integers(*trees):
    """A value for every symbol of the given dicts, lists and formulas."""
    rng = random.Random(7)
    found = set().union(*(sp.sympify(x).free_symbols for tree in trees for x in leaves_of(tree)))
    return {symbol: sp.Integer(rng.getrandbits(61)) for symbol in sorted(found, key=str)}


def leaves_of(tree):
    if isinstance(tree, dict | list):
        return [x for part in (tree.values() if isinstance(tree, dict) else tree) for x in leaves_of(part)]
    return [tree]


def at(values, tree):
    """The same tree with every symbol replaced by its integer."""
    if isinstance(tree, dict):
        return {key: at(values, part) for key, part in tree.items()}
    if isinstance(tree, list):
        return [at(values, part) for part in tree]
    return int(sp.sympify(tree).xreplace(values))


def sigmoid_slope(y):
    return y * (1 - y)


def tanh_slope(y):
    return 1 - y**2
