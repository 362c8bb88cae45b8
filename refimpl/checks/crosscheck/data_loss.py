"""The scalar that is differentiated for a subject, in any framework: only sums and products of its arrays are used."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from refimpl.checks.conformance import Case


class DataLoss(dict[str, Any]):
    """The cotangents by name of the output; called with outputs, sum of <cotangent, output> over those it is given.

    It stands for the negative log-likelihood of a model, and is called once. ``weighted`` are the outputs that it has
    met, ``value`` is the sum, ``notes`` says what did not fit.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        prefix = "cotangent."
        super().__init__({n.removeprefix(prefix): c for n, c in given.items() if n.startswith(prefix)})
        self.weighted: frozenset[str] = frozenset()
        self.value: Any = None
        self.notes: list[str] = []

    def __call__(self, outputs: dict[str, Any]) -> Any:
        """Errors: ValueError on a second call: a loss of two parts would count as the last one alone."""
        if self.value is not None:
            raise ValueError("data_loss: expected one call with all outputs, got another; give them together")
        return self.total(outputs)

    def total(self, outputs: dict[str, Any]) -> Any:
        """The sum, whether or not it was taken before."""
        total: Any = 0.0
        weighted = set()
        for name, output in outputs.items():
            cotangent = self.get(name.removeprefix("out."))
            if cotangent is None:
                continue
            if getattr(output, "shape", None) != cotangent.shape:
                found = tuple(getattr(output, "shape", ())) or type(output).__name__
                self.notes.append(f"{name}: expected shape {tuple(cotangent.shape)}, got {found}; not in the gradients")
                continue
            weighted.add(f"out.{name.removeprefix('out.')}")
            total = total + (cotangent * output).sum()
        self.weighted, self.value = frozenset(weighted), total
        return total


def with_data(outputs: dict[str, Any], data_loss: DataLoss, known: Sequence[str]) -> dict[str, Any]:
    """The outputs, and out.data where the case has it and the subject took it from here."""
    if "out.data" not in known or "out.data" in outputs or data_loss.value is None:
        return outputs
    return {**outputs, "out.data": data_loss.value}


class Total(NamedTuple):
    """What is differentiated (None: nothing can be), and what it leaves out of the case's loss."""

    value: Any
    weighted: frozenset[str] | None  # outputs whose cotangents are in it; None: all
    kl: bool = True  # whether the KL is in it
    notes: tuple[str, ...] = ()


def total_of(outputs: dict[str, Any], data_loss: DataLoss, case: Case, known: Sequence[str]) -> Total:
    """The case's loss as the subject has it: its own out.loss; else <cotangent, output> of what it returns, with the
    reference's weight on its out.kl where it returns that, and without a KL where it does not."""
    if "out.loss" in known and "loss" not in data_loss:
        if "out.loss" in outputs:
            met = data_loss.weighted if data_loss.value is not None else None
            return Total(outputs["out.loss"], met, True, tuple(data_loss.notes))
        if not data_loss:
            return Total(None, None, notes=("no gradients: they are those of loss, which it does not return",))
        if "out.kl" in outputs:
            weight = case.config["kl_weight"] / case.config["n_terms"]
            value = data_loss.total(outputs) + weight * outputs["out.kl"]
            said = "it returns no loss: the gradients are those of data_loss + kl_weight kl / n_terms"
            return Total(value, data_loss.weighted, True, (*data_loss.notes, said))
    value = data_loss.total(outputs)
    kl = "out.kl" not in known or "out.loss" not in known
    notes = [*data_loss.notes, *([] if kl else ["it returns no loss and no kl: the gradients are those of data_loss"])]
    return Total(value if data_loss.weighted else None, data_loss.weighted, kl, tuple(notes))


def as_posed(case: Case, weighted: frozenset[str] | None, kl: bool) -> Case:
    """The case as the subject differentiated it: of what is not in its loss, cotangent or weight is zero."""
    config = case.config if kl else case.config | {"kl_weight": 0.0}
    if weighted is None:
        return case._replace(config=config)
    zero = {n: a for n, a in case.given.items() if n.startswith("cotangent.")}
    kept = {n: a * float(n.replace("cotangent.", "out.", 1) in weighted) for n, a in zero.items()}
    return case._replace(config=config, given=case.given | kept)
