// The LSTM recurrence, one time step a launch; layers/lstm_recurrence.py is the twin that explains it.
//
// A thread has one cell: one unit of one object, with its four gates. The product with W_h has been made before:
// product is (B, 4, H), or (4, B, H) where the gates see different h (groups = 4).

__device__ __forceinline__ REAL gate(REAL a, bool hard) {
    if (!hard) return REAL(0.5) * tanh(REAL(0.5) * a) + REAL(0.5);  // [SIGMOID.F1]
    const REAL line = REAL(HARD_SIGMOID_SLOPE) * a + REAL(HARD_SIGMOID_OFFSET);
    return line <= 0 ? REAL(0) : line >= 1 ? REAL(1) : line;  // [HARDSIGMOID.F1]  NaN stays NaN
}

__device__ __forceinline__ REAL gate_slope(REAL y, bool hard) {
    if (!hard) return y * (1 - y);  // [SIGMOID.B1]
    return y > 0 && y < 1 ? REAL(HARD_SIGMOID_SLOPE) : REAL(0);  // [HARDSIGMOID.B1]
}

// h and c (T + 1, B, H), c_new (T, B, H); u, v and activations (T, B, 4, H); driven (groups, B, H): what step t + 1 has
// of h on its way into W_h, where there is an h_in (B, groups, H).
extern "C" __global__ void recurrence_forward_step(
    const REAL* product, const REAL* u, const REAL* b, const REAL* peephole, const REAL* h_in, const REAL* h_out,
    const REAL* z, const bool* mask, REAL* h, REAL* c, REAL* activations, REAL* v, REAL* c_new, REAL* driven,
    int batch, int size, int groups, bool hard, bool output_sees_c, int t) {
    const int cells = batch * size;
    for (int cell = FIRST_INDEX; cell < cells; cell += INDEX_STRIDE) {
        const int object = cell / size, unit = cell % size;
        const long long now = (long long)t * cells + cell, next = now + cells;
        const long long gates = 4 * ((long long)t * cells + object * size) + unit;  // of [t, object, 0, unit]
        REAL a[4];
        for (int k = 0; k < 4; k++) {
            const int by_gate = (object * 4 + k) * size + unit;
            a[k] = product[groups == 4 ? k * cells + cell : by_gate] + u[gates + k * size];  // [LSTM.F3]
            if (v) v[gates + k * size] = a[k];
            if (z) a[k] *= z[by_gate];
            a[k] += b[k * size + unit];  // [LSTM.F4]
        }
        const REAL c_prev = c[now];
        if (peephole)
            for (int k = 0; k < 2; k++) a[k] += peephole[k * size + unit] * c_prev;  // [LSTM.F5]
        const REAL i = gate(a[0], hard), f = gate(a[1], hard), g = tanh(a[2]);  // [LSTM.F6]
        const REAL c_t = f * c_prev + i * g;  // [LSTM.F7]
        if (peephole) a[3] += peephole[2 * size + unit] * (output_sees_c ? c_t : c_prev);  // [LSTM.F8]
        const REAL o = gate(a[3], hard);
        REAL h_t = o * tanh(c_t);  // [LSTM.F9]
        if (h_out) h_t *= h_out[cell];
        activations[gates] = i;
        activations[gates + size] = f;
        activations[gates + 2 * size] = g;
        activations[gates + 3 * size] = o;
        if (c_new) c_new[now] = c_t;
        const bool keep = !mask || mask[t * batch + object];
        const REAL h_next = keep ? h_t : h[now];  // [LSTM.F10]
        h[next] = h_next;
        c[next] = keep ? c_t : c_prev;
        if (driven)
            for (int k = 0; k < groups; k++)
                driven[k * cells + cell] = h_next * h_in[(object * groups + k) * size + unit];
    }
}

