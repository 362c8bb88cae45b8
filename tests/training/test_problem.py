"""Problems: counts against the batches that really come, orders by epoch, what a split holds, and what is refused."""

import numpy as np
import pytest

from refimpl.data.labelled import Texts
from refimpl.training.problem import (
    METRICS,
    Problem,
    check_problem,
    check_problem_fits,
    describe,
    epoch_batches,
    evaluation_batches,
    has_split,
    is_better,
    n_terms,
    steps_per_epoch,
    target_scale,
)
from tests.training import tiny

SIZES = [
    ("characters", 97, 4, 6),
    ("characters", 97, 5, 6),  # 15 windows: the last batch is full
    ("characters", 97, 15, 6),
    ("characters", 97, 16, 6),  # all windows in one short batch
    ("characters", 12, 3, 6),  # one window
    ("characters", 9, 2, 2),  # one target a window
    ("words", 97, 3, 4),
    ("words", 99, 3, 4),  # the last segment is full
    ("words", 98, 1, 4),
    ("words", 97, 3, 40),  # a segment longer than the stream
    ("words", 6, 3, 4),  # one term a stream
    ("words", 8, 4, 1),
    ("texts", 11, 4, 0),
    ("texts", 12, 4, 0),
    ("texts", 3, 4, 0),
    ("texts", 1, 1, 0),
]


@pytest.mark.parametrize(("kind", "train", "batch", "length"), SIZES)
def test_terms_and_steps_are_those_of_the_batches(kind, train, batch, length):
    problem = check_problem(tiny.problem(kind, train=train)._replace(batch=batch, length=length))
    for epoch in (1, 2):
        found = list(epoch_batches(problem, seed=4, epoch=epoch))
        assert len(found) == steps_per_epoch(problem)
        assert sum(b.y.size for b in found) == n_terms(problem)
        assert all(1 <= b.x.shape[1] <= batch and b.x.shape[0] >= 1 for b in found)
        assert all(b.x.shape == b.y.shape for b in found if kind != "texts")


