"""What a run says of its differences from the paper."""

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.deviations import ALWAYS, deviations
from refimpl.experiments.starts import NO_STARTS, Starts
from refimpl.experiments.workshop2017 import sentiment_l2
from refimpl.training.elbo import L2


def of(name, preset="paper", starts=NO_STARTS, told=None, **options):
    presets = EXPERIMENTS[name].presets
    chosen = presets[preset]._replace(options=presets[preset].options._replace(**options))
    return deviations(name, chosen, presets.get("paper"), starts, **(told or {}))


def test_the_papers_preset_has_no_computed_difference():
    for name in EXPERIMENTS:
        if "paper" in EXPERIMENTS[name].presets:
            assert of(name) == [d.sentence for d in ALWAYS.get(name, ())]
    assert of("char-ptb") == of("word-ptb") == []


def test_sizes_and_options_that_differ_are_told_with_both_values():
    found = of("char-ptb", "small", learning_rate=0.01)
    assert "hidden units: 128 (paper: 1,000)" in found
    assert "epochs: 30 (paper: 250)" in found
    assert "learning rate: 0.01 (paper: 0.002)" in found
    assert "training symbols or texts: 400,000 (paper: all)" in found
    assert len(found) == 6  # and validation and test symbols


def test_batch_and_length_are_told():
    assert {"batch: 16 (paper: 64)", "length: 50 (paper: 100)"} <= set(of("char-ptb", "mini"))


def test_how_often_one_looks_is_no_deviation():
    assert of("char-ptb", evaluate_every=5) == []


def test_imdb_tells_its_deviations_from_the_logs():
    found = of("imdb")
    assert len(found) == 5
    for word in ("word2vec", "ranked anew", "log sigma squared = -3", "asked for the variable alone", "held out"):
        assert sum(word in sentence for sentence in found) == 1


def test_a_starting_value_takes_the_sentence_away_and_is_told_itself():
    found = of("imdb", starts=Starts("texts", -1.5))
    assert not any("log sigma = -3 " in sentence or "U(-0.05, 0.05)" in sentence for sentence in found)
    assert sum(sentence.startswith("the output layer starts from log sigma = -1.5") for sentence in found) == 1
    assert sum(sentence.startswith("the embedding starts from word vectors (texts)") for sentence in found) == 1


@pytest.mark.parametrize(
    ("name", "word", "having"),
    [
        ("imdb", "log sigma squared = -3", {"LCLCCL", "LLLCCL", "LLLCLL", "LLLLLL"}),
        ("agnews", "log sigma squared = -3", {"LCLCCL", "LLLCCL", "LLLCLL", "LLLLLL"}),
        ("imdb", "asked for the variable alone", {"LLLLLL"}),
        ("imdb", "ranked anew", {"DCDCCD", "LCLCCL", "LLLCCL", "LLLCLL", "LLLLLL"}),
        ("char-ptb-2017", "the output layer has LRT", {"sparsevd"}),
        ("cornell", "weight decay is on matrices", {"vbd", "sparsevd"}),
    ],
)
def test_a_configuration_tells_what_it_has(name, word, having):
    codes = EXPERIMENTS[name].configurations
    told = {code for code in codes if any(word in line for line in of(name, told={"configuration": code}))}
    assert told == having


def test_the_papers_weight_decay_is_no_deviation():
    """It belongs to the configuration, and the preset has none."""
    plain = of("cornell")
    assert of("cornell", l2=sentiment_l2("vbd")) == plain
    (other,) = set(of("cornell", l2=L2("script", weight_decay=0.5))) - set(plain)
    assert other.startswith("l2: form script, weight_decay 0.5,")
    assert "weight_decay 0.001" in other.partition("(paper: ")[2]


def test_what_is_not_there_is_called_all_of_a_part_and_none_of_an_option():
    assert "patience: 3 (paper: none)" in of("imdb", patience=3)
    assert "learning rate drops: 5, 7 (paper: none)" in of("imdb", learning_rate_drops=(5, 7))
    assert "training symbols or texts: 23,529 (paper: all)" in of("imdb", "small")


@pytest.mark.parametrize(
    ("name", "start", "words"),
    [
        ("cornell", "cornell-none-paper-0", "the paper from 4 epochs of such a run"),
        ("cornell", "cornell-vbd-200-epochs-paper-0", "the paper from 200 epochs of such a run"),
        ("char-ptb-2017", "char-ptb-2017-none-11-epochs-paper-0", "the paper from 11 epochs of such a run"),
        ("word-ptb", "word-ptb-DCCD-paper-0", "the paper does not"),
    ],
)
def test_what_a_run_starts_from_is_told(name, start, words):
    (sentence,) = set(of(name, told={"start": start})) - set(of(name))
    assert sentence.startswith(f"starts from the best epoch (by validation) of {start}; {words}")


def test_another_prior_is_told():
    (sentence,) = of("char-ptb", told={"prior": "ard"})
    assert sentence == "KL divergence of the weights: ard, in place of the configuration's"


def test_a_planted_source_has_nothing_to_differ_from():
    assert of("planted-lm", "small") == []


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_every_sentence_belongs_to_an_experiment(name):
    assert name in EXPERIMENTS


def test_of_a_file_of_word_vectors_the_name_is_told_and_not_its_folder():
    (sentence,) = [s for s in of("imdb", starts=Starts("/some/folder/vectors.txt")) if "word vectors (" in s]
    assert "word vectors (vectors.txt)" in sentence
    assert "/some" not in sentence


def test_another_dtype_is_told():
    presets = EXPERIMENTS["char-ptb"].presets
    assert deviations("char-ptb", presets["paper"], presets["paper"], dtype="float64") == [
        "computed in float64; the paper's code in float32"
    ]
