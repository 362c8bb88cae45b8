"""Compare the survivors of a run of mutmut with the list of those that nothing can kill (``make mutants``).

    mutmut run; python -m validation.mutants.compare [--record validation/mutants/run.json]

Exit 1 if a survivor is not listed, if a listed one is killed now or is no longer there, or if mutants were not run.
"""

import argparse
import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from validation.mutants.survivors import Mutant, Rule, Run, read_list, read_run


def differences(run: Run, rules: Iterable[Rule], single: dict[Mutant, str]) -> list[str]:
    """A line for each survivor that is not listed, for each listed one that is not there, and for what was not run."""
    found = set(run.survivors)
    unlisted = [m for m in sorted(found) if m not in single and not any(rule.covers(m) for rule in rules)]
    left = {module: counts["not run"] for module, counts in run.counts.items()}
    gone = [m for m in single if left.get(m.module) == 0 and m not in found]
    lines = [_text("not killed, and not in the list", mutant) for mutant in unlisted]
    lines += [_text("in the list, and killed or gone", mutant) for mutant in gone]
    return lines + [f"{module}: {count} mutants were not run" for module, count in left.items() if count]


def _text(what: str, mutant: Mutant) -> str:
    old, new = (text.replace("\n", "\n        ") for text in (mutant.old, mutant.new))
    return f"{what}: {mutant.module}, {mutant.function}\n    -   {old}\n    +   {new}"


def summary(run: Run) -> dict[str, dict[str, int]]:
    """Mutants, killed ones (a test that never ends is one that fails) and survivors, by module."""
    return {
        module: {
            "mutants": counts.total(),
            "killed": counts["killed"] + counts["timed out"],
            "survivors": counts["survived"],
        }
        for module, counts in sorted(run.counts.items())
    }


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", type=Path, help="write the numbers by module to this file")
    options = parser.parse_args()
    run = read_run()
    by_module = summary(run)
    total = {key: sum(row[key] for row in by_module.values()) for key in ("mutants", "killed", "survivors")}
    for module, row in (by_module | {"all": total}).items():
        print(f"{row['mutants']:5} mutants, {row['killed']:5} killed, {row['survivors']:3} survivors  {module}")
    if options.record is not None:
        versions = {"python": platform.python_version()} | {name: version(name) for name in ("mutmut", "numpy")}
        record = {"versions": versions, "modules": by_module}
        options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    lines = differences(run, *read_list())
    print("\n".join(lines) or "every survivor is listed in validation/mutants/survivors.toml, with the reason why")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
