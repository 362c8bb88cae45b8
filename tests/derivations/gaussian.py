"""Exact moments of polynomials in independent standard normal variables and fair signs, as SymPy expressions."""

from itertools import product
from math import prod
from typing import Any

import sympy


def mean(expression: Any, *normals: sympy.Symbol) -> Any:
    """E of a polynomial: E eps^n = (n - 1)!! for even n, 0 for odd n."""
    terms = sympy.Poly(sympy.expand(expression), *normals).terms()
    return sum(
        factor * prod(sympy.factorial2(n - 1) for n in powers)
        for powers, factor in terms
        if not any(n % 2 for n in powers)
    )


def covariance(left: Any, right: Any, *normals: sympy.Symbol) -> Any:
    """E xy - E x E y."""
    return mean(left * right, *normals) - mean(left, *normals) * mean(right, *normals)


def variance(expression: Any, *normals: sympy.Symbol) -> Any:
    """Covariance with itself."""
    return covariance(expression, expression, *normals)


def over_signs(expression: Any, *signs: sympy.Symbol) -> Any:
    """Mean over independent signs: a square of a sign is 1, its odd powers have the mean 0."""
    terms = sympy.Poly(sympy.expand(expression), *signs).terms()
    return sum(factor for powers, factor in terms if not any(n % 2 for n in powers))


def equal(left: Any, right: Any) -> bool:
    """Equal for all values of the symbols: the difference simplifies to 0."""
    return bool(sympy.simplify(left - right) == 0)


def all_equal(left: Any, right: Any) -> bool:
    """``equal`` for each pair of two sequences of the same length."""
    return all(equal(a, b) for a, b in zip(left, right, strict=True))


def pairs(*sizes: int) -> list[tuple[int, ...]]:
    """All indices of an array of these sizes."""
    return list(product(*(range(size) for size in sizes)))
