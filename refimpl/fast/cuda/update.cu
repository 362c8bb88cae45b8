// The elementwise work around a training step: weights drawn, the KL divergences, clipping and Adam.

// w = mu + exp(log_sigma) eps. eps, w and deviation have count numbers, mu and log_sigma the period of them: all, or
// those of one object.
extern "C" __global__ void gaussian_weights(
    const REAL* mu, const REAL* log_sigma, const REAL* eps, REAL* w, REAL* deviation, long long count,
    long long period) {
    for (long long n = FIRST_INDEX; n < count; n += INDEX_STRIDE) {
        const long long k = count == period ? n : n % period;
        const REAL d = exp(log_sigma[k]) * eps[n];
        deviation[n] = d;
        w[n] = mu[k] + d;  // [RT.F1]
    }
}

// A divergence K(q) + tail, q = mu / sigma held in range, with its slope K'(q).
struct Divergence {
    REAL value, slope;
};

struct Ratio {
    REAL q, tail, dq_dmu;
};

// With a clip, least <= |q| <= most; most = 0 stands for none. The twin is bayes/kl/ratio.py.
__device__ __forceinline__ Ratio hold_ratio(REAL mu, REAL log_sigma, REAL most, REAL least) {
    const REAL inverse_sigma = exp(-log_sigma);
    const REAL q = mu * inverse_sigma;  // [KL.RATIO.F1]
    if (most == 0) {
        const bool positive = q > REAL(Q_MAX), negative = q < -REAL(Q_MAX);
        if (!positive && !negative) return {q, 0, inverse_sigma};
        const REAL excess = (positive ? q : -q) * REAL(1.0 / Q_MAX);
        return {positive ? REAL(Q_MAX) : -REAL(Q_MAX), log(excess), inverse_sigma / excess};  // [KL.RATIO.F2]
    }
    if (q > most || q < -most) return {most, 0, 0};  // [KL.RATIO.F3]
    if (q < least && q > -least) return {least, 0, 0};
    return {q, 0, inverse_sigma};
}

__device__ __forceinline__ REAL log_of_1_and(REAL r) {
    const REAL u = 1 + r;
    return log(u) - ((u - 1) - r) / u;  // [KL.LOG1P.E1]
}

__device__ __forceinline__ Divergence rnn2018(REAL q) {
    const REAL r = q * q, root = sqrt(r);
    const REAL t = REAL(RNN2018_T_FACTOR) * (r * root);  // [KL.RNN2018.F1]
    const REAL s = 1 / (1 + t);
    const REAL factor = REAL(2.0 * RNN2018_K1 * RNN2018_K3 * RNN2018_T_FACTOR);
    return {REAL(0.5) * log(1 + r) - REAL(RNN2018_K1) * s + REAL(RNN2018_CONSTANT),  // [KL.RNN2018.F2]
            q * (1 / (1 + r) + factor * (root * (s * s)))};  // [KL.RNN2018.B1]
}

__device__ __forceinline__ Divergence molchanov2017(REAL q) {
    const REAL r = q * q, power = pow(r, REAL(MOLCHANOV2017_K3 - 1.0));
    const REAL t = REAL(MOLCHANOV2017_T_FACTOR) * power * r;  // [KL.MOLCHANOV.F1]
    const REAL s = 1 / (1 + t);
    const REAL factor = REAL(2.0 * MOLCHANOV2017_K1 * MOLCHANOV2017_K3 * MOLCHANOV2017_T_FACTOR);
    return {REAL(0.5) * log_of_1_and(r) + REAL(MOLCHANOV2017_K1) * (t * s),  // [KL.MOLCHANOV.F2]
            q * (1 / (1 + r) + factor * (power * (s * s)))};  // [KL.MOLCHANOV.B1]
}

__device__ __forceinline__ Divergence ard(REAL q) {
    return {REAL(0.5) * log_of_1_and(q * q),  // [KL.ARD.F1]
            q / (1 + q * q)};  // [KL.ARD.B1]
}

enum Prior { RNN2018, MOLCHANOV2017, ARD, STANDARD_NORMAL };

