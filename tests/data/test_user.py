"""Files of the user: what is read, and that every defect is named with file, line and remedy."""

import math

import numpy as np
import pytest

from refimpl.data.user import borders, read_user_table, read_user_text
from refimpl.noise import Draw


@pytest.fixture
def file(tmp_path):
    def write(name, contents):
        path = tmp_path / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return path

    return write


def symbols(corpus, part):
    return [corpus.vocabulary.symbols[i] for i in getattr(corpus, part)]


def test_characters_are_cut_in_order(file):
    corpus = read_user_text(
        file("a.txt", "abcabcabcé\r\nab" + "a" * 8), unit="characters", valid_fraction=0.2, test_fraction=0.2
    )
    assert symbols(corpus, "train") == list("abcabcabcé\nab")[:13]
    assert "".join(symbols(corpus, "valid") + symbols(corpus, "test")) == "a" * 8


def test_words_with_eos_and_rare_ones_as_unk(file):
    path = file("a.txt", "x y x\ny x once\nx other x\n")
    corpus = read_user_text(path, unit="words", valid_fraction=0.2, test_fraction=0.1, min_count=2)
    assert corpus.vocabulary.symbols == ("<eos>", "<unk>", "x", "y")
    assert symbols(corpus, "train") == ["x", "y", "x", "<eos>", "y", "x", "<unk>", "<eos>", "x"]
    assert symbols(corpus, "valid") + symbols(corpus, "test") == ["<unk>", "x", "<eos>"]
    with pytest.raises(ValueError, match=r"a\.txt: valid: 'other' \(token 0\) .* min_count=2 or more \(in Python\)"):
        read_user_text(path, unit="words", valid_fraction=0.2, test_fraction=0.1)


@pytest.mark.parametrize(
    ("contents", "options", "error", "message"),
    [
        ("", {}, ValueError, "holds no text"),
        (" \n ", {}, ValueError, "holds no text"),
        (b"fine\nbad \xff\n", {}, ValueError, "line 2: not UTF-8"),
        ("abcdef", {"unit": "bytes"}, ValueError, "unit: expected one of 'characters', 'words', got 'bytes'"),
        ("abcdef", {"min_count": 0}, ValueError, "min_count: expected at least 1, got 0"),
        ("abcdef", {"valid_fraction": 0.0}, ValueError, "valid_fraction: expected a number between 0 and 1"),
        ("abcdef", {"test_fraction": math.nan}, ValueError, "test_fraction: expected a number between 0 and 1"),
        ("abc", {}, ValueError, r"3 items leave none for one of .*; give more text, or other fractions \(in Python\)"),
    ],
)
def test_bad_texts(file, contents, options, error, message):
    with pytest.raises(error, match=message):
        read_user_text(file("a.txt", contents), **{"unit": "characters", **options})


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path: there is no file"):
        read_user_text(tmp_path / "none.txt", unit="words")


ROWS = [("good film", "yes", 1.0), ("bad, bad film", "no", 2.5), ("so so", "yes", 4.0), ("film of films", "no", 0.5)]


@pytest.fixture(params=["csv", "jsonl"])
def table(request, file):
    if request.param == "csv":
        lines = ["text,label,target", *(f'"{t}",{y},{v}' for t, y, v in ROWS)]
    else:
        lines = [f'{{"text": "{t}", "label": "{y}", "target": {v}}}' for t, y, v in ROWS]
    return file(f"t.{request.param}", "\n".join(lines) + "\n")


SPLIT = {"valid_fraction": 0.25, "test_fraction": 0.25, "maxlen": 4}


def test_a_classifiers_table(table):
    corpus = read_user_table(table, np.array([1, 0, 3, 2]), task="classifier", **SPLIT)
    # ranked over the training texts, rows 0 and 1 of the file, in its order: film 2, bad 2, good 1
    assert corpus.vocabulary.ids == {"film": 4, "bad": 5, "good": 6}
    assert len(corpus.vocabulary.symbols) == 10
    np.testing.assert_array_equal(corpus.train.ids, [[1, 5, 5, 4], [0, 1, 6, 4]])
    np.testing.assert_array_equal(corpus.valid.ids, [[1, 4, 2, 2]])
    np.testing.assert_array_equal(corpus.test.ids, [[0, 1, 2, 2]])
    assert corpus.labels == ("no", "yes")
    assert [part.targets.tolist() for part in corpus[:3]] == [[0, 1], [0], [1]]


