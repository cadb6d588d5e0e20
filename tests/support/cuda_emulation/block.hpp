#pragma once

#include "fiber.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

/// Chapter 2 of the emulator: a block of CUDA threads, which meet at barriers and in warps. It
/// runs on one thread of the system. What CUDA leaves open is settled against the kernel: the
/// order of threads, when a copy happens, what is in memory that nobody wrote.

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
    [[nodiscard]] constexpr std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

inline thread_local constinit uint3 threadIdx{}, blockIdx{};
inline thread_local constinit dim3 blockDim{}, gridDim{};

namespace cuda_emulation {

/// A mistake of a kernel, or of who launched it, in words.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Which threads run first where several can.
enum class Order { forward, reverse, random };
/// Asynchronous copies, and all that a stream is asked for, at once or as late as possible.
enum class Copies { early, late };

/// A kind of device, as far as kernels can tell.
struct Profile {
    int architecture;         ///< 80 for compute capability 8.0
    std::size_t shared_bytes; ///< the most that a block may ask for
    int processors;
};
inline constexpr std::array<Profile, 6> profiles{{{75, 64 << 10, 40},
                                                  {80, 163 << 10, 108},
                                                  {86, 99 << 10, 84},
                                                  {89, 99 << 10, 128},
                                                  {90, 227 << 10, 132},
                                                  {120, 99 << 10, 170}}};

struct Settings {
    Order order = Order::forward;
    Copies copies = Copies::late;
    std::uint32_t seed = 1;
    Profile profile = profiles[4];
    bool count = false;   ///< fill in Counts: takes memory for every access
    unsigned workers = 0; ///< threads of the system; 0: as many as there are processors
};
inline Settings settings;

/// What a launch did, for `count`.
struct Counts {
    std::uint64_t shared_requests = 0; ///< of a warp, to shared memory
    std::uint64_t bank_conflicts = 0;  ///< times that one of them had to wait
    std::uint64_t global_requests = 0; ///< of a warp, to global memory
    std::uint64_t global_sectors = 0;  ///< pieces of 32 bytes that they touched

    Counts& operator+=(const Counts& more) {
        shared_requests += more.shared_requests, bank_conflicts += more.bank_conflicts;
        global_requests += more.global_requests, global_sectors += more.global_sectors;
        return *this;
    }
};

struct Access {
    std::uintptr_t address;
    unsigned bytes;
};
struct Copy {
    void* to;
    const void* from;
    unsigned bytes, valid; ///< behind `valid`, zeros

    void run() const {
        std::memcpy(to, from, valid);
        std::memset(static_cast<std::byte*>(to) + valid, 0, bytes - valid);
    }
};

enum class State { ready, at_barrier, in_warp, done };

struct Thread {
    Fiber fiber;
    unsigned number = 0;
    uint3 index{};
    State state = State::ready;
    std::vector<std::vector<Copy>> copies; ///< committed groups; the last one is open
    std::vector<Access> shared, global;    ///< since the last barrier
};

/// The lanes of a warp, which wait for each other. (Only whole warps are emulated.)
struct Warp {
    unsigned arrived = 0;
    const char* operation = "";
    std::array<void*, 32> slots{};
};

class Block {
public:
    static inline thread_local constinit Block* current = nullptr;

    /// Runs `body` on every thread of the block, to its end. Throws what a thread throws, and
    /// Error when no thread can go on.
    void run(dim3 shape, std::size_t shared_bytes, std::uint32_t seed, void* launch,
             const std::function<void()>& body);

    [[nodiscard]] Thread& self() { return threads_[running_]; }
    [[nodiscard]] std::byte* shared() { return shared_; }
    [[nodiscard]] std::size_t shared_bytes() const { return shared_bytes_; }
    [[nodiscard]] const Counts& counts() const { return counts_; }

    void barrier(int line);
    /// Waits for the whole warp; its last lane calls meet(slots), which sees what each brought.
    template <class Slot, class Meet>
    void in_warp(const char* operation, unsigned mask, Slot& mine, const Meet& meet);

