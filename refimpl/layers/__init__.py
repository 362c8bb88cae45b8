"""Deterministic layers, one file each: X_forward(...) -> (y, Cache), and X_backward(dy, cache) right below it.

Nothing is drawn, mutated or hidden here. A layer of one differentiable input gives back that input's gradient as an
array; any other gives back a NamedTuple with the names of its inputs, where an absent optional input has None.
"""
