// The plain LSTM recurrence in one launch: W_h stays on the chip, in the shared memory of all blocks together.
//
// The blocks meet at the grid's barrier after each step, so all of them must be resident (a cooperative launch), and
// each step's h (or da) goes through global memory, in practice the L2 cache, as ``exchange``: unit by unit, objects
// behind, (H, width), width = the batch rounded up to fours, so that it is read in the order in which it is used.
//
// A block's product is (rows x width)^T (rows x columns), the second factor its part of W_h. A thread has a tile of 4
// objects x 4 columns and, since tiles are few, every slices-th row only: the sums of the slices are added afterwards.
#include <cooperative_groups.h>

#define MOST_THREADS 512  // a multiprocessor has 65536 registers: 128 for each thread of its one block

// Four numbers that another block has written during this launch: from L2, past this multiprocessor's own cache.
__device__ __forceinline__ Four read_fresh(const REAL* place) {
#if SINGLE
    const float4 a = __ldcg((const float4*)place);
    return Four{{a.x, a.y, a.z, a.w}};
#else
    const double2 a = __ldcg((const double2*)place), b = __ldcg((const double2*)place + 1);
    return Four{{a.x, a.y, b.x, b.y}};
#endif
}

// partial (slices, width, columns / 4), in fours: the products of all slices, ready to be added. Both factors lie rows
// first: exchange (rows, width) in global, w (rows, columns) in shared memory. scratch: shared, 16 numbers a thread.
// exchange is brought in chunk by chunk, of four numbers a thread; the next is under way while one is used.
__device__ __forceinline__ void multiply(const REAL* exchange, const REAL* w, REAL* scratch, int rows, int width,
                                         int columns, int slices) {
    const int quads = columns / 4, tiles = width / 4 * quads;
    const int slice = threadIdx.x / tiles, tile = threadIdx.x % tiles;
    const int object = tile / quads * 4, quad = tile % quads;
    const int chunk_rows = 4 * blockDim.x / width, chunk = chunk_rows * width, mine = 4 * threadIdx.x;
    REAL sum[4][4] = {};
    Four next = {};
    if (mine < min(chunk, rows * width)) next = read_fresh(exchange + mine);
    for (int first = 0; first < rows; first += chunk_rows) {
        REAL* stage = scratch + first / chunk_rows % 2 * chunk;  // two stages: while one is read, the other is filled
        if (mine < chunk) *(Four*)(stage + mine) = next;
        __syncthreads();  // the stage is filled
        const int to_come = (rows - first) * width - chunk;
        if (mine < min(chunk, to_come)) next = read_fresh(exchange + first * width + chunk + mine);
        const int here = slice < slices ? min(chunk_rows, rows - first) : 0;
#pragma unroll 4
        for (int row = slice; row < here; row += slices) {
            const Four x = *(const Four*)(stage + row * width + object);
            const Four y = *(const Four*)(w + (first + row) * columns + 4 * quad);
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sum[i][j] += x.v[i] * y.v[j];
        }
    }
    __syncthreads();  // nobody reads a stage any more
    if (slice < slices)
#pragma unroll
        for (int i = 0; i < 4; i++)
            ((Four*)scratch)[(slice * width + object + i) * quads + quad] =
                Four{{sum[i][0], sum[i][1], sum[i][2], sum[i][3]}};
    __syncthreads();  // the products of all slices are there
}

__device__ __forceinline__ Four add_slices(const REAL* scratch, int object, int quad, int width, int quads,
                                           int slices) {
    Four total = {};
    for (int slice = 0; slice < slices; slice++) {
        const Four part = ((const Four*)scratch)[(slice * width + object) * quads + quad];
        for (int j = 0; j < 4; j++) total.v[j] += part.v[j];
    }
    return total;
}

__device__ __forceinline__ REAL sigmoid(REAL a) { return REAL(0.5) * tanh(REAL(0.5) * a) + REAL(0.5); }  // [SIGMOID.F1]