    /// "... (block 0 0 0, thread 1 0 0)"
    [[noreturn]] static void fail(const std::string& what);

private:
    void make_ready(Thread& thread) {
        thread.state = State::ready;
        ready_.push_back(thread.number);
    }
    /// Hands over to the next thread that can run; to the system's, if none can.
    void give_way(State state) {
        auto& me = self();
        me.state = state;
        pass_from(me.fiber, state == State::done);
    }
    void pass_from(Fiber& from, bool last) {
        auto* to = &root_;
        if (!ready_.empty()) {
            running_ = take_ready();
            to = &self().fiber;
            threadIdx = self().index;
        }
        if (to != &from) from.switch_to(*to, last);
    }
    [[nodiscard]] unsigned take_ready() {
        std::size_t at = settings.order == Order::reverse ? ready_.size() - 1 : 0;
        if (settings.order == Order::random) {
            random_ = random_ * 1664525U + 1013904223U;
            at = (random_ >> 8U) % ready_.size();
        }
        const auto number = ready_[at];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(at));
        return number;
    }

    static void thread_main();
    void count_accesses();
    [[nodiscard]] std::string where_all_wait() const;

    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    std::vector<unsigned> ready_;
    Fiber root_;
    unsigned count_ = 0, running_ = 0, waiting_ = 0, phase_ = 0;
    int line_ = 0;                       // of the barrier at which some wait
    std::array<char, 2> barrier_sync_{}; // for ThreadSanitizer
    std::uint32_t random_ = 1;
    std::byte* shared_ = nullptr;
    std::size_t shared_bytes_ = 0;
    void* launch_ = nullptr;
    const std::function<void()>* body_ = nullptr;
    std::exception_ptr error_;
    Counts counts_;
};

inline std::string to_string(const uint3& at) {
    return std::to_string(at.x) + " " + std::to_string(at.y) + " " + std::to_string(at.z);
}

inline void Block::fail(const std::string& what) {
    throw Error(what + " (block " + to_string(blockIdx) + ", thread " + to_string(threadIdx) +
                ")");
}

inline void Block::barrier(int line) {
    const Unwatched unwatched;
    auto& me = self();
    if (waiting_ > 0 && line_ != line) {
        fail("divergence: __syncthreads in line " + std::to_string(line) +
             ", while others are at that in line " + std::to_string(line_));
    }
    // Two in turns: what a fast thread brings to the next barrier must not leak into this one.
    char* sync = &barrier_sync_[phase_ % 2];
    release(sync);
    line_ = line;
    if (++waiting_ < count_) {
        give_way(State::at_barrier);
    } else {
        waiting_ = 0;
        ++phase_;
        count_accesses();
        for (unsigned i = 0; i < count_; ++i) {
            if (threads_[i].state == State::at_barrier) make_ready(threads_[i]);
        }
        make_ready(me); // who comes last need not be the first to go on
        give_way(State::ready);
    }
    acquire(sync);
}

template <class Slot, class Meet>
void Block::in_warp(const char* operation, unsigned mask, Slot& mine, const Meet& meet) {
    const Unwatched unwatched;
    if (mask != ~0U) fail(std::string(operation) + ": got a mask, expected a whole warp");
    const auto lane = self().number % 32, first = self().number - lane;
    auto& warp = warps_[first / 32];
    if (warp.arrived != 0 && std::strcmp(warp.operation, operation) != 0) {
        fail(std::string("divergence: ") + operation + ", while others of the warp are at " +
             warp.operation);
    }
    release(&warp);
    warp.operation = operation;
    warp.slots[lane] = &mine;
    if (++warp.arrived < 32) {
        give_way(State::in_warp);
    } else {
        meet(warp.slots);
        warp.arrived = 0;
        for (unsigned i = 0; i < 32; ++i) {
            if (i != lane) make_ready(threads_[first + i]);
        }
    }
    acquire(&warp);
}

