"""Recipes by the letters of the 2018 code (its README; S000, S003).

Language models, four letters:   [0] LSTM weights  [1] gates z  [2] input and hidden z  [3] output weights
Classifiers, six letters:        [0] embedding  [1] vocabulary z  [2] LSTM weights  [3] gates z  [4] input and hidden z
                                 [5] output weights

Weights:  D deterministic, L log-uniform prior and Gaussian posterior, N standard normal prior and Gaussian posterior.
z:        C none, L log-uniform; for input and hidden z also I (inputs only: the vocabulary of a language model) and
          R (hidden only).
"""

from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe

LOG_UNIFORM_2018 = "rnn2018"  # the KL divergence that the letter L names
PRIOR_OF_LETTER = {"L": LOG_UNIFORM_2018, "N": "standard_normal"}
WEIGHT_LETTERS, GROUP_LETTERS, STATE_LETTERS = "DLN", "CL", "CLIR"
CLASSIFIER_POSITIONS = ("embedding", "vocabulary z", "LSTM", "gates z", "input and hidden z", "output")
LANGUAGE_MODEL_POSITIONS = ("LSTM", "gates z", "input and hidden z", "output")


def character_model(
    letters: str, *, vocabulary: int, size: int, layers: int = 1, weight_prior: str | None = None
) -> Recipe:
    """Character language model: one-hot into the LSTM, output by LRT with the noise shared over time (2018 code)."""
    return _language_model(letters, vocabulary, (size,) * layers, "lrt_shared", 0.0, weight_prior)


def word_model(letters: str, *, vocabulary: int, sizes: tuple[int, ...], weight_prior: str | None = None) -> Recipe:
    """Word language model: one-hot into the LSTM, output by RT, forget bias 1 (2018 code)."""
    return _language_model(letters, vocabulary, sizes, "rt", 1.0, weight_prior)


def text_classifier(
    letters: str,
    *,
    vocabulary: int,
    embedding: int,
    size: int,
    classes: int,
    task: str = "classifier",
    weight_prior: str | None = None,
) -> Recipe:
    """Text classifier on h_T: embedding, LSTM with hard-sigmoid gates and forget bias 1, output by LRT (2018 code).

    classes is the number of outputs: 1 for two classes (sigmoid), else one for each class (softmax).
    weight_prior replaces the prior of the weights that have a Gaussian posterior, and leaves that of z (S002: N(0, 1)
    under z).
    Errors: ValueError that names the position of an impossible letter.
    """
    check_letters(letters, CLASSIFIER_POSITIONS)
    z_x, z_h = _state_groups(letters[4])
    return check_recipe(
        Recipe(
            task=task,
            vocabulary=vocabulary,
            outputs=classes,
            embedding=Embedding(
                size=embedding,
                weight=_weight(letters[0], "rt", weight_prior, "uniform", 0.05),
                z=_group(letters[1]),
            ),
            layers=(
                Recurrent(
                    name="lstm",
                    size=size,
                    W_x=_weight(letters[2], "rt", weight_prior, "glorot_uniform", 1.0),
                    W_h=_weight(letters[2], "rt", weight_prior, "orthogonal", 1.1),
                    z_x=z_x,
                    z_h=z_h,
                    z_gates=_group(letters[3]),
                    gates="hard_sigmoid",
                    forget_bias=1.0,
                ),
            ),
            output=Output(_weight(letters[5], "lrt", weight_prior, "glorot_uniform", 1.0)),
            probability_clip=1e-6 if task == "classifier" else None,
        )
    )


def _language_model(
    letters: str,
    vocabulary: int,
    sizes: tuple[int, ...],
    output_estimator: str,
    forget_bias: float,
    weight_prior: str | None,
) -> Recipe:
    check_letters(letters, LANGUAGE_MODEL_POSITIONS)
    z_x, z_h = _state_groups(letters[2])
    weight = _weight(letters[0], "rt", weight_prior, "orthogonal", 1.0)
    names = ["lstm"] if len(sizes) == 1 else [f"lstm{i + 1}" for i in range(len(sizes))]
    layers = tuple(
        Recurrent(
            name=name,
            size=size,
            W_x=weight,
            W_h=weight,
            z_x=z_x,
            z_h=z_h,
            z_gates=_group(letters[1]),
            forget_bias=forget_bias,
        )
        for name, size in zip(names, sizes, strict=True)
    )
    return check_recipe(
        Recipe(
            task="language_model",
            vocabulary=vocabulary,
            outputs=vocabulary,
            layers=layers,
            output=Output(_weight(letters[3], output_estimator, weight_prior, "orthogonal", 1.0)),
        )
    )


def check_letters(letters: str, positions: tuple[str, ...]) -> None:
    """Errors: ValueError for the wrong number of letters, or with the position of an impossible one."""
    if len(letters) != len(positions):
        raise ValueError(f"letters: expected {len(positions)} letters ({', '.join(positions)}), got {letters!r}")
    for i, (letter, position) in enumerate(zip(letters, positions, strict=True)):
        legal = WEIGHT_LETTERS
        if position.endswith("z"):
            legal = STATE_LETTERS if position == "input and hidden z" else GROUP_LETTERS
        if letter not in legal:
            raise ValueError(
                f"letters: position {i} ({position}) expected one of {', '.join(legal)}, got {letter!r} in {letters!r}"
            )


def _weight(letter: str, estimator: str, prior: str | None, init: str, scale: float) -> Weight:
    if letter == "D":
        return Weight(init=init, init_scale=scale)
    return Weight(estimator, PRIOR_OF_LETTER[letter] if prior is None else prior, init=init, init_scale=scale)


def _group(letter: str) -> str | None:
    return LOG_UNIFORM_2018 if letter == "L" else None


def _state_groups(letter: str) -> tuple[str | None, str | None]:
    """Priors of z_x and z_h."""
    return (_group("L" if letter in "LI" else "C"), _group("L" if letter in "LR" else "C"))
