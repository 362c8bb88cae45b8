"""The layer functions that a model is put together from: the reference's, or twins with the same arguments."""

from collections.abc import Callable
from typing import Any, NamedTuple

from refimpl.bayes.gaussian_weights import gaussian_weights_backward, gaussian_weights_forward
from refimpl.bayes.local_reparam import affine_lrt_backward, affine_lrt_forward
from refimpl.layers.affine import affine_backward, affine_forward
from refimpl.layers.embedding import embedding_backward, embedding_forward
from refimpl.layers.gate_input import (
    gate_input_backward,
    gate_input_forward,
    token_input_backward,
    token_input_forward,
)
from refimpl.layers.losses import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from refimpl.layers.lstm_recurrence import recurrence_backward, recurrence_forward

Function = Callable[..., Any]


class Layers(NamedTuple):
    """Every hot function of a model; a twin's cache goes to the twin's backward function.

    rows_first: where embedded tokens go into a recurrent layer as they are, W_x multiplies each row of the embedding
    once, before the look-up, and not each occurrence after it: (E W_x)[ids] for E[ids] W_x.
    """

    gaussian_weights_forward: Function
    gaussian_weights_backward: Function
    embedding_forward: Function
    embedding_backward: Function
    token_input_forward: Function
    token_input_backward: Function
    gate_input_forward: Function
    gate_input_backward: Function
    recurrence_forward: Function
    recurrence_backward: Function
    affine_forward: Function
    affine_backward: Function
    affine_lrt_forward: Function
    affine_lrt_backward: Function
    softmax_cross_entropy_forward: Function
    softmax_cross_entropy_backward: Function
    rows_first: bool


REFERENCE_LAYERS = Layers(
    gaussian_weights_forward,
    gaussian_weights_backward,
    embedding_forward,
    embedding_backward,
    token_input_forward,
    token_input_backward,
    gate_input_forward,
    gate_input_backward,
    recurrence_forward,
    recurrence_backward,
    affine_forward,
    affine_backward,
    affine_lrt_forward,
    affine_lrt_backward,
    softmax_cross_entropy_forward,
    softmax_cross_entropy_backward,
    rows_first=False,
)
