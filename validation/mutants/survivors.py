"""What mutmut left in its folder: how many mutants there were, and which of them no test killed; and the list of those
that nothing can kill, ``survivors.toml``.

A mutant is known by the function and the text of the lines that it changes, since mutmut's numbers move with the code.
The folder is that of mutmut 3.8: beside each mutated module, .meta has the exit status of the tests by mutant, and
.spans the lines of every copy of every function.
"""

import json
import tomllib
from collections import Counter, defaultdict
from difflib import ndiff
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).parent / "survivors.toml"
MARK = "__mutmut_"
# Exit status of the tests under a mutant: a failure or an internal error; or the time was up, when a loop never ends.
KILLED, TIME_IS_UP = (1, 3), (36, 24, -24, 152, 255)


class Mutant(NamedTuple):
    """A change of one function."""

    module: str  # refimpl/layers/lstm.py
    function: str
    old: str  # the lines that were changed, without indentation and comments
    new: str


class Rule(NamedTuple):
    """A change that does nothing, wherever it stands."""

    old: str
    new: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is this change at one place."""
        pieces = mutant.old.split(self.old)
        places = range(1, len(pieces))
        return any(self.old.join(pieces[:i]) + self.new + self.old.join(pieces[i:]) == mutant.new for i in places)


class Run(NamedTuple):
    """What one run of mutmut found."""

    counts: dict[str, Counter[str]]  # by module: mutants that were killed, timed out, survived, not run
    survivors: list[Mutant]


def read_run(folder: Path = Path("mutants")) -> Run:
    """The modules of which mutants were run."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for meta in sorted(folder.rglob("*.py.meta")):
        module = meta.relative_to(folder).with_suffix("").as_posix()
        for name, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items():
            status = _status(code)
            counts[module][status] += 1
            if status == "survived":
                survivors.append(_mutant(folder, module, name.rpartition(".")[2]))
    return Run({module: found for module, found in counts.items() if set(found) != {"not run"}}, survivors)


def _status(code: int | None) -> str:
    if code is None:
        return "not run"
    return "killed" if code in KILLED else "timed out" if code in TIME_IS_UP else "survived"


def _mutant(folder: Path, module: str, name: str) -> Mutant:
    """The lines in which a copy of a function differs from the function."""
    function = name.partition(MARK)[0]
    right, wrong = (_source(folder / module, copy) for copy in (f"{function}{MARK}orig", name))
    lines = list(ndiff(right, wrong))
    old, new = ("\n".join(line[2:] for line in lines if line.startswith(sign)) for sign in "-+")
    return Mutant(module, function.removeprefix("x_"), old, new)


def _source(file: Path, name: str) -> list[str]:
    """The lines of a copy, without its own name, indentation and comments."""
    first, last = json.loads(file.with_suffix(".py.spans").read_text("utf-8"))["spans"][name]
    lines = file.read_text("utf-8").split("\n")[first - 1 : last]
    return [line.partition("  # ")[0].replace(name, "").strip() for line in lines]


def read_list(path: Path = LIST) -> tuple[list[Rule], dict[Mutant, str]]:
    """Rules, and the single survivors with the reason why each does not matter."""
    content = tomllib.loads(path.read_text("utf-8"))
    rules = [Rule(**entry) for entry in content.pop("rule", [])]
    single = {
        Mutant(module, function, old, new): entry["reason"]
        for module, functions in content.items()
        for function, entries in functions.items()
        for entry in entries
        for old, new in entry["changes"]
    }
    return rules, single
