"""The cause of a divergence, by simulation: known mistakes are planted in the reference, and the one whose outputs and
gradients are the subject's is the diagnosis. Nothing is guessed from the numbers.

First each mistake alone; only where none explains the answers, pairs, in both orders. A mistake's reach is the set of
answers that it changes when alone. Pairs are tried in two rounds:

1. pairs that can be right if a mistake acts within its reach: an answer outside the reach of one is what the other
   makes of it, and the subject must have exactly that;
2. only if none of these is right, all other pairs, for two mistakes may act together where neither acts alone.

So nothing that could be an explanation is left untried, and most pairs cost no computation. Many that remain compute
the same in the end (both orders of mistakes in different places): the computation inside is remembered by its inputs.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import MISTAKES, OPS, Answers, Case, Compute, Mistake
from refimpl.checks.crosscheck.compare import same

Cause = tuple[Mistake, ...]


class Simulation:
    """The reference with mistakes, on one case; each different computation is made once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.done: dict[bytes, Answers] = {}

    def answers(self, mistakes: Sequence[Mistake]) -> Answers | None:
        """As ``conformance.answers``; None where the mistakes leave nothing that can be computed."""
        compute: Compute = self._remembered
        for mistake in reversed(mistakes):
            compute = mistake.plant(compute)
        try:
            with np.errstate(all="ignore"):
                return compute(self.case.config, self.case.given)
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):  # transposed where it does not fit, ...
            return None

    def _remembered(self, config: dict[str, object], given: dict[str, Array]) -> Answers:
        key = hashlib.blake2b(json.dumps(config, sort_keys=True).encode())
        for name, array in given.items():
            key.update(f"{name} {array.dtype} {array.shape}".encode())
            key.update(np.ascontiguousarray(array).tobytes())
        digest = key.digest()
        if digest not in self.done:
            self.done[digest] = OPS[self.case.op].compute(config, given)
        return dict(self.done[digest])


def explains(case: Case, cause: Cause, found: Answers) -> bool:
    """Whether the mistakes together give the subject's outputs and every gradient that it returned."""
    if not all(mistake.applies(case) for mistake in cause):
        return False
    return _fits(Simulation(case).answers(cause), found)


def diagnose(case: Case, found: Answers, *, pairs: bool = True) -> tuple[Cause, ...]:
    """All single mistakes that explain what the subject found, or else all pairs; () if none is known."""
    simulation = Simulation(case)
    mistakes = [mistake for mistake in MISTAKES if mistake.applies(case)]
    alone = {mistake.name: simulation.answers([mistake]) for mistake in mistakes}
    single = tuple((mistake,) for mistake in mistakes if _fits(alone[mistake.name], found))
    if single or not pairs:
        return single
    right = simulation.answers([])
    fitting = {m.name: _agreeing(alone[m.name], found) for m in mistakes}
    reach = {m.name: found.keys() - _agreeing(alone[m.name], _part(right, found)) for m in mistakes}
    likely: list[Cause] = []
    others: list[Cause] = []
    for a, b in combinations(mistakes, 2):
        untouched_by_b, untouched_by_a = found.keys() - reach[b.name], found.keys() - reach[a.name]
        can = untouched_by_b <= fitting[a.name] and untouched_by_a <= fitting[b.name]
        (likely if can else others).append((a, b))
    return _explaining(simulation, likely, found) or _explaining(simulation, others, found)


def _explaining(simulation: Simulation, pairs: Iterable[Cause], found: Answers) -> tuple[Cause, ...]:
    return tuple(
        pair for pair in pairs if _fits(simulation.answers(pair), found) or _fits(simulation.answers(pair[::-1]), found)
    )


def _fits(simulated: Answers | None, found: Answers) -> bool:
    return bool(found) and simulated is not None and found.keys() <= simulated.keys() and same(simulated, found)


def _agreeing(simulated: Answers | None, found: Answers) -> set[str]:
    """The answers that are as they were found."""
    if simulated is None:
        return set()
    return {name for name, array in found.items() if name in simulated and same(simulated, {name: array})}


def _part(answers: Answers | None, found: Answers) -> Answers:
    return {name: (answers or {})[name] for name in found}
