// Draws by name: Philox4x64-10 (Salmon et al. 2011) as in refimpl/noise.py, whose words these are, bit for bit.
//
// Loops over the words of a block are unrolled, so that their array stays in registers.
//
// A thread makes the four words of one block, and of them 8 float or 4 double numbers. float: a word is two numbers,
// its low half first; a pair of normals is one word. double: a word is a number; a pair is two words.

#define PER_BLOCK (SINGLE ? 8 : 4)

typedef unsigned long long Word;

__device__ __forceinline__ void philox_block(Word block, Word step, Word k0, Word k1, Word* word) {
    Word c0 = block + 1, c1 = step, c2 = 0, c3 = 0;  // NumPy raises the counter before each block
#pragma unroll
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        const Word high0 = __umul64hi(PHILOX_MULTIPLIER_0, c0), low0 = PHILOX_MULTIPLIER_0 * c0;
        const Word high1 = __umul64hi(PHILOX_MULTIPLIER_1, c2), low1 = PHILOX_MULTIPLIER_1 * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

__device__ __forceinline__ unsigned half_word(const Word* word, int n) { return unsigned(word[n / 2] >> n % 2 * 32); }

// Uniform n of a block, on [0, 1): multiples of 2^-24 or 2^-53.
__device__ __forceinline__ REAL uniform_of(const Word* word, int n) {
    if (SINGLE) return REAL(half_word(word, n) >> 8) * REAL(1.0 / 16777216.0);
    return REAL(word[n % 4] >> 11) * REAL(1.0 / 9007199254740992.0);
}

// Pair n of a block: r cos(t), r sin(t), r = sqrt(-2 log u), u in (0, 1]  [Box and Muller 1958].
__device__ __forceinline__ void normal_pair(const Word* word, int n, REAL* pair) {
    REAL u, angle;
    if (SINGLE) {
        u = REAL(half_word(word, 2 * n)) * REAL(1.0 / 4294967296.0) + REAL(0.5 / 4294967296.0);
        angle = REAL(half_word(word, 2 * n + 1)) * REAL(TWO_PI / 4294967296.0);
    } else {
        u = (REAL(word[2 * n % 4] >> 11) + 1) * REAL(1.0 / 9007199254740992.0);
        angle = REAL(word[(2 * n + 1) % 4] >> 11) * REAL(TWO_PI / 9007199254740992.0);
    }
    const REAL radius = sqrt(REAL(-2) * log(u));
    REAL sine, cosine;
    sincos(angle, &sine, &cosine);
    pair[0] = radius * cosine;
    pair[1] = radius * sine;
}

// The numbers of a block, four to a store where all of them are asked for.
__device__ __forceinline__ void store_block(REAL* out, long long count, long long block, const REAL* value) {
    const long long first = block * PER_BLOCK;
    if (first + PER_BLOCK <= count) {
#pragma unroll
        for (int n = 0; n < PER_BLOCK; n += 4)
            *(Four*)(out + first + n) = Four{{value[n], value[n + 1], value[n + 2], value[n + 3]}};
    } else {
#pragma unroll
        for (int n = 0; n < PER_BLOCK; n++)
            if (first + n < count) out[first + n] = value[n];
    }
}

extern "C" __global__ void normal(REAL* out, long long count, Word step, Word k0, Word k1) {
    for (long long block = FIRST_INDEX; block * PER_BLOCK < count; block += INDEX_STRIDE) {
        Word word[4];
        REAL value[PER_BLOCK];
        philox_block(block, step, k0, k1, word);
#pragma unroll
        for (int n = 0; n < PER_BLOCK / 2; n++) normal_pair(word, n, value + 2 * n);
        store_block(out, count, block, value);
    }
}

extern "C" __global__ void uniform(REAL* out, long long count, Word step, Word k0, Word k1) {
    for (long long block = FIRST_INDEX; block * PER_BLOCK < count; block += INDEX_STRIDE) {
        Word word[4];
        REAL value[PER_BLOCK];
        philox_block(block, step, k0, k1, word);
#pragma unroll
        for (int n = 0; n < PER_BLOCK; n++) value[n] = uniform_of(word, n);
        store_block(out, count, block, value);
    }
}

// Ones where the float uniform of the draw is below the probability; the same in both dtypes, 8 to a block.
extern "C" __global__ void bernoulli(REAL* out, long long count, Word step, Word k0, Word k1, float probability) {
    for (long long block = FIRST_INDEX; block * 8 < count; block += INDEX_STRIDE) {
        Word word[4];
        philox_block(block, step, k0, k1, word);
#pragma unroll
        for (int n = 0; n < 8; n++) {
            const bool one = float(half_word(word, n) >> 8) * float(1.0 / 16777216.0) < probability;
            if (block * 8 + n < count) out[block * 8 + n] = one ? 1 : 0;
        }
    }
}

// Row rows[n] of the draw (..., width) for each n < row_count, out (row_count, width). A thread makes one number.
extern "C" __global__ void normal_rows(REAL* out, const long long* rows, long long row_count, long long width,
                                       Word step, Word k0, Word k1) {
    for (long long i = FIRST_INDEX; i < row_count * width; i += INDEX_STRIDE) {
        const long long number = rows[i / width] * width + i % width;
        Word word[4];
        REAL pair[2];
        philox_block(number / PER_BLOCK, step, k0, k1, word);
        normal_pair(word, number % PER_BLOCK / 2, pair);
        out[i] = pair[number % 2];
    }
}
