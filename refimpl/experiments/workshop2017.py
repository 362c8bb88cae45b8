"""The models of the 2017 workshop paper (S004), whose code was never published.

Three arrangements, in both experiments:
  none      no dropout, early stopping
  vbd       Variational Binary Dropout (Gal and Ghahramani 2016)
  sparsevd  Sparse Variational Dropout: W_x by LRT, its noise shared over time and own for each gate (eq. 14); W_h by RT
            (eq. 15); KL of Molchanov et al. (2017), whose constants eq. 6 rounds
"""

from refimpl.arrays import check_choice
from refimpl.models.recipe import Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.training.elbo import L2

CONFIGURATIONS = {"none": "No dropout", "vbd": "VBD", "sparsevd": "SparseVD"}
PRIOR = "molchanov2017"
SENTIMENT_DROPOUT, SENTIMENT_WEIGHT_DECAY = 0.3, 1e-3  # section 4.1
CHARACTER_DROPOUT = 0.25  # section 4.2, on W_h alone, without weight decay


def sentiment_recipe(plain: Recipe, configuration: str, prior: str | None = None) -> Recipe:
    """Section 4.1, from a plain regressor: embedding, LSTM with sigmoid gates (eq. 11), dense layer on h_T.

    vbd: rate 0.3 on embedding, LSTM (own masks for each gate) and dense layer. sparsevd: on the LSTM alone; VBD on
    embedding and dense layer. prior replaces that of sparsevd.
    Errors: ValueError on an unknown configuration.
    """
    check_choice("configuration", configuration, tuple(CONFIGURATIONS))
    layer, embedding = plain.layers[0]._replace(gates="sigmoid"), plain.embedding
    assert embedding is not None  # texts always have one
    if configuration == "none":
        return plain._replace(layers=(layer,))
    if configuration == "vbd":
        layer = layer._replace(dropout_x=SENTIMENT_DROPOUT, dropout_h=SENTIMENT_DROPOUT)
    else:
        layer = sparse_layer(layer, prior)
    return check_recipe(
        plain._replace(
            layers=(layer,),
            embedding=embedding._replace(dropout=SENTIMENT_DROPOUT),
            output=Output(plain.output.weight, dropout=SENTIMENT_DROPOUT),
        )
    )


def sentiment_l2(configuration: str) -> L2 | None:
    """Weight decay 1e-3 on what is under VBD, in the form of Gal's script."""
    return None if configuration == "none" else L2("script", weight_decay=SENTIMENT_WEIGHT_DECAY)


def character_recipe(plain: Recipe, configuration: str, prior: str | None = None) -> Recipe:
    """Section 4.2, from a plain character model: h_0 and c_0 are trained.

    vbd: rate 0.25 on the recurrent weights alone. sparsevd: LSTM and dense layer; of the dense layer the paper gives no
    equation, so it has LRT with the noise shared over time, as in the 2018 code. prior replaces that of sparsevd.
    Errors: ValueError on an unknown configuration.
    """
    check_choice("configuration", configuration, tuple(CONFIGURATIONS))
    layer, output = plain.layers[0]._replace(trainable_state=True), plain.output
    if configuration == "vbd":
        layer = layer._replace(dropout_h=CHARACTER_DROPOUT)
    if configuration == "sparsevd":
        layer, output = sparse_layer(layer, prior), Output(random(output.weight, "lrt_shared", prior))
    return check_recipe(plain._replace(layers=(layer,), output=output))


def sparse_layer(layer: Recurrent, prior: str | None) -> Recurrent:
    """The layer with a posterior over W_x (eq. 14) and W_h (eq. 15)."""
    return layer._replace(W_x=random(layer.W_x, "lrt_shared", prior), W_h=random(layer.W_h, "rt", prior))


def random(weight: Weight, estimator: str, prior: str | None) -> Weight:
    """The same matrix with a Gaussian posterior; its means start where the weights did."""
    return weight._replace(estimator=estimator, prior=PRIOR if prior is None else prior)
