// What every kernel shares. Before this text stand REAL (float or double) and SINGLE (1 or 0).
//
// A kernel walks over its numbers with a stride of the whole grid, so any grid is right. An absent array is NULL.
// Constants are written REAL(0.5): a bare 0.5 would be double and slow.

#ifndef SHARED_MEMORY
#define SHARED_MEMORY(type, name)                                        \
    extern __shared__ __align__(16) unsigned char shared_memory_bytes[]; \
    type* name = (type*)shared_memory_bytes
#endif

#define FIRST_INDEX ((long long)blockIdx.x * blockDim.x + threadIdx.x)
#define INDEX_STRIDE ((long long)gridDim.x * blockDim.x)

struct __align__(16) Four {
    REAL v[4];
};