// dh of the state that enters step t, from the product of du_t with W_h^T: (B, H), or (4, B, H) where groups = 4.
// t = T stands for what follows the sequence: dh holds it.
__device__ __forceinline__ REAL from_step(
    const REAL* product, const REAL* h_in, const bool* mask, const REAL* h, const REAL* dh, REAL* dh_in, int cell,
    int batch, int size, int groups, int steps, int t) {
    const int cells = batch * size, object = cell / size, unit = cell % size;
    if (t == steps) return dh[cell];
    REAL sum = 0;
    for (int k = 0; k < groups; k++) {
        const REAL piece = product[k * cells + cell];
        if (h_in) {
            const int place = (object * groups + k) * size + unit;
            dh_in[place] += piece * h[(long long)t * cells + cell];  // [LSTM.B8]
            sum += piece * h_in[place];
        } else {
            sum += piece;
        }
    }
    return !mask || mask[t * batch + object] ? sum : dh[cell];
}

// product: of step t + 1. dh and dc (B, H) go from step to step. da and du (T, B, 4, H); du only where it is not da
// itself; du_t (4, B, H) only where groups = 4. dh_in, dh_out and dz are sums over time, shaped like h_in, h_out, z.
extern "C" __global__ void recurrence_backward_step(
    const REAL* product, const REAL* doutput, const REAL* peephole, const REAL* h_in, const REAL* h_out, const REAL* z,
    const bool* mask, const REAL* h, const REAL* c, const REAL* activations, const REAL* v, const REAL* c_new, REAL* dh,
    REAL* dc, REAL* da, REAL* du, REAL* du_t, REAL* dh_in, REAL* dh_out, REAL* dz,
    int steps, int batch, int size, int groups, bool hard, bool output_sees_c, int t) {
    const int cells = batch * size;
    for (int cell = FIRST_INDEX; cell < cells; cell += INDEX_STRIDE) {
        const int object = cell / size, unit = cell % size;
        const long long now = (long long)t * cells + cell, next = now + cells;
        const long long gates = 4 * ((long long)t * cells + object * size) + unit;
        const REAL dh_t =
            doutput[now] + from_step(product, h_in, mask, h, dh, dh_in, cell, batch, size, groups, steps, t + 1);
        const bool keep = !mask || mask[t * batch + object];
        REAL dh_new = keep ? dh_t : REAL(0), dc_new = keep ? dc[cell] : REAL(0);  // [LSTM.B1]
        const REAL i = activations[gates], f = activations[gates + size];
        const REAL g = activations[gates + 2 * size], o = activations[gates + 3 * size];
        const REAL tanh_c = tanh(c_new ? c_new[now] : c[next]);
        if (h_out) {
            dh_out[cell] += dh_new * o * tanh_c;  // [LSTM.B2]
            dh_new *= h_out[cell];
        }
        REAL d[4];
        d[3] = dh_new * tanh_c * gate_slope(o, hard);  // [LSTM.B3]
        dc_new += dh_new * o * (1 - tanh_c * tanh_c);  // [LSTM.B4]
        if (peephole && output_sees_c) dc_new += d[3] * peephole[2 * size + unit];
        d[0] = dc_new * g * gate_slope(i, hard);  // [LSTM.B5]
        d[1] = dc_new * c[now] * gate_slope(f, hard);
        d[2] = dc_new * i * (1 - g * g);
        REAL dc_prev = dc_new * f;  // [LSTM.B6]
        if (peephole) {
            dc_prev += d[0] * peephole[unit] + d[1] * peephole[size + unit];
            if (!output_sees_c) dc_prev += d[3] * peephole[2 * size + unit];
        }
        for (int k = 0; k < 4; k++) {
            const int by_gate = (object * 4 + k) * size + unit;
            da[gates + k * size] = d[k];
            if (z) {
                dz[by_gate] += d[k] * v[gates + k * size];
                d[k] *= z[by_gate];
                du[gates + k * size] = d[k];
            }
            if (du_t) du_t[k * cells + cell] = d[k];
        }
        dh[cell] = dh_t;  // read again where the mask hands it on
        if (keep) dc[cell] = dc_prev;
    }
}

// dh of the initial state, from the product of step 0.
extern "C" __global__ void recurrence_backward_end(
    const REAL* product, const REAL* h_in, const bool* mask, const REAL* h, REAL* dh, REAL* dh_in, int batch, int size,
    int groups) {
    for (int cell = FIRST_INDEX; cell < batch * size; cell += INDEX_STRIDE)
        dh[cell] = from_step(product, h_in, mask, h, dh, dh_in, cell, batch, size, groups, 1, 0);
}
