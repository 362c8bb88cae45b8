"""How many weights, words, embedding components, neurons and gates are left, by three methods that have names.

The rules, on masks of weights and of group variables z (a condition on a z is left out where the model has none):

COUNT.E1  input of a layer: alive iff some weight of its rows of W_x is, and z_x, and, in an upper layer, the neuron
          below.
COUNT.E2  word: with an embedding, iff its z is alive, or, without z, some weight of its row; for one-hot symbols, iff
          that input of the first layer is.
COUNT.E3  embedding component: iff some weight of its column of the embedding is alive, and that input of the first
          layer.
COUNT.E4  neuron: iff something that reads it is alive, and z_h. Its readers: its rows of its layer's W_h, its row of
          the output, or that input of the next layer (some weight of its rows of W_x, and z_x). What goes into a neuron
          does not matter: without any it still moves, by its biases.
COUNT.E5  gate: iff some weight that goes into it is alive, and z_gates, and its neuron. A dead gate is a constant.
COUNT.E6  removal: rows and columns of dead words, components, inputs and neurons are dead.
COUNT.E7  compression = all / (alive + 1e-8) over embedding, W_x, W_h and output; biases, z, states, sigmas and the
          indices of a sparse format do not count. The 1e-8 makes a model that is dead throughout a defined result.

The methods:

raw         Masks as they are, no removal: a weight is alive iff its log alpha < threshold. A structure that has a z is
            alive iff z is; one that has none, iff some weight is: of its row or column of the embedding for a word or
            component, of its rows of W_x for an input, of what reads it for a neuron, of what goes into it for a gate.
            (S002's numbers of words come from such a count.)
propagated  The 2018 code: E1-E5 once, all from the raw masks, then E6 once. So a neuron that only fed a dead neuron
            stays, and a word whose z is alive stays though its row may be dead (265 words, 262 weights for IMDb).
fixpoint    E1-E4 and E6 again and again, each time from what is left, until nothing changes; then E5 from what is left.
            Here a word with a z also needs a live weight in its row. A dead gate removes no weight in any method.

Several recurrent layers follow the same rules; the 2018 code has one, so what E1 and E4 say between layers is ours.
Removal leaves the function of the model with pruned means as it is, but for one case: a trained h0 of a neuron
whose z_h is dead, since z_h does not act on h0.
"""

from itertools import pairwise
from typing import NamedTuple, TypeAlias

from refimpl.arrays import Array, Shape, check_choice, check_shapes, to_host
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD, alive_masks
from refimpl.models.recipe import Recipe

METHODS = ("raw", "propagated", "fixpoint")
COMPRESSION_EPSILON = 1e-8  # 2018 code

KeptTotal: TypeAlias = tuple[int, int]


class Counts(NamedTuple):
    """What is left, as pairs (kept, total).

    masks are on the host, bool: the matrices by name; "vocabulary" (V,), "components" (E,); and for each layer, such as
    lstm, "lstm.inputs" (D,), "lstm.neurons" (H,) and "lstm.gates" (4, H).
    """

    method: str
    matrices: dict[str, KeptTotal]
    vocabulary: KeptTotal
    components: KeptTotal | None  # of the embedding; None where there is none
    neurons: dict[str, KeptTotal]  # by layer
    gates: dict[str, KeptTotal]  # by layer
    compression: float
    masks: dict[str, Array]


def count(params: dict[str, Array], recipe: Recipe, method: str, threshold: float = LOG_ALPHA_THRESHOLD) -> Counts:
    """What is left of a model.

    Equations: COUNT.E1-E7 (2018 code, for the method "propagated").
    Errors: ValueError on an unknown method, on names or shapes that are not the recipe's, or on NaN in a parameter.
    """
    check_choice("method", method, METHODS)
    masks = {name: to_host(mask) for name, mask in alive_masks(params, threshold).items()}
    _check_names_and_shapes(masks, recipe)
    groups, gates = _decided(masks, recipe, method), _gates(masks, recipe, method)
    if method != "raw":
        left = _removed(masks, groups, recipe)
        if method == "fixpoint":
            while any((left[name] != masks[name]).any() for name in masks):
                masks, groups = left, _decided(left, recipe, method)
                left = _removed(masks, groups, recipe)
            gates = _gates(left, recipe, method)
        masks = left
        gates = {name: mask & groups[name.replace(".gates", ".neurons")] for name, mask in gates.items()}
    matrices = {name: masks[name] for name, (_, is_matrix) in _expected(recipe).items() if is_matrix}
    every = matrices | groups | gates
    counted = {name: (int(mask.sum()), mask.size) for name, mask in every.items()}
    alive, total = (sum(counted[name][i] for name in matrices) for i in range(2))
    return Counts(
        method=method,
        matrices={name: counted[name] for name in matrices},
        vocabulary=counted["vocabulary"],
        components=counted.get("components"),
        neurons={layer.name: counted[f"{layer.name}.neurons"] for layer in recipe.layers},
        gates={layer.name: counted[f"{layer.name}.gates"] for layer in recipe.layers},
        compression=total / (alive + COMPRESSION_EPSILON),  # [COUNT.E7]
        masks=every,
    )