/// The requests of each warp: what its lanes ask for at the same step since the last barrier.
inline void Block::count_accesses() {
    if (!settings.count) return;
    using Places = std::set<std::uintptr_t>;
    const auto touch = [](Places& places, const Access& access, unsigned bytes) {
        const auto end = access.address + access.bytes - 1;
        for (auto at = access.address / bytes; at <= end / bytes; ++at) places.insert(at);
    };
    const auto for_requests = [&](std::vector<Access> Thread::*list, const auto& note) {
        for (unsigned first = 0; first < count_; first += 32) {
            std::vector<std::vector<Access>> requests;
            for (auto i = first; i < std::min(first + 32, count_); ++i) {
                const auto own = std::exchange(threads_[i].*list, {});
                if (own.size() > requests.size()) requests.resize(own.size());
                for (std::size_t step = 0; step < own.size(); ++step)
                    requests[step].push_back(own[step]);
            }
            for (const auto& request : requests) note(request);
        }
    };
    for_requests(&Thread::global, [&](const std::vector<Access>& request) {
        Places sectors;
        for (const auto& access : request) touch(sectors, access, 32);
        ++counts_.global_requests;
        counts_.global_sectors += sectors.size();
    });
    for_requests(&Thread::shared, [&](const std::vector<Access>& request) {
        ++counts_.shared_requests;
        // 32 banks of 4 bytes: 8 lanes at a time where each takes 16.
        const auto lanes = 128 / std::max(4U, request.front().bytes);
        for (std::size_t first = 0; first < request.size(); first += lanes) {
            Places words;
            for (auto i = first; i < std::min(first + lanes, request.size()); ++i)
                touch(words, request[i], 4);
            std::array<unsigned, 32> banks{};
            for (const auto word : words) ++banks[word % 32];
            counts_.bank_conflicts += *std::ranges::max_element(banks) - 1;
        }
    });
}

inline std::string Block::where_all_wait() const {
    std::map<std::string, unsigned> places;
    for (unsigned i = 0; i < count_; ++i) {
        const auto& thread = threads_[i];
        ++places[thread.state == State::done ? "have returned"
                 : thread.state == State::at_barrier
                     ? "wait at __syncthreads in line " + std::to_string(line_)
                     : std::string("wait at ") + warps_[i / 32].operation];
    }
    std::string text;
    for (const auto& [place, many] : places)
        text += (text.empty() ? "" : ", ") + std::to_string(many) + " threads " + place;
    return text;
}

inline void Block::thread_main() {
    auto* block = current;
    block->self().fiber.arrived();
    acquire(block->launch_);
    bool failed = false;
    try {
        (*block->body_)();
        const Unwatched unwatched;
        for (const auto& group : block->self().copies) {
            if (!group.empty()) fail("a thread returned before it waited for its copies");
        }
    } catch (...) {
        const Unwatched unwatched;
        if (!block->error_) block->error_ = std::current_exception();
        failed = true;
    }
    // Out of the handler: what the C++ runtime knows of caught exceptions belongs to a thread
    // of the system, not to a fiber.
    {
        const Unwatched unwatched;
        release(block->launch_);
        if (failed) block->ready_.clear(); // straight to the end
    }
    block->give_way(State::done);
    std::abort();
}

inline void Block::run(dim3 shape, std::size_t shared_bytes, std::uint32_t seed, void* launch,
                       const std::function<void()>& body) {
    current = this;
    count_ = static_cast<unsigned>(shape.count());
    while (threads_.size() < count_) threads_.emplace_back();
    warps_.assign((count_ + 31) / 32, Warp());
    ready_.clear();
    waiting_ = 0;
    random_ = seed;
    launch_ = launch, body_ = &body;
    error_ = nullptr;
    counts_ = {};
    // Of its exact size, so that the address sanitizer sees its end; filled with NaN.
    shared_bytes_ = shared_bytes;
    constexpr auto alignment = std::align_val_t(1024);
    shared_ = static_cast<std::byte*>(
        ::operator new(std::max<std::size_t>(shared_bytes, 1), alignment));
    std::memset(shared_, 0xFF, shared_bytes);
    for (unsigned i = 0; i < count_; ++i) {
        auto& thread = threads_[i];
        thread.number = i;
        thread.index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
        thread.copies.assign(1, {});
        thread.shared.clear(), thread.global.clear();
        thread.fiber.start(thread_main);
        make_ready(thread);
    }
    pass_from(root_, false);
    unsigned returned = 0;
    for (unsigned i = 0; i < count_; ++i) {
        returned += threads_[i].state == State::done;
        threads_[i].fiber.end();
    }
    count_accesses();
    ::operator delete(shared_, alignment);
    if (error_) std::rethrow_exception(error_);
    if (returned < count_) {
        throw Error("deadlock in block " + to_string(blockIdx) + ": " + where_all_wait());
    }
}

} // namespace cuda_emulation