def test_a_regressors_table(table):
    corpus = read_user_table(table, Draw(0, "order"), task="regressor", **SPLIT)
    raw = [corpus.target_mean + corpus.target_std * part.targets for part in corpus[:3]]
    assert sorted(np.concatenate(raw)) == pytest.approx([0.5, 1.0, 2.5, 4.0])
    assert corpus.target_mean == pytest.approx(raw[0].mean())
    assert corpus.train.targets.std() == pytest.approx(1.0)


def test_whole_numbers_are_sorted_as_numbers(file):
    path = file("n.csv", "text,label\n" + "".join(f"w,{n}\n" for n in (10, 9, 2, 10)))
    assert read_user_table(path, np.arange(4), task="classifier", **SPLIT).labels == ("2", "9", "10")


HEAD = "text,label,target\n"
GOOD = "fine,a,1\nbad,b,2\n"


@pytest.mark.parametrize(
    ("name", "contents", "options", "message"),
    [
        ("t.csv", HEAD + "fine,a,1\n ,b,2\n", {}, r"line 3: 'text' holds no word; .* \(in Python\)"),
        ("t.csv", "words,label\nfine,a\n", {}, r"line 2: no column 'text' .* text_column \(in Python\)"),
        ("t.csv", "text,y\nfine,a\n", {}, r"line 2: no column 'label' .*; rename the column, or"),
        ("t.csv", HEAD + "fine,a,1\nbad,b\n", {}, "line 3: unreadable: expected 3 columns, got 2"),
        ("t.csv", HEAD + 'fine,a,1\n"bad" x,b,2\n', {}, "line 3: unreadable"),
        ("t.csv", HEAD + 'fine,a,1\n"bad,b,2\n', {}, "line 3: unreadable"),
        ("t.csv", "text,text,label\n1,2,3\n", {}, "line 1: unreadable: the header names a column twice"),
        ("t.csv", HEAD, {}, "holds no rows"),
        ("t.csv", HEAD + GOOD + "odd,,3\n", {}, "line 4: the label is empty"),
        ("t.csv", HEAD + GOOD + "odd,c,3\n", {"labels": ("a", "b")}, "line 4: unknown label 'c'; labels="),
        ("t.csv", HEAD + "one,a,1\ntwo,a,2\nthree,a,2\n", {}, "labels: expected at least two classes"),
        (
            "t.csv",
            HEAD + "fine,a,1\nbad,b,nan\n",
            {"task": "regressor"},
            "line 3: 'target' is 'nan', expected a finite",
        ),
        ("t.csv", HEAD + "fine,a,-inf\n", {"task": "regressor"}, "line 2: 'target' is '-inf', expected a finite"),
        ("t.csv", HEAD + "fine,a,high\n", {"task": "regressor"}, "line 2: 'target' is 'high', expected a finite"),
        ("t.csv", HEAD + "one,a,1\ntwo,a,1\nthree,a,1\n", {"task": "regressor"}, "same value in every training text"),
        ("t.csv", HEAD + GOOD, {"task": "tagger"}, "task: expected one of 'classifier', 'regressor', got 'tagger'"),
        ("t.tsv", HEAD + GOOD, {}, "expected a file named .csv or .jsonl"),
        ("t.jsonl", '{"text": "a", "label": 1}\n{"text": \n', {}, "line 2: unreadable"),
        ("t.jsonl", '{"text": "a", "label": 1}\n[1]\n', {}, "line 2: expected a JSON object, got list"),
        ("t.jsonl", '{"text": 5, "label": 1}\n', {}, "line 1: 'text' is not a text but 5"),
        ("t.jsonl", '{"text": "a", "label": null}\n', {}, "line 1: 'label' has no value"),
        ("t.jsonl", '{"text": "a", "target": NaN}\n', {"task": "regressor"}, "line 1: 'target' is nan"),
    ],
)
def test_bad_tables(file, name, contents, options, message):
    with pytest.raises(ValueError, match=message):
        read_user_table(file(name, contents), Draw(0, "o"), **{"task": "classifier", "valid_fraction": 0.3,
                                                                "test_fraction": 0.3, **options})  # fmt: skip


def test_borders_take_the_fractions_from_the_end():
    assert borders(100, 0.1, 0.2, "x") == (70, 80)