def _with_z(by_weights: Array, z: Array | None, method: str) -> Array:
    """A structure by its weights and its z, if it has one; by z alone in the raw count."""
    if z is None:
        return by_weights
    return z if method == "raw" else by_weights & z


def _decided(masks: dict[str, Array], recipe: Recipe, method: str) -> dict[str, Array]:
    """Words, components, inputs and neurons, all decided from the same masks."""
    groups: dict[str, Array] = {}
    readers = masks["output.W"].any(axis=1)
    for name in (layer.name for layer in reversed(recipe.layers)):
        neurons = masks[f"{name}.W_h"].any(axis=(1, 2)) | readers
        groups[f"{name}.neurons"] = _with_z(neurons, masks.get(f"{name}.z_h"), method)  # [COUNT.E4]
        rows = masks[f"{name}.W_x"].any(axis=(1, 2))
        groups[f"{name}.inputs"] = _with_z(rows, masks.get(f"{name}.z_x"), method)  # [COUNT.E1]
        readers = rows if method == "raw" else groups[f"{name}.inputs"]
    if method != "raw":
        for below, above in pairwise(recipe.layers):
            groups[f"{above.name}.inputs"] = groups[f"{above.name}.inputs"] & groups[f"{below.name}.neurons"]
    first_inputs = groups[f"{recipe.layers[0].name}.inputs"]
    if recipe.embedding is None:
        return groups | {"vocabulary": first_inputs}  # [COUNT.E2]
    rows, columns, z = masks["embedding.W"].any(axis=1), masks["embedding.W"].any(axis=0), masks.get("embedding.z")
    if z is not None:
        rows = rows & z if method == "fixpoint" else z  # the 2018 code does not look at the row where there is a z
    components = columns if method == "raw" else columns & first_inputs
    return groups | {"vocabulary": rows, "components": components}  # [COUNT.E2] [COUNT.E3]


def _gates(masks: dict[str, Array], recipe: Recipe, method: str) -> dict[str, Array]:
    """Gates by what goes into them and by their z; whether the neuron is alive is not looked at here."""
    gates = {}
    for name in (layer.name for layer in recipe.layers):
        incoming = masks[f"{name}.W_x"].any(axis=0) | masks[f"{name}.W_h"].any(axis=0)
        gates[f"{name}.gates"] = _with_z(incoming, masks.get(f"{name}.z_gates"), method)  # [COUNT.E5]
    return gates


def _removed(masks: dict[str, Array], groups: dict[str, Array], recipe: Recipe) -> dict[str, Array]:
    """The masks without the weights of dead structures; masks of z as they are. Equations: COUNT.E6."""
    left = dict(masks)
    if recipe.embedding is not None:
        left["embedding.W"] = masks["embedding.W"] & groups["vocabulary"][:, None] & groups["components"]
    for name in (layer.name for layer in recipe.layers):
        inputs, neurons = groups[f"{name}.inputs"], groups[f"{name}.neurons"]
        if name == recipe.layers[0].name and recipe.embedding is not None:
            inputs = groups["components"]
        left[f"{name}.W_x"] = masks[f"{name}.W_x"] & inputs[:, None, None] & neurons
        left[f"{name}.W_h"] = masks[f"{name}.W_h"] & neurons[:, None, None] & neurons
    left["output.W"] = masks["output.W"] & groups[f"{recipe.layers[-1].name}.neurons"][:, None]  # [COUNT.E6]
    return left


def _expected(recipe: Recipe) -> dict[str, tuple[Shape, bool]]:
    """Shape of each mask of a recipe by name, and whether it is a matrix (a z is not)."""
    expected: dict[str, tuple[Shape, bool]] = {}
    below = recipe.vocabulary
    if recipe.embedding is not None:
        expected["embedding.W"] = ((recipe.vocabulary, recipe.embedding.size), True)
        if recipe.embedding.z is not None:
            expected["embedding.z"] = ((recipe.vocabulary,), False)
        below = recipe.embedding.size
    for layer in recipe.layers:
        expected[f"{layer.name}.W_x"] = ((below, 4, layer.size), True)
        expected[f"{layer.name}.W_h"] = ((layer.size, 4, layer.size), True)
        groups = {"z_x": (below,), "z_h": (layer.size,), "z_gates": (4, layer.size)}
        present = (z for z in groups if getattr(layer, z) is not None)
        expected |= {f"{layer.name}.{z}": (groups[z], False) for z in present}
        below = layer.size
    expected["output.W"] = ((below, recipe.outputs), True)
    return expected


def _check_names_and_shapes(masks: dict[str, Array], recipe: Recipe) -> None:
    expected = _expected(recipe)
    if masks.keys() != expected.keys():
        raise ValueError(
            "params: expected the prunable parameters of the recipe; "
            f"missing {sorted(expected.keys() - masks.keys())}, unknown {sorted(masks.keys() - expected.keys())}"
        )
    for name, (shape, _) in expected.items():
        check_shapes({name: (masks[name], " ".join(map(str, shape)))})
