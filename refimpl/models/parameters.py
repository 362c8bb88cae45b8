"""Names, shapes and starting values of a recipe's parameters: one flat dict[str, Array].

A deterministic quantity X is stored as "X"; one with a Gaussian posterior as "X.mu" and "X.log_sigma". Gradients,
Adam's moments, checkpoints and reports use the same keys.
"""

import math
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl import noise
from refimpl.arrays import Array, Shape, array_module, to_host
from refimpl.bayes.groups import initial_group
from refimpl.models.recipe import Recipe, Weight

Params = dict[str, Array]


class Matrix(NamedTuple):
    """A weight matrix of the model: what its recipe says, and its shape."""

    weight: Weight
    shape: Shape


class Group(NamedTuple):
    """Group variables: the name of their prior, and their shape."""

    prior: str
    shape: Shape


def matrices(recipe: Recipe) -> dict[str, Matrix]:
    """All weight matrices by name, in the order of the network."""
    found: dict[str, Matrix] = {}
    width = recipe.vocabulary
    if recipe.embedding is not None:
        found["embedding.W"] = Matrix(recipe.embedding.weight, (recipe.vocabulary, recipe.embedding.size))
        width = recipe.embedding.size
    for layer in recipe.layers:
        found[f"{layer.name}.W_x"] = Matrix(layer.W_x, (width, 4, layer.size))
        found[f"{layer.name}.W_h"] = Matrix(layer.W_h, (layer.size, 4, layer.size))
        width = layer.size
    found["output.W"] = Matrix(recipe.output.weight, (width, recipe.outputs))
    return found


def groups(recipe: Recipe) -> dict[str, Group]:
    """All group variables by name."""
    found: dict[str, Group] = {}
    width = recipe.vocabulary
    if recipe.embedding is not None:
        if recipe.embedding.z is not None:
            found["embedding.z"] = Group(recipe.embedding.z, (recipe.vocabulary,))
        width = recipe.embedding.size
    for layer in recipe.layers:
        shapes = {"z_x": (width,), "z_h": (layer.size,), "z_gates": (4, layer.size)}
        for group, shape in shapes.items():
            prior = getattr(layer, group)
            if prior is not None:
                found[f"{layer.name}.{group}"] = Group(prior, shape)
        width = layer.size
    return found


def priors(recipe: Recipe) -> dict[str, str]:
    """The prior of every quantity that has a Gaussian posterior, by name."""
    of_matrices = {n: m.weight.prior for n, m in matrices(recipe).items() if m.weight.estimator != "deterministic"}
    return of_matrices | {name: group.prior for name, group in groups(recipe).items()}


def plain_shapes(recipe: Recipe) -> dict[str, Shape]:
    """Shapes of biases, peepholes and trainable initial states."""
    shapes: dict[str, Shape] = {}
    for layer in recipe.layers:
        shapes[f"{layer.name}.b"] = (4, layer.size)
        if layer.peephole is not None:
            shapes[f"{layer.name}.peephole"] = (3, layer.size)
        if layer.trainable_state:
            shapes[f"{layer.name}.h0"] = shapes[f"{layer.name}.c0"] = (layer.size,)
    shapes["output.b"] = (recipe.outputs,)
    return shapes


def parameter_shapes(recipe: Recipe) -> dict[str, Shape]:
    """The shape of every parameter by name."""
    gaussian = priors(recipe)
    of_matrices = {name: matrix.shape for name, matrix in matrices(recipe).items()}
    shapes: dict[str, Shape] = {}
    for name, shape in (of_matrices | {name: group.shape for name, group in groups(recipe).items()}).items():
        suffixes = (".mu", ".log_sigma") if name in gaussian else ("",)
        shapes |= {name + suffix: shape for suffix in suffixes}
    return shapes | plain_shapes(recipe)


def initialise(recipe: Recipe, seed: int, dtype: str = "float32", xp: ModuleType = np) -> Params:
    """Starting values: matrices by their initialiser, z at mean 1, log sigma and forget bias of the recipe, else zeros.

    The random matrices are made in float64 on the host from streams "init.NAME", then cast.
    """
    params: Params = {}
    gaussian = priors(recipe)
    for name, matrix in matrices(recipe).items():
        draw = noise.Draw(seed, f"init.{name}")
        value = xp.asarray(_initial_matrix(draw, matrix).astype(dtype))
        if name in gaussian:
            params[f"{name}.mu"] = value
            params[f"{name}.log_sigma"] = xp.full(matrix.shape, recipe.log_sigma_init, dtype=dtype)
        else:
            params[name] = value
    for name, group in groups(recipe).items():
        start = initial_group(group.shape, recipe.log_sigma_init, dtype, xp)
        params[f"{name}.mu"], params[f"{name}.log_sigma"] = start
    for name, shape in plain_shapes(recipe).items():
        params[name] = xp.zeros(shape, dtype=dtype)
    for layer in recipe.layers:
        params[f"{layer.name}.b"][1] = layer.forget_bias
    return {name: params[name] for name in parameter_shapes(recipe)}


def _initial_matrix(draw: noise.Draw, matrix: Matrix) -> Array:
    """Each gate's matrix is drawn by itself, as if it stood alone."""
    shape, weight = matrix.shape, matrix.weight
    if len(shape) == 2:
        return INITIALISE[weight.init](draw, shape, weight.init_scale)
    rows, gates, columns = shape
    by_gate = [
        INITIALISE[weight.init](draw._replace(step=gate), (rows, columns), weight.init_scale) for gate in range(gates)
    ]
    return np.stack(by_gate, axis=1)


def orthogonal(draw: noise.Draw, shape: Shape, gain: float) -> Array:
    """gain * the orthogonal factor of a normal matrix (Saxe et al. 2014; Lasagne's form, by SVD)."""
    u, _, v = np.linalg.svd(noise.normal(draw, shape), full_matrices=False)
    return gain * (u if u.shape == shape else v)


def glorot_uniform(draw: noise.Draw, shape: Shape, gain: float) -> Array:
    """Uniform on +- gain sqrt(6 / (rows + columns)) (Glorot and Bengio 2010)."""
    return uniform(draw, shape, gain * math.sqrt(6.0 / sum(shape)))


def uniform(draw: noise.Draw, shape: Shape, half_width: float) -> Array:
    """Uniform on +- half_width."""
    return half_width * (2.0 * noise.uniform(draw, shape) - 1.0)


INITIALISE = {"orthogonal": orthogonal, "glorot_uniform": glorot_uniform, "uniform": uniform}


def check_params(params: Params, recipe: Recipe) -> None:
    """Errors: ValueError that names a missing or surplus parameter, a wrong shape, or a value that is not finite."""
    expected = parameter_shapes(recipe)
    if params.keys() != expected.keys():
        missing, surplus = sorted(expected.keys() - params.keys()), sorted(params.keys() - expected.keys())
        raise ValueError(f"params: missing {missing}, not of this recipe {surplus}")
    for name, shape in expected.items():
        if params[name].shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {params[name].shape}")
        if not to_host(array_module(params[name]).isfinite(params[name]).all()):
            raise ValueError(f"{name}: expected finite values, found NaN or infinity")