// A block has ``units`` units with their four gates: 4 units columns of W_h, a unit's gates side by side; in the gates'
// mathematics a thread has one unit of one object. exchange (2, H, width): h as step t reads it, and as it writes it.
extern "C" __global__ void __launch_bounds__(MOST_THREADS, 1) persistent_forward(
    const REAL* u, const REAL* W_h, const REAL* b, REAL* h, REAL* c, REAL* activations, REAL* exchange, int steps,
    int batch, int size, int width, int units, int slices, int blocks) {
    if (gridDim.x != blocks) __trap();  // CuPy makes a grid that does not fit smaller, with no more than a warning
    const cooperative_groups::grid_group grid = cooperative_groups::this_grid();
    SHARED_MEMORY(REAL, w);
    REAL* scratch = w + 4 * units * size;
    const int first_unit = blockIdx.x * units;
    for (int n = threadIdx.x; n < 4 * units * size; n += blockDim.x) {
        const int row = n / (4 * units), k = n / units % 4, j = n % units;
        const bool real = first_unit + j < size;
        w[(row * units + j) * 4 + k] = real ? W_h[(row * 4 + k) * size + first_unit + j] : REAL(0);
    }
    const int object = threadIdx.x / units, local = threadIdx.x % units, unit = first_unit + local;
    const bool mine = object < batch && unit < size;
    const int cells = batch * size, cell = object * size + unit;
    REAL c_t = mine ? c[cell] : REAL(0);
    for (int t = 0; t < steps; t++) {
        const long long gates = 4 * ((long long)t * cells + object * size) + unit;
        REAL a[4] = {};
        if (mine)  // asked for here, so that it is there when the product is
            for (int k = 0; k < 4; k++) a[k] = u[gates + k * size];
        multiply(exchange + t % 2 * size * width, w, scratch, size, width, 4 * units, slices);
        if (mine) {
            const Four product = add_slices(scratch, object, local, width, units, slices);
            for (int k = 0; k < 4; k++) a[k] = product.v[k] + a[k] + b[k * size + unit];  // [LSTM.F3] [LSTM.F4]
            const REAL i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);  // [LSTM.F6]
            c_t = f * c_t + i * g;  // [LSTM.F7]
            const REAL h_t = o * tanh(c_t);  // [LSTM.F9]
            exchange[((t + 1) % 2 * size + unit) * width + object] = h_t;
            h[(long long)(t + 1) * cells + cell] = h_t;
            c[(long long)(t + 1) * cells + cell] = c_t;
            activations[gates] = i;
            activations[gates + size] = f;
            activations[gates + 2 * size] = g;
            activations[gates + 3 * size] = o;
        }
        grid.sync();  // h_t of all units is there, and nobody reads h_{t-1} any more
    }
}

// The product of da with W_h^T sums over gates and units, 4 H rows: a block has the H rows of one gate (blockIdx.x %
// 4) and ``units`` of the resulting columns; so it reads a quarter of da only. In the gates' mathematics it has a
// quarter of its columns. exchange (4, H, width): da; pieces (4, B, H): what each gate adds to dh. dh, dc (B, H): in
// place.
extern "C" __global__ void __launch_bounds__(MOST_THREADS, 1) persistent_backward(
    const REAL* doutput, const REAL* W_h, const REAL* c, const REAL* activations, REAL* dh, REAL* dc, REAL* da,
    REAL* exchange, REAL* pieces, int steps, int batch, int size, int width, int units, int slices, int blocks) {
    if (gridDim.x != blocks) __trap();
    const cooperative_groups::grid_group grid = cooperative_groups::this_grid();
    SHARED_MEMORY(REAL, w);
    REAL* scratch = w + units * size;
    const int own_gate = blockIdx.x % 4, first_unit = blockIdx.x / 4 * units, quarter = units / 4;
    for (int n = threadIdx.x; n < units * size; n += blockDim.x) {
        const int row = n % size, j = n / size;
        const bool real = first_unit + j < size;
        w[row * units + j] = real ? W_h[((first_unit + j) * 4 + own_gate) * size + row] : REAL(0);
    }
    const int object = threadIdx.x / quarter, unit = first_unit + own_gate * quarter + threadIdx.x % quarter;
    const bool mine = object < batch && unit < size;
    const int cells = batch * size, cell = object * size + unit;
    REAL dh_t = mine ? dh[cell] : REAL(0), dc_t = mine ? dc[cell] : REAL(0);
    for (int t = steps - 1; t >= 0; t--) {
        if (mine) {
            const long long now = (long long)t * cells + cell;
            const long long gates = 4 * ((long long)t * cells + object * size) + unit;
            const REAL i = activations[gates], f = activations[gates + size];
            const REAL g = activations[gates + 2 * size], o = activations[gates + 3 * size];
            const REAL tanh_c = tanh(c[now + cells]);
            dh_t += doutput[now];
            REAL d[4];
            d[3] = dh_t * tanh_c * (o * (1 - o));  // [LSTM.B3]
            dc_t += dh_t * o * (1 - tanh_c * tanh_c);  // [LSTM.B4]
            d[0] = dc_t * g * (i * (1 - i));  // [LSTM.B5]
            d[1] = dc_t * c[now] * (f * (1 - f));
            d[2] = dc_t * i * (1 - g * g);
            dc_t *= f;  // [LSTM.B6]
            for (int k = 0; k < 4; k++) {
                da[gates + k * size] = d[k];
                exchange[(k * size + unit) * width + object] = d[k];
            }
        }
        grid.sync();  // da of all units is there
        multiply(exchange + own_gate * size * width, w, scratch, size, width, units, slices);
        for (int n = threadIdx.x; n < batch * quarter; n += blockDim.x) {
            const int to = n / quarter, quad = n % quarter;
            const Four piece = add_slices(scratch, to, quad, width, quarter, slices);
            for (int j = 0; j < 4; j++) {
                const int column = first_unit + 4 * quad + j;
                if (column < size) pieces[own_gate * cells + to * size + column] = piece.v[j];
            }
        }
        grid.sync();  // what each gate adds to dh is there, and nobody reads da any more
        if (mine) {
            dh_t = 0;
            for (int k = 0; k < 4; k++) dh_t += __ldcg(pieces + k * cells + cell);  // [LSTM.B7]
        }
    }
    if (mine) {
        dh[cell] = dh_t;
        dc[cell] = dc_t;
    }
}