def test_windows_of_an_epoch_are_contiguous_and_begin_at_a_random_offset():
    problem = tiny.problem("characters")
    problem = problem._replace(corpus=problem.corpus._replace(train=np.arange(97)))  # an id is its place
    offsets, orders = set(), set()
    for epoch in range(1, 61):
        batches = list(epoch_batches(problem, seed=4, epoch=epoch))
        x, y = (np.concatenate([getattr(b, name) for b in batches], axis=1) for name in "xy")
        assert (np.diff(x, axis=0) == 1).all()
        assert (y == x + 1).all()
        first = int(x[0].min())
        assert sorted(x[0].tolist()) == list(range(first, first + 6 * 15, 6))
        offsets.add(first)
        orders.add(tuple((x[0] - first) // 6))
    assert offsets == set(range(7))  # 97 - 6 * 15 of them; one is missed by 60 draws with a probability of 7e-4
    assert len(orders) == 60


@pytest.mark.parametrize("kind", ["characters", "texts"])
def test_order_depends_on_epoch_and_seed_and_on_nothing_else(kind):
    problem = tiny.problem(kind)

    def inputs(seed, epoch):
        return b"".join(batch.x.tobytes() for batch in epoch_batches(problem, seed=seed, epoch=epoch))

    assert inputs(4, 3) == inputs(4, 3)
    assert len({inputs(4, 1), inputs(4, 2), inputs(4, 3), inputs(5, 1), inputs(5, 2)}) == 5


def test_words_come_in_order_in_every_epoch():
    problem = tiny.problem("words")
    first, second = (list(epoch_batches(problem, seed=4, epoch=epoch)) for epoch in (1, 2))
    streams = np.concatenate([batch.x for batch in first]).T
    assert all((a.x == b.x).all() and (a.y == b.y).all() for a, b in zip(first, second, strict=True))
    assert (streams == problem.corpus.train[:96].reshape(3, 32)[:, :-1]).all()


def test_every_text_comes_once_an_epoch_with_its_mask_and_label():
    problem = tiny.problem("texts")
    train = problem.corpus.train
    batches = list(epoch_batches(problem, seed=4, epoch=1))
    x, mask = (np.concatenate([getattr(b, name) for b in batches], axis=1).T for name in ("x", "mask"))
    y = np.concatenate([b.y for b in batches])
    rows = [int(np.flatnonzero((train.ids == text).all(axis=1))[0]) for text in x]
    assert sorted(rows) == list(range(11))
    assert rows != list(range(11))
    assert (mask == train.mask[rows]).all()
    assert (y == train.targets[rows]).all()
    assert mask.dtype == bool
    assert y.dtype.kind == "i"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ratings_come_in_the_dtype_of_the_model(dtype):
    problem = Problem("texts", tiny.ratings(), "rmse", 4)
    found = [*epoch_batches(problem, seed=4, epoch=1, dtype=dtype), *evaluation_batches(problem, "test", dtype=dtype)]
    assert {batch.y.dtype.name for batch in found} == {dtype}
    assert problem.corpus.train.targets.dtype == np.float64
    assert target_scale(problem) == 3.0
    assert target_scale(tiny.problem("words")) == 1.0


def test_evaluation_is_in_natural_order_from_the_first_symbol():
    problem = tiny.problem("characters")
    (batch,) = evaluation_batches(problem, "valid")  # 6 windows at once: more than a training batch
    assert (problem.corpus.valid[:36].reshape(6, 6)[:, :-1] == batch.x.T).all()
    assert (problem.corpus.valid[:36].reshape(6, 6)[:, 1:] == batch.y.T).all()
    problem = tiny.problem("texts")
    (batch,) = evaluation_batches(problem, "test")
    assert (problem.corpus.test.ids == batch.x.T).all()
    assert (batch.y == problem.corpus.test.targets).all()
    problem = tiny.problem("words")
    found = list(evaluation_batches(problem, "test"))
    assert [batch.x.shape for batch in found] == [(4, 3)] * 3
    with pytest.raises(ValueError, match=r"^split: expected one of 'train', 'valid', 'test', got 'dev'"):
        evaluation_batches(problem, "dev")


def test_a_split_may_be_empty():
    corpus = tiny.sentiment()
    nothing = Texts(*(array[:0] for array in corpus.valid))
    problem = Problem("texts", corpus._replace(valid=nothing), "accuracy", 4)
    assert [has_split(problem, split) for split in ("train", "valid", "test")] == [True, False, True]
    assert not has_split(tiny.problem("words", test=0), "test")


def test_better_is_higher_for_accuracy_and_lower_for_the_others():
    nan = float("nan")
    for metric, direction in METRICS.items():
        low, high = (1.0, 2.0) if direction == "higher" else (2.0, 1.0)
        assert is_better(metric, high, low)
        assert not is_better(metric, low, high)
        assert not is_better(metric, low, low)
        assert is_better(metric, low, None)
        assert is_better(metric, low, nan)
        assert not is_better(metric, nan, None)
        assert not is_better(metric, nan, low)
        assert not is_better(metric, nan, nan)
    assert METRICS["accuracy"] == "higher"
    assert set(METRICS.values()) == {"higher", "lower"}


def test_description_changes_with_the_data():
    for kind in tiny.KINDS:
        problem = tiny.problem(kind)
        found = describe(problem)
        assert (found["valid"], found["test"]) == {"texts": (6, 7)}.get(kind, (43, 39))
        assert found == describe(problem)
        assert found["sha256"] != describe(tiny.problem(kind, test=8 if kind == "texts" else 38))["sha256"]


def test_only_words_carry_a_state():
    assert [tiny.problem(kind).stateful for kind in tiny.KINDS] == [False, True, False]


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("words", {"kind": "bytes"}, r"^kind: expected one of 'characters', 'words', 'texts', got 'bytes'"),
        ("words", {"metric": "bleu"}, r"^metric: expected one of .*got 'bleu'"),
        ("words", {"kind": "texts"}, r"^corpus: LanguageCorpus does not go with kind 'texts'"),
        ("texts", {"kind": "words"}, r"^corpus: TextCorpus does not go with kind 'words'"),
        ("texts", {"batch": 0}, r"^batch: expected an integer of at least 1 for texts, got 0"),
        ("words", {"batch": 1.5}, r"^batch: expected an integer of at least 1 for words, got 1.5"),
        ("words", {"length": 0}, r"^length: expected an integer of at least 1 for words, got 0"),
        ("characters", {"length": 1}, r"^length: expected an integer of at least 2 for characters, got 1"),
    ],
)
def test_a_problem_of_parts_that_do_not_go_together_is_refused(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        check_problem(tiny.problem(kind)._replace(**changes))


def test_a_model_that_does_not_go_with_the_corpus_is_refused():
    def refused(problem, recipe, message):
        with pytest.raises(ValueError, match=message):
            check_problem_fits(problem, recipe)

    words, texts = tiny.problem("words"), tiny.problem("texts")
    ratings = Problem("texts", tiny.ratings(), "rmse", 4)
    model, classifier = tiny.recipe("words"), tiny.recipe("texts")
    regressor = classifier._replace(task="regressor", vocabulary=tiny.SYMBOLS)
    for problem, recipe in ((words, model), (texts, classifier), (ratings, regressor)):
        check_problem_fits(check_problem(problem), recipe)
    check_problem_fits(texts, classifier._replace(outputs=2))  # two classes: sigmoid or softmax
    refused(words, model._replace(vocabulary=6), r"^vocabulary: the corpus has 5 symbols, the model 6")
    refused(words, model._replace(outputs=4), r"^outputs: expected 5 for this corpus, got 4")
    refused(texts, classifier._replace(outputs=3), r"^outputs: expected 1 or 2 for this corpus, got 3")
    refused(ratings, regressor._replace(outputs=2), r"^outputs: expected 1 for this corpus, got 2")
    refused(words, regressor, r"^task: the corpus is for a language_model, the model is a regressor")
    refused(texts, classifier._replace(task="regressor"), r"^task: the corpus is for a classifier")
    refused(ratings, regressor._replace(task="classifier"), r"^task: the corpus is for a regressor")
    refused(words._replace(metric="accuracy"), model, r"^metric of a language_model: expected one of 'bits_per_char'")
    refused(texts._replace(metric="rmse"), classifier, r"^metric of a classifier: expected one of 'accuracy'")
    three = texts.corpus._replace(labels=("a", "b", "c"))
    refused(texts._replace(corpus=three), classifier, r"^outputs: expected 3 for this corpus, got 1")
