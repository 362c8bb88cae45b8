"""Mistakes in the states that go into a recurrence and come out of it."""

import re

from refimpl.checks.conformance.case import Case, Mistake
from refimpl.checks.conformance.reading import has_lstm
from refimpl.checks.conformance.wrapping import Names, by_array, by_exchange

# input.h0, param.LAYER.h0 (trained), input.h.LAYER (carried), and their gradients
INITIAL = re.compile(r"(?P<before>(grad\.)?(input|param)\.(.+\.)?)(?P<state>[hc])(?P<after>0|\.[^.]+)")
LAST = re.compile(r"(?P<before>(cotangent|out)\.)(?P<state>[hc])(?P<after>_last)")
OTHER = {"h": "c", "c": "h"}


def _is_initial(name: str, array: object = None) -> bool:
    return INITIAL.fullmatch(name) is not None


def _exchanged(*patterns: re.Pattern[str]) -> Names:
    """The name of c for that of h, and the other way round, of names that fit a pattern."""

    def other(name: str) -> str:
        for pattern in patterns:
            found = pattern.fullmatch(name)
            if found:
                return found["before"] + OTHER[found["state"]] + found["after"]
        return name

    return other


def _initial(case: Case) -> bool:
    return any(map(_is_initial, case.given))


def _initial_lstm(case: Case) -> bool:
    return has_lstm(case) and _initial(case)


def _both_ends(case: Case) -> bool:
    return _initial_lstm(case) and "cotangent.c_last" in case.given


STATE_MISTAKES = (
    Mistake(
        "initial-state-ignored",
        "state",
        "the initial state is not used: zeros in its place",
        _initial,
        by_array(_is_initial, lambda a: 0.0 * a, lambda g: 0.0 * g),
    ),
    Mistake("initial-state-exchanged", "state", "h0 and c0 exchanged", _initial_lstm, by_exchange(_exchanged(INITIAL))),
    Mistake(
        "state-exchanged",
        "state",
        "h and c exchanged in the state, where it goes in and where it comes out (Flax's order)",
        _both_ends,
        by_exchange(_exchanged(INITIAL, LAST)),
    ),
)
