// CUDA C on the CPU: what a kernel's text needs to be compiled by g++. The scheduler is in cuda_on_cpu.cpp.
//
// No header of the standard library is included: a kernel then compiles in a tenth of the time.

typedef unsigned long size_t;

#define __global__
#define __device__ static
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct uint3 { unsigned x, y, z; };
struct __align__(16) float4 { float x, y, z, w; };
struct __align__(16) double2 { double x, y; };

namespace shim {
struct Place { uint3 block, thread; };
extern Place* current;  // of the thread that runs
extern uint3 block_size, grid_size;
void wait_for_block(int line);
void wait_for_grid();
void* shared();
[[noreturn]] void trap();
int launch(void (*body)(), unsigned grid, unsigned block, size_t shared_bytes, unsigned long long seed, bool barriers,
           bool cooperative);
}  // namespace shim

#define threadIdx (shim::current->thread)
#define blockIdx (shim::current->block)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)
#define __syncthreads() shim::wait_for_block(__LINE__)
#define __trap() shim::trap()
#define SHARED_MEMORY(type, name) type* name = (type*)shim::shared()

namespace cooperative_groups {
struct grid_group {
    void sync() const { shim::wait_for_grid(); }
};
inline grid_group this_grid() { return {}; }
}  // namespace cooperative_groups

#define ONE_ARGUMENT(name)                                                 \
    __device__ inline float name(float a) { return __builtin_##name##f(a); } \
    __device__ inline double name(double a) { return __builtin_##name(a); }
ONE_ARGUMENT(exp)
ONE_ARGUMENT(expm1)
ONE_ARGUMENT(log)
ONE_ARGUMENT(sqrt)
ONE_ARGUMENT(tanh)
__device__ inline float pow(float a, float b) { return __builtin_powf(a, b); }
__device__ inline double pow(double a, double b) { return __builtin_pow(a, b); }
__device__ inline void sincos(float a, float* s, float* c) { *s = __builtin_sinf(a), *c = __builtin_cosf(a); }
__device__ inline void sincos(double a, double* s, double* c) { *s = __builtin_sin(a), *c = __builtin_cos(a); }
__device__ inline int min(int a, int b) { return a < b ? a : b; }
__device__ inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
template <class Value> __device__ inline Value __ldcg(const Value* place) { return *place; }
