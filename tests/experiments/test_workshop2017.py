"""What S004 says of its models and the tests of the tables' rows leave out: gates, masks, prior, weight decay."""

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.workshop2017 import sentiment_l2
from refimpl.models.parameters import matrices


@pytest.mark.parametrize("name", ["cornell", "char-ptb-2017"])
@pytest.mark.parametrize("configuration", ["none", "vbd", "sparsevd"])
def test_gates_masks_and_prior(name, configuration):
    """Eq. 11: sigmoid gates, no peepholes; a mask and a noise for each gate; KL of Molchanov et al.; log sigma^2 -6."""
    recipe = build_recipe(EXPERIMENTS[name], configuration, EXPERIMENTS[name].presets["smoke"], 30, 0)
    (layer,) = recipe.layers
    assert (layer.gates, layer.peephole, layer.dropout_gates, layer.W_x.gate_noise) == ("sigmoid", None, "own", "own")
    weights = [matrix.weight for matrix in matrices(recipe).values()]
    assert {weight.prior for weight in weights if weight.estimator != "deterministic"} <= {"molchanov2017"}
    assert recipe.log_sigma_init == -3.0
    assert (layer.z_x, layer.z_h, layer.z_gates) == (None, None, None)


def test_weight_decay_of_the_sentiment_models():
    """Section 4.1: 1e-3 on layers with VBD; in the SparseVD networks these are embedding and dense layer."""
    assert sentiment_l2("none") is None
    for configuration in ("vbd", "sparsevd"):
        l2 = sentiment_l2(configuration)
        assert (l2.form, l2.weight_decay) == ("script", 1e-3)
