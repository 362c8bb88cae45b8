"""All mistakes."""

from refimpl.checks.conformance.case import Mistake
from refimpl.checks.conformance.mistakes_draws import DRAW_MISTAKES
from refimpl.checks.conformance.mistakes_gates import GATE_MISTAKES
from refimpl.checks.conformance.mistakes_kl import KL_MISTAKES
from refimpl.checks.conformance.mistakes_layers import LAYER_MISTAKES
from refimpl.checks.conformance.mistakes_losses import LOSS_MISTAKES
from refimpl.checks.conformance.mistakes_recurrence import RECURRENCE_MISTAKES
from refimpl.checks.conformance.mistakes_sharing import SHARING_MISTAKES
from refimpl.checks.conformance.mistakes_states import STATE_MISTAKES
from refimpl.checks.conformance.mistakes_training import TRAINING_MISTAKES

MISTAKES: tuple[Mistake, ...] = (
    *GATE_MISTAKES,
    *RECURRENCE_MISTAKES,
    *STATE_MISTAKES,
    *LAYER_MISTAKES,
    *DRAW_MISTAKES,
    *SHARING_MISTAKES,
    *KL_MISTAKES,
    *LOSS_MISTAKES,
    *TRAINING_MISTAKES,
)
