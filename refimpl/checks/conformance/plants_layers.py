"""Wrong layer functions by name."""

from collections.abc import Callable

from refimpl.checks.conformance import plants_draws, plants_recurrence, plants_steps
from refimpl.models.layers import Layers

LAYER_PLANTS: dict[str, Callable[[Layers], Layers]] = {
    "late-hidden": plants_recurrence.late_hidden,
    "one-row-bias": plants_recurrence.one_row_bias,
    "other-gates": plants_recurrence.option_switched("gates", ("sigmoid", "hard_sigmoid")),
    "other-peephole": plants_recurrence.option_switched("peephole_output", ("c", "c_prev")),
    "slope-sixth": plants_recurrence.gate_slope(1.0 / 1.2),
    "z-after-bias": plants_recurrence.z_after_bias,
    "z-on-output-only": plants_recurrence.z_on_output_only,
    "z-on-input-only": plants_recurrence.z_on_input_only,
    "mask-on-output": plants_recurrence.mask_on_output,
    "cell-goes-on": plants_steps.at_padding("hold", "go_on"),
    "state-zeroed": plants_steps.at_padding("zero", "zero"),
    "zero-outputs": plants_steps.zero_outputs,
    "detached": plants_steps.detached,
    "log-variance-in-draw": plants_draws.log_variance_in_draw,
    "sigma-gradient": plants_draws.sigma_gradient,
    "sigma-under-root": plants_draws.sigma_under_root,
    "variance-for-deviation": plants_draws.variance_for_deviation,
    "no-floor": plants_draws.no_floor,
    "lrt-factor": plants_draws.lrt_factor,
    "one-row-dense-bias": plants_draws.one_row_dense_bias,
    "last-occurrence": plants_draws.last_occurrence,
}
