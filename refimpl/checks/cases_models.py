"""Cases of whole models: the arrangements of the papers, and every choice of a recipe at least once."""

from functools import partial

from refimpl.checks.cases_common import GradcheckCase
from refimpl.checks.model_problem import Model, model_problem
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight
from refimpl.training.elbo import L2

V, E, H, K = 7, 3, 2, 4  # symbols, width of an embedding, neurons, classes
RATE = 0.4
DETERMINISTIC = Weight()
RT = Weight("rt")
RT_OBJECT = Weight("rt_object")


def _classifier(letters: str, classes: int) -> Recipe:
    """With a probability clip among the values here (that of a binary classifier is put there by the problem)."""
    recipe = text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=classes)
    return recipe._replace(probability_clip=0.2)


def _language_model(layer: Recurrent, output: Output, embedding: Embedding | None = None) -> Recipe:
    return Recipe("language_model", V, V, (layer,), output, embedding)


def _regressor(dropout_gates: str = "own") -> Recipe:
    """VBD on word types, on x and h of the LSTM and on the dense layer's input (S004 section 2.3, and Gal's script)."""
    layer = Recurrent(
        "lstm", H, DETERMINISTIC, DETERMINISTIC, dropout_x=RATE, dropout_h=RATE, dropout_gates=dropout_gates
    )
    embedding = Embedding(E, DETERMINISTIC, dropout=RATE)
    return Recipe("regressor", V, 1, (layer,), Output(DETERMINISTIC, dropout=RATE), embedding)


def _sparse_vbd() -> Recipe:
    """Gaussian weights, group variables and VBD masks at the same places."""
    layer = Recurrent("lstm", H, RT, RT, "rnn2018", "rnn2018", "rnn2018", dropout_x=RATE, dropout_h=RATE)
    embedding = Embedding(E, RT, z="rnn2018", dropout=RATE)
    return Recipe("regressor", V, 1, (layer,), Output(Weight("lrt"), dropout=RATE), embedding)


def _peepholes(seen: str) -> Recipe:
    layer = Recurrent("lstm", H, DETERMINISTIC, DETERMINISTIC, peephole=seen)
    return Recipe("classifier", V, K, (layer,), Output(DETERMINISTIC), Embedding(E, DETERMINISTIC))


def _two_layers() -> Recipe:
    """A classifier whose second layer alone is read, at the last step."""
    layers = tuple(Recurrent(name, size, DETERMINISTIC, DETERMINISTIC) for name, size in (("lower", H), ("upper", E)))
    return Recipe("classifier", V, K, layers, Output(DETERMINISTIC), Embedding(E, DETERMINISTIC))


def _s004(estimator: str, gate_noise: str, *, dense: bool, z_x: str | None = None) -> Recipe:
    """Sparse VD of S004: LRT on W_x, RT on W_h, LRT on the output, trainable initial states."""
    W_x = Weight(estimator, "molchanov2017", gate_noise)
    W_h = Weight("rt", "molchanov2017")
    layer = Recurrent("lstm", H, W_x, W_h, z_x=z_x, trainable_state=True)
    output = Output(Weight(estimator, "molchanov2017"))
    return _language_model(layer, output, Embedding(E, DETERMINISTIC) if dense else None)


def _rt_object(embedding: bool) -> Recipe:
    """Every weight drawn for each object."""
    layer = Recurrent("lstm", H, RT_OBJECT, RT_OBJECT, z_h="rnn2018")
    return _language_model(layer, Output(RT_OBJECT), Embedding(E, RT_OBJECT) if embedding else None)


def _one_prior(prior: str) -> Recipe:
    weight = Weight("rt", prior)
    return _language_model(Recurrent("lstm", H, weight, weight, z_h=prior), Output(weight))


MODELS = {
    "char_DCCD": Model(character_model("DCCD", vocabulary=V, size=H)),
    "char_LCCL": Model(character_model("LCCL", vocabulary=V, size=H)),
    "char_LLLL": Model(character_model("LLLL", vocabulary=V, size=H)),
    "char_NLLN": Model(character_model("NLLN", vocabulary=V, size=H)),
    "word_LLRL": Model(word_model("LLRL", vocabulary=V, sizes=(H, E)), carried=True),
    "word_DCID": Model(word_model("DCID", vocabulary=V, sizes=(E, H)), carried=True),
    "classifier_LLLLLL": Model(_classifier("LLLLLL", 1), padding="left"),
    "classifier_LCLCCL": Model(_classifier("LCLCCL", K), padding="left"),
    "regressor_vbd_script": Model(_regressor(), padding="left", l2=L2("script", weight_decay=1e-2)),
    "regressor_vbd_shared": Model(_regressor("shared"), l2=L2("derivation", length_scale=0.7)),
    "regressor_sparse_vbd": Model(_sparse_vbd(), padding="left", l2=L2("derivation", length_scale=0.7)),
    "classifier_two_layers": Model(_two_layers(), padding="left"),
    "peephole_c": Model(_peepholes("c"), padding="left"),
    "peephole_c_prev": Model(_peepholes("c_prev"), padding="right"),
    "s004_tokens": Model(_s004("lrt_shared", "own", dense=False)),
    "s004_tokens_z": Model(_s004("lrt_shared", "shared", dense=False, z_x="rnn2018")),
    "s004_dense": Model(_s004("lrt", "own", dense=True)),
    "s004_dense_z": Model(_s004("lrt_shared", "shared", dense=True, z_x="rnn2018")),
    "object_tokens": Model(_rt_object(embedding=False)),
    "object_embedding": Model(_rt_object(embedding=True)),
    "embedding": Model(
        _language_model(Recurrent("lstm", H, RT, RT, z_x="rnn2018"), Output(RT), Embedding(E, RT, z="rnn2018"))
    ),
    "log_uniform": Model(_one_prior("log_uniform")),
    "molchanov2017": Model(_one_prior("molchanov2017")),
    "ard": Model(_one_prior("ard")),
}

FUNCTIONS = ("sample_forward", "network_forward", "recurrent_layer_forward", "objective_forward")
CASES = tuple(
    GradcheckCase(f"model/{name}", FUNCTIONS, partial(model_problem, model)) for name, model in MODELS.items()
)
