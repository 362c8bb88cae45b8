// The scheduler of cuda_on_cpu: runs the threads of a grid, each of them a fiber.
//
// A fiber runs until it waits at a barrier or ends; then a random number says who is next: the block first (usually the
// same one again, so that blocks drift apart as far as barriers allow), then the order of its threads. So a result that
// rests on a missing barrier differs from schedule to schedule, and a barrier that not all reach is found.
#include "cuda_on_cpu.hpp"

#include <ucontext.h>

#include <memory>
#include <vector>

namespace shim {

enum State { READY, AT_BLOCK_BARRIER, AT_GRID_BARRIER, DONE };
enum Outcome { FINE = 0, DEADLOCK = 1, SHARED_OVERRUN = 2, TRAPPED = 3, NOT_ALONE = 4 };  // as in cuda_on_cpu.py
struct Trap {};
struct NotAlone {};

constexpr size_t STACK = 1 << 16, GUARD = 256;
constexpr unsigned char GARBAGE = 0xFF;  // as float or double: NaN, as nobody has written there yet

struct Fiber : Place {
    ucontext_t context;
    State state;
    int line;  // of the barrier it waits at
};

Place* current;
uint3 block_size, grid_size;

static Fiber* running;
static ucontext_t scheduler;
static std::vector<std::vector<unsigned char>> shared_memory;  // of every block that runs
static unsigned first_block;
static bool trapped, alone;
static void (*kernel_body)();
static unsigned long long random_state;

static unsigned long long random_number() {  // xorshift64*
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545F4914F6CDD1DULL) >> 16;
}

static void shuffle(std::vector<unsigned>& items) {
    for (size_t i = items.size(); i > 1; i--) std::swap(items[i - 1], items[random_number() % i]);
}

static void leave(State state, int line) {
    if (alone) throw NotAlone();
    running->state = state;
    running->line = line;
    Fiber* self = running;
    swapcontext(&self->context, &scheduler);
}

void wait_for_block(int line) { leave(AT_BLOCK_BARRIER, line); }
void wait_for_grid() { leave(AT_GRID_BARRIER, 0); }
void trap() { throw Trap(); }
void* shared() { return shared_memory[current->block.x - first_block].data(); }

static void fiber_main() {
    try {
        kernel_body();
    } catch (Trap) {
        trapped = true;
    }
    leave(DONE, 0);
}

// Let the fibers go on if all of them wait at the same barrier; one that has ended is not forgiven.
static bool release(Fiber* begin, Fiber* end, State barrier) {
    for (Fiber* f = begin; f != end; f++)
        if (f->state != barrier || f->line != begin->line) return false;
    for (Fiber* f = begin; f != end; f++) f->state = READY;
    return true;
}

// Blocks that run at the same time: all of a cooperative grid, else one.
static Outcome run_together(unsigned first, unsigned blocks, size_t shared_bytes, bool shuffled, bool cooperative) {
    static std::vector<std::unique_ptr<char[]>> stacks;  // kept from launch to launch
    const size_t threads = block_size.x;
    std::vector<Fiber> fibers(blocks * threads);
    while (stacks.size() < fibers.size()) stacks.emplace_back(new char[STACK]);
    first_block = first;
    shared_memory.assign(blocks, std::vector<unsigned char>(shared_bytes + GUARD, GARBAGE));
    for (size_t i = 0; i < fibers.size(); i++) {
        Fiber& f = fibers[i];
        f.block = {first + unsigned(i / threads), 0, 0};
        f.thread = {unsigned(i % threads), 0, 0};
        f.state = READY;
        f.line = 0;
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks[i].get();
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = &scheduler;
        makecontext(&f.context, fiber_main, 0);
    }
    std::vector<unsigned> order(threads), runnable(blocks);
    for (unsigned i = 0; i < threads; i++) order[i] = i;
    for (unsigned i = 0; i < blocks; i++) runnable[i] = i;
    size_t place = 0;
    while (!runnable.empty()) {
        if (shuffled && random_number() % 4 == 0) place = random_number();
        place %= runnable.size();
        Fiber* begin = &fibers[runnable[place] * threads];
        if (shuffled) shuffle(order);
        for (unsigned i : order)
            if (begin[i].state == READY) {
                current = running = &begin[i];
                swapcontext(&scheduler, &running->context);
                if (trapped) return TRAPPED;
            }
        if (release(begin, begin + threads, AT_BLOCK_BARRIER)) continue;
        runnable.erase(runnable.begin() + place);  // done, at the grid's barrier, or stuck
        if (cooperative && runnable.empty() && release(fibers.data(), fibers.data() + fibers.size(), AT_GRID_BARRIER))
            for (unsigned i = 0; i < blocks; i++) runnable.push_back(i);
    }
    for (const Fiber& f : fibers)
        if (f.state != DONE) return DEADLOCK;
    for (const auto& memory : shared_memory)
        for (size_t i = shared_bytes; i < memory.size(); i++)
            if (memory[i] != GARBAGE) return SHARED_OVERRUN;
    return FINE;
}

// A kernel without barriers needs no fibers: thread after thread, the last one first under an odd seed.
static Outcome run_alone(bool backwards) {
    Place only;
    current = &only;
    const size_t count = size_t(grid_size.x) * block_size.x;
    try {
        for (size_t n = 0; n < count; n++) {
            const size_t i = backwards ? count - 1 - n : n;
            only.block = {unsigned(i / block_size.x), 0, 0};
            only.thread = {unsigned(i % block_size.x), 0, 0};
            kernel_body();
        }
    } catch (Trap) {
        return TRAPPED;
    } catch (NotAlone) {
        return NOT_ALONE;
    }
    return FINE;
}

int launch(void (*body)(), unsigned grid, unsigned block, size_t shared_bytes, unsigned long long seed, bool barriers,
           bool cooperative) {
    kernel_body = body;
    grid_size = {grid, 1, 1};
    block_size = {block, 1, 1};
    random_state = seed * 0x9E3779B97F4A7C15ULL + 1;
    trapped = false;
    alone = !barriers;
    if (alone) return run_alone(seed % 2 == 1);
    if (cooperative) return run_together(0, grid, shared_bytes, seed != 0, true);
    std::vector<unsigned> blocks(grid);
    for (unsigned i = 0; i < grid; i++) blocks[i] = i;
    if (seed) shuffle(blocks);
    for (unsigned b : blocks)
        if (Outcome outcome = run_together(b, 1, shared_bytes, seed != 0, false)) return outcome;
    return FINE;
}

}  // namespace shim
