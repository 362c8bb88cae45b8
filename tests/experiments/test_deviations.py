"""What a run says of its differences from the paper."""

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.deviations import ALWAYS, deviations
from refimpl.experiments.starts import NO_STARTS, Starts


def of(name, preset="paper", starts=NO_STARTS, **options):
    presets = EXPERIMENTS[name].presets
    chosen = presets[preset]._replace(options=presets[preset].options._replace(**options))
    return deviations(name, chosen, presets.get("paper"), starts)


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


def test_how_often_one_looks_is_no_deviation():
    assert of("char-ptb", evaluate_every=5) == []


def test_imdb_tells_its_three_deviations_from_the_logs():
    found = of("imdb")
    assert len(found) == 3
    for word in ("word2vec", "ranked anew", "log sigma squared = -3"):
        assert sum(word in sentence for sentence in found) == 1


def test_a_starting_value_takes_the_sentence_away_and_is_told_itself():
    found = of("imdb", starts=Starts("texts", -1.5))
    assert not any("log sigma = -3 " in sentence or "U(-0.05, 0.05)" in sentence for sentence in found)
    assert sum(sentence.startswith("the output layer starts from log sigma = -1.5") for sentence in found) == 1
    assert sum(sentence.startswith("the embedding starts from word vectors (texts)") for sentence in found) == 1


def test_a_planted_source_has_nothing_to_differ_from():
    assert of("planted-lm", "small") == []


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_every_sentence_belongs_to_an_experiment(name):
    assert name in EXPERIMENTS
