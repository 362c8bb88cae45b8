"""The matrix product that feeds the gates, and its two adjoints.

u[t,b,k,:] = sum_d x[t,b,g,d] W[d,k,:], with g = k where the input differs by gate and g = 0 where all gates see the
same. W is one matrix for all objects, (D, 4, H), or one for each object, (B, D, 4, H). Where the gates share their
input, the gate axis is folded into the columns and one product serves all four; else there is one batched product.
"""

from refimpl.arrays import Array, array_module

GATES = ("i", "f", "g", "o")


def gate_product(x: Array, W: Array) -> Array:
    """u (T, B, 4, H) for x (T, B, 1|4, D) and W (D, 4, H) or (B, D, 4, H)."""
    steps, batch, groups, width = x.shape
    size = W.shape[-1]
    if W.ndim == 3 and groups == 1:
        return (x.reshape(-1, width) @ W.reshape(width, 4 * size)).reshape(steps, batch, 4, size)
    if W.ndim == 3:
        by_gate = x.transpose(2, 0, 1, 3).reshape(4, steps * batch, width) @ W.transpose(1, 0, 2)
        return by_gate.reshape(4, steps, batch, size).transpose(1, 2, 0, 3)
    by_object = x.transpose(1, 2, 0, 3) @ W.transpose(0, 2, 1, 3)  # (B, 1|4, T, D) @ (B, 4, D, H)
    return by_object.transpose(2, 0, 1, 3)


def gate_product_dx(du: Array, W: Array, groups: int) -> Array:
    """dx (T, B, groups, D) for du (T, B, 4, H): summed over the gates where they share their input."""
    steps, batch, _, size = du.shape
    width = W.shape[-3]
    if W.ndim == 3 and groups == 1:
        return (du.reshape(-1, 4 * size) @ W.reshape(width, 4 * size).T).reshape(steps, batch, 1, width)
    if W.ndim == 3:
        by_gate = du.transpose(2, 0, 1, 3).reshape(4, steps * batch, size) @ W.transpose(1, 2, 0)
        return by_gate.reshape(4, steps, batch, width).transpose(1, 2, 0, 3)
    by_object = (du.transpose(1, 2, 0, 3) @ W.transpose(0, 2, 3, 1)).transpose(2, 0, 1, 3)
    return by_object if groups == 4 else by_object.sum(axis=2, keepdims=True)


def gate_product_dW(x: Array, du: Array, *, per_object: bool) -> Array:
    """dW (D, 4, H), or (B, D, 4, H) per object, summed over all steps (and objects) in one product."""
    xp = array_module(x, du)
    steps, batch, groups, width = x.shape
    size = du.shape[-1]
    if not per_object and groups == 1:
        return (x.reshape(-1, width).T @ du.reshape(-1, 4 * size)).reshape(width, 4, size)
    if not per_object:
        rows = x.transpose(2, 3, 0, 1).reshape(4, width, steps * batch)
        return xp.ascontiguousarray((rows @ du.transpose(2, 0, 1, 3).reshape(4, -1, size)).transpose(1, 0, 2))
    by_object = x.transpose(1, 2, 3, 0) @ du.transpose(1, 2, 0, 3)  # (B, 1|4, D, T) @ (B, 4, T, H)
    return xp.ascontiguousarray(by_object.transpose(0, 2, 1, 3))
