"""The audit's report: one file that needs nothing else, a verdict that names what falls short, JSON for programs."""

import json
import math
from functools import partial
from html.parser import HTMLParser

import pytest

from refimpl.checks.conformance_checks import Diagnosis
from refimpl.checks.planting import holds
from refimpl.checks.result import CheckResult
from refimpl.experiments.planted_checks import PlantedLanguageResult, PlantedSentimentResult, RandomLabelsResult
from refimpl.report import audit as module
from refimpl.report import audit_evidence, audit_figures, learning_checks
from refimpl.report.audit import audit
from refimpl.report.audit_html import format_figure
from refimpl.report.drawing import new_figure
from refimpl.report.learning_checks import Learning

DIAGNOSIS = Diagnosis("lstm-001", "no <bias>", "bias", "mid.i", ("bias-missing", "b + c"), True)
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Faults of a page: tags that do not nest, ids twice, links into nothing, anything that is fetched or run."""

    def __init__(self, page):
        super().__init__()
        self.open, self.faults, self.ids, self.targets = [], [], set(), set()
        self.feed(page)
        self.faults += [f"not closed: {self.open}"] if self.open else []
        self.faults += [f"link into nothing: {target}" for target in self.targets - self.ids]

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "link", "iframe", "object"):
            self.faults.append(f"tag {tag}")
        for name, value in attributes:
            if name == "id":
                self.faults += [f"id twice: {value}"] if value in self.ids else []
                self.ids.add(value)
            if name == "src" and not value.startswith("data:image/png;base64,"):
                self.faults.append(f"fetches {value}")
            if name == "href":
                self.faults += [] if value.startswith("#") else [f"leads to {value}"]
                self.targets.add(value[1:])
            if name.startswith("on"):
                self.faults.append(f"runs {value}")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> out of place")


def result(name="fine", **changes):
    fields = {"family": "values", "what": '<b> & "what"', "catches": "x < y", "figure": 1e-16, "bound": 1e-13}
    fields |= {"passed": True, "planted": "a bug", "planted_figure": math.nan, "planted_caught": True}
    return CheckResult(name=name, **(fields | changes))


@pytest.fixture
def families(monkeypatch):
    """Families of one check each, which tests replace; the gradient check runs on two cheap cases."""
    monkeypatch.setattr(module, "GRADIENT_CASES", ["tanh", "embedding/shared"])
    for name in ("gradient_errors", "kl_curves", "covariances"):
        monkeypatch.setattr(audit_figures, name, lambda *_: new_figure(1.0))
    names = ("value_checks", "kl_checks", "noise_checks", "mask_checks", "optimiser_checks", "counting_checks")
    for name in names:
        family = {"kl_checks": "KL"}.get(
            name, name.removesuffix("_checks").replace("value", "values").replace("mask", "masks")
        )
        monkeypatch.setattr(module, name, lambda family=family: [result(family=family)])
    monkeypatch.setattr(module, "conformance_checks", lambda: ([result(family="conformance")], [DIAGNOSIS]))
    return monkeypatch


def run(tmp_path, **options):
    lines = []
    good = audit(tmp_path / "new" / "folder", tell=lines.append, **({"quick": True} | options))
    page = (tmp_path / "new" / "folder" / "index.html").read_text("utf-8")
    record = json.loads((tmp_path / "new" / "folder" / "audit.json").read_text("utf-8"), parse_constant=pytest.fail)
    return good, lines, page, record


def test_the_quick_audit_holds(tmp_path, monkeypatch):
    """All families for real; of the gradients a few."""
    monkeypatch.setattr(module, "GRADIENT_CASES", ["tanh", "embedding", "lstm/plain"])
    good, lines, page, record = run(tmp_path)
    assert good
    assert Reader(page).faults == []
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["audit.json", "index.html"]
    assert [line.split()[0] for line in lines] == [
        "gradients", "values", "KL", "noise", "masks", "optimiser", "counting", "conformance", "all",
    ]  # fmt: skip
    count = len(record["results"])
    assert f"all {count} checks hold" in lines[-1]
    assert f"All {count} checks hold" in page
    assert "runs on planted sources (family learning) were left out" in page
    assert page.count("data:image/png;base64,") == 3
    bugs = [r for r in record["results"] if r["planted"] is not None]
    assert page.count('class="check"') == count + len(bugs)  # a row a check, and a row a bug
    assert f"{len(bugs)} mistakes, and what caught them" in page
    assert record["holds"] is True
    assert record["quick"] is True
    assert record["learning"] is None
    assert all(r["passed"] and r["planted_caught"] is not False and r["holds"] for r in record["results"])
    assert {"layer", "leaf", "error", "hand", "step", "worst_index", "entries"} <= record["gradients"][0].keys()
    assert "numpy" in record["environment"]["versions"]
    for r in record["results"]:
        assert r["name"].split(",")[0] in page.replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")


def test_text_is_escaped_and_what_is_no_number_is_null(tmp_path, families):
    good, _, page, record = run(tmp_path)
    assert good
    assert Reader(page).faults == []
    assert "&lt;b&gt; &amp;" in page
    (found,) = [r for r in record["results"] if r["family"] == "KL"]
    assert found["planted_figure"] is None
    assert "not a number" in page
    assert "<td>no &lt;bias&gt;</td><td>lstm-001</td><td>mid.i</td><td>bias-missing or b + c</td>" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"figure": 0.25, "passed": False}, "0.25, bound 1e-13"),
        ({"figure": math.nan, "passed": False}, "not a number, bound 1e-13"),
        ({"planted_figure": 0.0, "planted_caught": False}, "the planted bug, a bug, is not caught (0)"),
    ],
)
def test_a_check_that_falls_short_is_named(tmp_path, families, changes, words):
    families.setattr(
        module, "noise_checks", lambda: [result(family="noise"), result("broken", family="noise", **changes)]
    )
    good, lines, page, record = run(tmp_path)
    assert not good
    assert Reader(page).faults == []
    assert record["holds"] is False
    assert [r["name"] for r in record["results"] if not r["holds"]] == ["broken"]
    assert "<strong>1 of 10 checks fall short:</strong>" in page.replace("falls", "fall").replace("check ", "checks ")
    assert f'<a href="#noise-broken">noise: broken</a>: {words}' in page
    assert any(line.startswith("FALLS SHORT  noise: broken") for line in lines)
    assert "1 of 10 checks fall short" in lines[-1]


def test_a_family_that_raises_falls_short_and_the_others_run(tmp_path, families):
    def raises():
        raise ZeroDivisionError("a bug in the library")

    families.setattr(module, "kl_checks", raises)
    good, lines, page, record = run(tmp_path)
    assert not good
    assert Reader(page).faults == []
    assert "ZeroDivisionError: a bug in the library" in page
    assert [line.split()[0] for line in lines[2:4]] == ["KL", "noise"]
    assert sum(not r["holds"] for r in record["results"]) == 1


def test_a_leaf_that_fails_is_in_the_table_of_gradients(tmp_path, families):
    right = module.gradient_checks

    def broken(names):
        results, leaves = right(names)
        bad = leaves[0]._replace(error=math.inf, passed=False, hand=math.nan, note="no gradient returned")
        return [results[0]._replace(passed=False, figure=math.inf), *results[1:]], [bad, *leaves[1:]]

    families.setattr(module, "gradient_checks", broken)
    good, _, page, record = run(tmp_path)
    assert not good
    assert "no gradient returned" in page
    assert record["gradients"][0]["error"] is None
    assert record["gradients"][0]["hand"] is None


def test_the_record_of_the_cross_check_is_shown(tmp_path, families):
    row = {"framework": "jax", "op": "lstm", "verdict": "agrees", "tensors": 5, "gradients": 3}
    record = {"versions": {"jax": "0.10"}, "examples": [], "rows": [row | {"worst_error": 1e-14, "tolerance": 1e-12}]}
    (tmp_path / "crosscheck.json").write_text(json.dumps(record))
    good, lines, page, found = run(tmp_path, crosscheck=tmp_path / "crosscheck.json")
    assert good
    assert Reader(page).faults == []
    assert '<td>lstm</td><td class="number">1.0e-14</td>' in page
    assert [r["name"] for r in found["results"] if r["family"] == "frameworks"] == ["jax"]
    record["rows"][0]["verdict"] = "differs"
    (tmp_path / "crosscheck.json").write_text(json.dumps(record))
    good, lines, _, _ = run(tmp_path, crosscheck=tmp_path / "crosscheck.json")
    assert not good
    assert any(line.startswith("FALLS SHORT  frameworks: jax") for line in lines)


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileExistsError):
        audit(tmp_path / "file", quick=True, tell=pytest.fail)


# Learning


def runs(make_row, **changes):
    rows = [make_row(epoch, 1.0 - 0.1 * epoch) for epoch in range(4)]
    texts = [row | {"metric": "accuracy", "valid": 0.8, "test": 0.8} for row in rows]
    language = {"rate_bits": 1.25, "unigram_bits": 2.9, "bigram_bits": 2.5, "fourgram_bits": 2.4, "test_bits": 1.27,
                "reset_bits": 3.0, "symbols": 60_000, "rows": rows}  # fmt: skip
    sentiment = {"bayes_accuracy": 0.9, "accuracy": 0.898, "standard_error": 0.004, "planted": 60, "left": 63,
                 "found": 60, "texts": 5000, "rows": texts, "params": {}}  # fmt: skip
    random = {"accuracy": 0.505, "standard_error": 0.007, "kept": 0.0, "texts": 5000, "rows": texts}
    for group in (language, sentiment, random):
        group |= {name: value for name, value in changes.items() if name in group}
    return Learning(
        PlantedLanguageResult(**language),
        tuple(PlantedSentimentResult(seed=seed, **sentiment) for seed in (0, 1, 2)),
        RandomLabelsResult(**random),
    )


@pytest.fixture
def make_runs(make):
    return partial(runs, make[0])


def short(learning):
    return {r.name.partition(": ")[2] or r.name for r in learning_checks.learning_checks(learning) if not holds(r)}


def test_planted_runs_that_learn_hold(make_runs):
    results = learning_checks.learning_checks(make_runs())
    assert [r for r in results if not holds(r)] == []
    assert len(results) == 5 + 3 + 2 + 2
    assert {r.planted for r in results if r.planted} == {
        "h and c reset at every step",
        "labels by coin flips",
        "the true labels",
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"test_bits": 1.276}, "planted-lm reaches the entropy rate"),
        ({"test_bits": 1.2}, "planted-lm reaches the entropy rate"),  # better than possible is wrong too
        ({"test_bits": math.nan}, "planted-lm reaches the entropy rate"),
        ({"reset_bits": 1.26}, "planted-lm reaches the entropy rate"),
        ({"symbols": 49_999}, "planted-lm, fresh symbols"),
        ({"unigram_bits": 1.37}, "planted-lm, unigram entropy"),
        ({"bigram_bits": 1.37}, "planted-lm, bigram entropy"),
        ({"fourgram_bits": 1.37}, "planted-lm, 4-gram entropy"),
        ({"found": 56, "left": 58}, "recall"),
        ({"left": 67}, "precision"),
        ({"kept": 0.011}, "weights kept"),
    ],
)
def test_a_run_that_falls_short_is_named(make_runs, changes, name):
    assert short(make_runs(**changes)) == {name}


def test_accuracies(make_runs):
    good = make_runs()
    texts = tuple(found._replace(accuracy=0.887) for found in good.sentiment)
    assert short(good._replace(sentiment=texts)) == {"accuracy"}
    assert short(good._replace(random=good.random._replace(accuracy=0.522))) == {"accuracy"}
    assert short(good._replace(random=good.random._replace(accuracy=0.478))) == {"accuracy"}
    assert short(good._replace(random=good.random._replace(accuracy=math.nan))) == {"accuracy"}


def test_the_bounds_themselves_hold(make_runs):
    assert short(make_runs(found=57, left=57, kept=0.01, symbols=50_000)) == set()


def test_the_full_audit_shows_the_planted_runs(tmp_path, families, make_runs):
    found = make_runs()
    families.setattr(module, "planted_runs", lambda tell: tell("  planted-lm trained (1 s)") or found)
    good, lines, page, record = run(tmp_path, quick=False)
    assert good
    assert Reader(page).faults == []
    assert "left out" not in page
    assert page.count("data:image/png;base64,") == 3 + 5
    assert [line.split()[0] for line in lines[-3:]] == ["planted-lm", "learning", "all"]
    assert record["learning"]["planted-lm"]["rate_bits"] == 1.25
    assert len(record["learning"]["planted-sentiment, seed 2"]["rows"]) == 4
    assert record["quick"] is False


def test_a_planted_run_that_stops_falls_short(tmp_path, families):
    def stops(tell):
        raise FloatingPointError("training diverged in epoch 3")

    families.setattr(module, "planted_runs", stops)
    good, _, page, record = run(tmp_path, quick=False)
    assert not good
    assert "training diverged in epoch 3" in page
    assert record["learning"] is None


def test_planted_runs_in_two_processes():
    """Two epochs of each, in processes of their own; what they end with is the same as in this one."""
    lines = []
    found = learning_checks.planted_runs(lines.append, preset="smoke")
    assert len(lines) == 5
    assert [texts.seed for texts in found.sentiment] == [0, 1, 2]
    here = learning_checks.run_random_labels(0, "smoke")
    assert found.random.accuracy == here.accuracy
    assert len(learning_checks.learning_checks(found)) == 12


def test_figures_of_parameters_where_there_are_some():
    from refimpl.models.letters import text_classifier
    from refimpl.models.parameters import initialise

    params = initialise(text_classifier("LLLCCL", vocabulary=20, embedding=4, size=3, classes=1), 0)
    names = [shown.title for shown in audit_evidence.of_parameters(params)]
    assert names == ["log alpha", "weights of embedding.W", "weights of lstm.W_x", "weights of lstm.W_h"]
    assert audit_evidence.of_parameters(None) == []


def test_figures_as_they_are_printed():
    values = [None, 0.0, 1e-16, 0.019999, math.nan, math.inf, 12.0]
    assert [format_figure(v) for v in values] == ["–", "0", "1e-16", "0.02", "not a number", "infinite", "12"]
