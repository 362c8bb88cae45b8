"""The one file that knows the layout of the authors' 2018 code: their names and axes to ours, and back.

Cases are described in validation/vectors/original-2018/README.md and index.json. ``answers`` recomputes every answer
of a case, under the authors' key and in their layout, from what the case gives (parameters, inputs, noise).
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refimpl.compression.counting import Counts, count
from refimpl.compression.thresholds import alive_masks
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.network import NetworkCache, NetworkOutputs, network_forward
from refimpl.models.objective import objective_forward, predictions
from refimpl.models.recipe import Recipe
from refimpl.models.sample import mean_weights, sample_forward
from refimpl.training.adam import adam_init, adam_update
from refimpl.training.batches import Batch
from refimpl.training.clipping import clip_by_global_norm, global_norm
from refimpl.training.elbo import elbo_step

FOLDER = Path(__file__).parents[2] / "validation" / "vectors" / "original-2018"
GATES = ("ingate", "forgetgate", "cell", "outgate")
Arrays = dict[str, np.ndarray]

MATRICES = {  # our name: (theirs of the mean, theirs of log sigma); {} stands for the gate
    "embedding.W": ("Embedding.W", "BayesianEmbedding.log_sigma_w"),
    "lstm.W_x": ("LSTM.W_in_to_{}", "BayesianLSTM.logsig_w_in"),
    "lstm.W_h": ("LSTM.W_hid_to_{}", "BayesianLSTM.logsig_w_hid"),
    "output.W": ("Dense.W", "Dense.log_sigma"),
}
GROUPS = {
    "embedding.z": ("BayesianEmbedding.mu_in", "BayesianEmbedding.log_in"),
    "lstm.z_x": ("BayesianLSTM.mu_in", "BayesianLSTM.logsig_in"),
    "lstm.z_h": ("BayesianLSTM.mu_hid", "BayesianLSTM.logsig_hid"),
    "lstm.z_gates": ("BayesianLSTM.mu_gates", "BayesianLSTM.logsig_gates"),
}
NOISE = {  # our name: last part of theirs
    "embedding.W": "BayesianEmbedding.w_noise",
    "embedding.z": "BayesianEmbedding.in_noise",
    "lstm.W_x": "BayesianLSTM.input_w_noise",
    "lstm.W_h": "BayesianLSTM.hidden_w_noise",
    "lstm.z_x": "BayesianLSTM.input_noise",
    "lstm.z_h": "BayesianLSTM.hidden_noise",
    "lstm.z_gates": "BayesianLSTM.gates_noise",
}
LAYERS = {"embedding": "BayesianEmbedding", "lstm": "BayesianLSTM"}
GIVEN = ("param/", "paramC/", "input", "noise", "meta/")


class Case(NamedTuple):
    name: str
    task: str  # char, word or cls
    recipe: Recipe
    arrays: Arrays


def case_names(prefix: tuple[str, ...] = ("char_", "word_", "cls_")) -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.npz") if path.stem.startswith(prefix))


def load_arrays(name: str) -> Arrays:
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def index() -> dict[str, Any]:
    return json.loads((FOLDER / "index.json").read_text())


def load_case(name: str) -> Case:
    arrays = load_arrays(name)
    task, letters = name.split("_")[:2]
    V, E, H, _, _, C = (int(size) for size in arrays["meta/sizes_VEHTBC"])
    return Case(name, task, recipe_of(task, letters, V, E, H, C), arrays)


def recipe_of(task: str, letters: str, vocabulary: int, embedding: int, hidden: int, classes: int) -> Recipe:
    if task == "char":
        return character_model(letters, vocabulary=vocabulary, size=hidden)
    if task == "word":
        return word_model(letters, vocabulary=vocabulary, sizes=(hidden,))
    return text_classifier(letters, vocabulary=vocabulary, embedding=embedding, size=hidden, classes=classes)


def under(arrays: Arrays, prefix: str) -> Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


# --- parameters


def _gate_axis_in(theirs: np.ndarray) -> np.ndarray:
    """(4, D, H) -> (D, 4, H)."""
    return np.ascontiguousarray(theirs.swapaxes(0, 1))


def params_in(theirs: Arrays) -> Arrays:
    """Their parameters by our names, in our layout."""
    ours: Arrays = {}
    for name, (mean, log_sigma) in MATRICES.items():
        if "{}" in mean:
            value = _gate_axis_in(np.stack([theirs[mean.format(gate)] for gate in GATES]))
        elif mean in theirs:
            value = theirs[mean]
        else:
            continue
        if log_sigma in theirs:
            spread = theirs[log_sigma]
            ours[f"{name}.mu"], ours[f"{name}.log_sigma"] = value, _gate_axis_in(spread) if spread.ndim == 3 else spread
        else:
            ours[name] = value
    for name, (mean, log_sigma) in GROUPS.items():
        if mean in theirs:
            ours[f"{name}.mu"], ours[f"{name}.log_sigma"] = theirs[mean], theirs[log_sigma]
    ours["lstm.b"] = np.stack([theirs[f"LSTM.b_{gate}"] for gate in GATES])
    ours["output.b"] = theirs["Dense.b"]
    return ours


def params_out(ours: Arrays) -> Arrays:
    """The inverse of params_in; their untrained initial states are zeros."""
    theirs: Arrays = {"Dense.b": ours["output.b"]}
    for name, names in [*MATRICES.items(), *GROUPS.items()]:
        for ending, target in zip(("mu", "log_sigma"), names, strict=True):
            value = ours.get(f"{name}.{ending}", ours.get(name) if ending == "mu" else None)
            if value is None:
                continue
            if "{}" in target:
                theirs |= {target.format(gate): value[:, k] for k, gate in enumerate(GATES)}
            else:
                theirs[target] = value.swapaxes(0, 1) if value.ndim == 3 else value
    theirs |= {f"LSTM.b_{gate}": ours["lstm.b"][k] for k, gate in enumerate(GATES)}
    zero = np.zeros((1, ours["lstm.b"].shape[1]))
    return theirs | {"LSTM.hid_init": zero, "LSTM.cell_init": zero}


def noise_in(theirs: Arrays, task: str) -> Arrays:
    """Their draws by our names: "NN_Layer.what", NN the order of the calls."""
    by_name = {key.split("_", 1)[1]: value for key, value in theirs.items()}
    ours = {name: by_name[theirs_name] for name, theirs_name in NOISE.items() if theirs_name in by_name}
    for name in ("lstm.W_x", "lstm.W_h"):
        if name in ours:
            ours[name] = _gate_axis_in(ours[name])
    if "lstm.z_gates" in ours:
        ours["lstm.z_gates"] = _gate_axis_in(ours["lstm.z_gates"])  # (4, B, H) -> (B, 4, H)
    if "DenseSparseVDO.W_noise" in by_name:
        ours["output.W"] = by_name["DenseSparseVDO.W_noise"]
    if "DenseSparseVDO.preact_noise" in by_name:  # cls (B, K) or char (B, 1, V), one draw an object: ours (1, B, K)
        preactivations = by_name["DenseSparseVDO.preact_noise"]
        ours["output.W"] = preactivations.reshape(1, len(preactivations), -1)
    return ours


def batch_in(arrays: Arrays, prefix: str, task: str) -> Batch:
    x = arrays[f"{prefix}/x"].T
    y = arrays[f"{prefix}/y"]
    if task == "cls":
        return Batch(x, y.astype(np.int64), arrays[f"{prefix}/mask"].T > 0.5)
    return Batch(x, y.T)


# --- answers


def answers(case: Case) -> Arrays:
    """Ours for every answer key of a training case (all but compress/)."""
    found: Arrays = {}
    sets = {"": params_in(under(case.arrays, "param/")), "C/": params_in(under(case.arrays, "paramC/"))}
    for prefix, params in sets.items():
        found |= {prefix + key: value for key, value in _evaluation(case, params).items()}
        found |= _counting(params, case, "counts_A" if prefix == "" else "counts")
    found |= _gradient(case, sets[""])
    found |= _three_steps(case, sets[""])
    return found


def _their_axes(value: np.ndarray, case: Case) -> np.ndarray:
    """(T, B, ...) -> (B, T, ...) for language models."""
    return value if case.task == "cls" else value.swapaxes(0, 1)


def _state_out(outputs: NetworkOutputs) -> np.ndarray:
    return np.stack(outputs.states[0])


def _forward_answers(case: Case, outputs: NetworkOutputs, cache: NetworkCache, prefix: str) -> Arrays:
    recurrence = cache.layers[0].recurrence
    found = {f"{prefix}out/prob": _their_axes(predictions(outputs.logits, case.recipe), case)}
    if case.task == "cls":
        found[f"{prefix}out/embedding"] = cache.layers[0].input.x.swapaxes(0, 1)
        found[f"{prefix}out/hidden"] = outputs.states[0].h
    else:
        found[f"{prefix}out/hidden"] = _their_axes(outputs.hidden, case)
        found[f"{prefix}out/logits"] = _their_axes(outputs.logits, case)
    if case.task == "word":
        found[f"{prefix}out/cell"] = _their_axes(recurrence.c[1:], case)
        found[f"{prefix}out/state"] = _state_out(outputs)
    return found


def _gradient(case: Case, params: Arrays) -> Arrays:
    """Loss, KL and gradient at set A; of a word model also of the second segment, with the carried state."""
    n_terms = float(case.arrays["meta/train_size"])
    found: Arrays = {}
    states = None
    segments = [("", "input", "noise")] + ([("seg2/", "input_step2", "noise_step2")] if case.task == "word" else [])
    for prefix, given, noise in segments:
        batch = batch_in(case.arrays, given, case.task)
        drawn = noise_in(under(case.arrays, f"{noise}/"), case.task)
        weights, _ = sample_forward(params, drawn, case.recipe)
        outputs, cache = network_forward(batch.x, weights, case.recipe, mask=batch.mask, states=states)
        step = elbo_step(params, drawn, batch, case.recipe, n_terms=n_terms, states=states)
        found |= _forward_answers(case, outputs, cache, prefix)
        found[f"{prefix}loss/nll"] = step.loss.nll
        found[f"{prefix}loss/kl"] = step.loss.kl / n_terms
        found[f"{prefix}loss/total"] = step.loss.total
        found |= {f"{prefix}grad/{name}": grad for name, grad in params_out(step.grads).items()}
        if not prefix:
            found["loss/grad_norm"] = global_norm(step.grads)
            dense = "BayesianDense_noLRT" if case.task == "word" else "BayesianDense"
            found |= {f"kl/{layer}": 0.0 for layer in (*LAYERS.values(), dense)}  # what is deterministic has none
            for name, kl in step.loss.kl_by_name.items():
                found[f"kl/{LAYERS.get(name.split('.')[0], dense)}"] += kl / n_terms
        states = step.outputs.states
    return found


def _three_steps(case: Case, params: Arrays) -> Arrays:
    """Adam from a fresh state on batches 1, 2, 3; the carried state comes from the parameters before each update."""
    n_terms, limit = float(case.arrays["meta/train_size"]), float(case.arrays["meta/grad_clip"])
    adam = adam_init(params)
    states = None
    found: Arrays = {}
    for k, suffix in enumerate(("", "_step2", "_step3"), start=1):
        batch = batch_in(case.arrays, f"input{suffix}", case.task)
        drawn = noise_in(under(case.arrays, f"noise{suffix}/"), case.task)
        step = elbo_step(params, drawn, batch, case.recipe, n_terms=n_terms, states=states)
        clipped, norm = clip_by_global_norm(step.grads, limit)
        params, adam = adam_update(params, clipped, adam, learning_rate=float(case.arrays["meta/lr"]))
        found |= {f"loss/step{k}": step.loss.total, f"loss/grad_norm_step{k}": norm}
        found |= {f"step{k}/{name}": value for name, value in params_out(params).items()}
        if case.task == "word":
            states = step.outputs.states
            found[f"state/step{k}"] = _state_out(step.outputs)
    return found


def _evaluation(case: Case, params: Arrays) -> Arrays:
    """Means (det), pruned means (clip) and a pruned sample (mcclip), on batch 1 and for word models on segment 2."""
    alive = alive_masks(params)
    found: Arrays = {}
    for kind, masks in (("clip", alive), ("det", None)):
        states = None
        for prefix, given in (("", "input"), ("seg2/", "input_step2")):
            if prefix and case.task != "word":
                break
            batch = batch_in(case.arrays, given, case.task)
            weights = mean_weights(params, case.recipe, batch.x.shape[1], masks)
            outputs, _ = network_forward(batch.x, weights, case.recipe, mask=batch.mask, states=states)
            found[f"{kind}/{prefix}prob"] = _their_axes(predictions(outputs.logits, case.recipe), case)
            if kind == "clip":
                found[f"clip/{prefix}val_fn"] = np.asarray(_their_metric(case, outputs, batch))
            if case.task == "word":
                states = outputs.states
                found[f"{kind}/{prefix}state"] = _state_out(outputs)
    if case.task != "word":  # their word model raises here
        batch = batch_in(case.arrays, "input", case.task)
        weights, _ = sample_forward(params, noise_in(under(case.arrays, "noise/"), case.task), case.recipe, alive)
        outputs, _ = network_forward(batch.x, weights, case.recipe, mask=batch.mask)
        found["mcclip/prob"] = _their_axes(predictions(outputs.logits, case.recipe), case)
    return found


def _their_metric(case: Case, outputs: NetworkOutputs, batch: Batch) -> float:
    if case.task == "cls":
        p = predictions(outputs.logits, case.recipe)
        chosen = p[:, 0] >= 0.5 if p.shape[1] == 1 else p.argmax(axis=1)
        return float((chosen == batch.y).mean())
    nats = float(objective_forward(outputs.logits, batch.y, case.recipe)[0])
    return nats / math.log(2.0) if case.task == "char" else nats


# --- counts


def _counting(params: Arrays, case: Case, prefix: str) -> Arrays:
    return {f"{prefix}/{key}": value for key, value in counting_answers(params, case.recipe).items()}


def counting_answers(params: Arrays, recipe: Recipe) -> Arrays:
    """Their raw and propagated masks, printed counts and compression."""
    propagated = count(params, recipe, "propagated")
    found = {f"raw/{key}": value for key, value in _raw_masks(params, recipe, propagated)}
    found |= {f"mask/{key}": value for key, value in _propagated_masks(propagated)}
    found |= {f"printed/{key}": np.array(value) for key, value in _printed(propagated)}
    found["compression"] = np.asarray(propagated.compression)
    return found


def _gate_axis_out(ours: np.ndarray) -> np.ndarray:
    """(D, 4, H) -> (4, D, H)."""
    return ours.swapaxes(0, 1)


def _raw_masks(params: Arrays, recipe: Recipe, propagated: Counts) -> Iterator[tuple[str, np.ndarray]]:
    """What their layers report before propagation: structures by their weights and their z together."""
    masks = alive_masks(params)
    if recipe.embedding is not None:
        yield "embedding.w", masks["embedding.W"]
        yield "embedding.z_voc", masks.get("embedding.z", masks["embedding.W"].any(axis=1))
        yield "embedding.z_emb", masks["embedding.W"].any(axis=0)
    incoming = masks["lstm.W_x"].any(axis=0) | masks["lstm.W_h"].any(axis=0)
    H = incoming.shape[1]
    yield "lstm.w_input", _gate_axis_out(masks["lstm.W_x"])
    yield "lstm.w_hidden", _gate_axis_out(masks["lstm.W_h"])
    yield "lstm.z_input", propagated.masks["lstm.inputs"]
    yield "lstm.z_hidden_by_w", masks["lstm.W_h"].any(axis=(1, 2))
    yield "lstm.z_hidden", masks.get("lstm.z_h", np.ones(H, dtype=bool))
    yield "lstm.gates", incoming & masks.get("lstm.z_gates", np.ones((4, H), dtype=bool))
    yield "dense.w", masks["output.W"]


def _propagated_masks(counts: Counts) -> Iterator[tuple[str, np.ndarray]]:
    masks = counts.masks
    yield "vocabulary", masks["vocabulary"]
    yield "hidden", masks["lstm.neurons"]
    yield "gates", masks["lstm.gates"]
    yield "w_x", _gate_axis_out(masks["lstm.W_x"])
    yield "w_h", _gate_axis_out(masks["lstm.W_h"])
    yield "w_dense", masks["output.W"]
    if "embedding.W" in masks:
        yield "embedding", masks["components"]
        yield "w_emb", masks["embedding.W"]


def _printed(counts: Counts) -> Iterator[tuple[str, tuple[int, int]]]:
    if counts.components is not None:
        yield "Embedding.w", counts.matrices["embedding.W"]
        yield "Embedding.z_voc", counts.vocabulary
    yield "LSTM.w_x", counts.matrices["lstm.W_x"]
    yield "LSTM.w_h", counts.matrices["lstm.W_h"]
    yield "LSTM.z_x", counts.components or counts.vocabulary
    yield "LSTM.z_h", counts.neurons["lstm"]
    yield "LSTM.gates", counts.gates["lstm"]
    yield "Dense.w", counts.matrices["output.W"]