// Adds scale dKL to dmu and dlog_sigma and returns the KL of one weight.
__device__ __forceinline__ REAL add_divergence(REAL mu, REAL log_sigma, REAL* dmu, REAL* dlog_sigma, int prior,
                                               REAL most, REAL least, REAL scale) {
    if (prior == STANDARD_NORMAL) {
        const REAL half_root = REAL(SQRT_HALF) * mu, half_mu2 = half_root * half_root;  // [KL.NORMAL.F1]
        const REAL sigma2_minus_1 = expm1(2 * log_sigma);
        *dmu += scale * mu;  // [KL.NORMAL.B1]
        *dlog_sigma += scale * sigma2_minus_1;  // [KL.NORMAL.B2]
        return REAL(0.5) * sigma2_minus_1 - log_sigma + half_mu2;  // [KL.NORMAL.F2]
    }
    const Ratio ratio = hold_ratio(mu, log_sigma, most, least);
    const Divergence k = prior == RNN2018 ? rnn2018(ratio.q) : prior == ARD ? ard(ratio.q) : molchanov2017(ratio.q);
    const REAL by_mu = scale * (k.slope * ratio.dq_dmu);  // [KL.RATIO.B1]
    *dmu += by_mu;
    *dlog_sigma -= mu * by_mu;  // [KL.RATIO.B2]
    return k.value + ratio.tail;
}

// The sum of a number of each thread of a block, through shared memory (blockDim.x,); blockDim.x is a power of two.
// Always in the same order: no atomics, the same bits in every run.
__device__ __forceinline__ void sum_of_block(double value, double* shared, double* sum) {
    shared[threadIdx.x] = value;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *sum = shared[0];
}

// partial (gridDim.x,): the KL of each block.
extern "C" __global__ void kl_add(const REAL* mu, const REAL* log_sigma, REAL* dmu, REAL* dlog_sigma, double* partial,
                                  long long count, int prior, REAL most, REAL least, REAL scale) {
    SHARED_MEMORY(double, shared);
    double kl = 0;
    for (long long n = FIRST_INDEX; n < count; n += INDEX_STRIDE) {
        REAL by_mu = dmu[n], by_log_sigma = dlog_sigma[n];
        kl += add_divergence(mu[n], log_sigma[n], &by_mu, &by_log_sigma, prior, most, least, scale);
        dmu[n] = by_mu;  // [ELBO.B1]
        dlog_sigma[n] = by_log_sigma;
    }
    sum_of_block(kl, shared, partial + blockIdx.x);
}

// partial (gridDim.x,): the sum of squares of each block.
extern "C" __global__ void squares(const REAL* x, double* partial, long long count) {
    SHARED_MEMORY(double, shared);
    double sum = 0;
    for (long long n = FIRST_INDEX; n < count; n += INDEX_STRIDE) sum += double(x[n]) * x[n];
    sum_of_block(sum, shared, partial + blockIdx.x);
}

// The second stage, by one block: partial (count,) -> total ().
extern "C" __global__ void sum_partial(const double* partial, double* total, int count) {
    SHARED_MEMORY(double, shared);
    double sum = 0;
    for (int n = threadIdx.x; n < count; n += blockDim.x) sum += partial[n];
    sum_of_block(sum, shared, total);
}

// p, m and v in place. multiplier: one number, of clipping; NULL for none. rate: with Adam's bias corrections.
extern "C" __global__ void clip_adam(
    REAL* p, const REAL* gradient, REAL* m, REAL* v, const double* multiplier, long long count, REAL rate, REAL beta1,
    REAL rest1, REAL beta2, REAL rest2, REAL epsilon) {
    const REAL factor = multiplier ? REAL(*multiplier) : REAL(1);
    for (long long n = FIRST_INDEX; n < count; n += INDEX_STRIDE) {
        const REAL g = gradient[n] * factor;
        const REAL m_t = beta1 * m[n] + rest1 * g;  // [ADAM.F1]
        const REAL v_t = beta2 * v[n] + rest2 * (g * g);  // [ADAM.F2]
        m[n] = m_t;
        v[n] = v_t;
        p[n] -= rate * (m_t / (sqrt(v_t) + epsilon));  // [ADAM.F4]
    }
}
