"""The layer functions of the fast engine: twins on one workspace."""

from functools import partial

from refimpl.fast.affine import affine_backward, affine_forward
from refimpl.fast.embedding import embedding_backward, embedding_forward
from refimpl.fast.gate_input import (
    gate_input_backward,
    gate_input_forward,
    token_input_backward,
    token_input_forward,
)
from refimpl.fast.gaussian_weights import gaussian_weights_backward, gaussian_weights_forward
from refimpl.fast.local_reparam import affine_lrt_backward, affine_lrt_forward
from refimpl.fast.losses import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from refimpl.fast.lstm_recurrence import recurrence_backward, recurrence_forward
from refimpl.fast.workspace import Workspace
from refimpl.models.layers import Layers


def fast_layers(workspace: Workspace) -> Layers:
    """What a layer function returns is lent by the workspace, and may be written over by the next one."""
    return Layers(
        gaussian_weights_forward=partial(gaussian_weights_forward, workspace=workspace),
        gaussian_weights_backward=gaussian_weights_backward,
        embedding_forward=partial(embedding_forward, workspace=workspace),
        embedding_backward=embedding_backward,
        token_input_forward=partial(token_input_forward, workspace=workspace),
        token_input_backward=partial(token_input_backward, workspace=workspace),
        gate_input_forward=partial(gate_input_forward, workspace=workspace),
        gate_input_backward=partial(gate_input_backward, workspace=workspace),
        recurrence_forward=partial(recurrence_forward, workspace=workspace),
        recurrence_backward=partial(recurrence_backward, workspace=workspace),
        affine_forward=partial(affine_forward, workspace=workspace),
        affine_backward=partial(affine_backward, workspace=workspace),
        affine_lrt_forward=partial(affine_lrt_forward, workspace=workspace),
        affine_lrt_backward=partial(affine_lrt_backward, workspace=workspace),
        softmax_cross_entropy_forward=partial(softmax_cross_entropy_forward, workspace=workspace),
        softmax_cross_entropy_backward=partial(softmax_cross_entropy_backward, workspace=workspace),
        rows_first=True,
    )
