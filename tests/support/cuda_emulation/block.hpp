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

    /// Byte by byte: on a fiber, ThreadSanitizer does not watch std::memcpy.
    void run() const {
        for (unsigned i = 0; i < bytes; ++i) {
            static_cast<std::byte*>(to)[i] =
                i < valid ? static_cast<const std::byte*>(from)[i] : std::byte{};
        }
    }
};

struct Thread {
    Fiber fiber;
    unsigned number = 0;
    uint3 index{};
    std::vector<std::vector<Copy>> copies; ///< committed groups; the last one is open
    std::vector<Access> shared, global;    ///< since the last barrier
};

/// Where the threads of a block, or of a warp, wait for each other.
struct Meeting {
    const char *whose, *operation = "";
    unsigned first, count; ///< threads
    int line = 0;          ///< of a __syncthreads
    unsigned arrived = 0, phase = 0;
    std::array<void*, 32> slots{}; ///< what the lanes of a warp brought
    // For ThreadSanitizer. Two in turns: what a fast thread brings to the next meeting must not
    // leak into this one.
    std::array<char, 2> sync{};

    [[nodiscard]] std::string place() const {
        return operation + (line > 0 ? " in line " + std::to_string(line) : "");
    }
};

/// A grid of blocks that run the same.
struct Launch {
    dim3 grid, block;
    std::size_t shared_bytes;
    std::function<void()> body;                   ///< of every thread
    std::map<std::uintptr_t, std::size_t> pieces; ///< of memory that there are
    char begin = 0, end = 0; ///< for ThreadSanitizer: what comes before, and what after
};

class Block {
public:
    static inline thread_local constinit Block* current = nullptr;

    /// Runs every thread of a block to its end. Throws what a thread throws, and Error when no
    /// thread can go on.
    void run(Launch& launch, std::uint32_t seed);

    [[nodiscard]] Thread& self() { return threads_[running_]; }
    [[nodiscard]] std::byte* shared() { return shared_; }
    [[nodiscard]] std::size_t shared_bytes() const { return launch_->shared_bytes; }
    [[nodiscard]] const Counts& counts() const { return counts_; }
    /// Whether there are so many bytes of memory, in one piece. It remembers the last one.
    [[nodiscard]] bool has(std::uintptr_t address, std::size_t bytes);

    void barrier(int line);
    /// Waits for the whole warp; its last lane calls meet(slots), which sees what each brought.
    template <class Slot, class Meet>
    void in_warp(const char* operation, unsigned mask, bool orders_memory, Slot& mine,
                 const Meet& meet);

    /// "... (block 0 0 0, thread 1 0 0)"
    [[noreturn]] static void fail(const std::string& what);

private:
    template <class Last>
    void meet(Meeting& at, const char* operation, int line, bool orders_memory,
              const Last& last);
    /// Hands over to the next thread that can run; to the system's, if none can.
    void give_way() {
        auto& me = self().fiber;
        if (auto& to = next(); &to != &me) me.switch_to(to, false);
    }
    [[nodiscard]] Fiber& next();

    // ThreadSanitizer, too, would keep a call that never returns.
    __attribute__((no_sanitize("thread"))) static void thread_main();
    void count_accesses();
    [[nodiscard]] std::string where_all_wait() const;

    std::vector<Thread> threads_;
    std::vector<Meeting> meetings_; // the block's, then those of warps
    std::vector<unsigned> ready_;
    Fiber* root_ = nullptr;
    Launch* launch_ = nullptr;
    unsigned count_ = 0, running_ = 0;
    std::uint32_t random_ = 1;
    std::byte* shared_ = nullptr;
    std::uintptr_t piece_ = 0, piece_end_ = 0;
    std::exception_ptr error_;
    Counts counts_;
};

inline std::string to_string(const uint3& at) {
    return std::to_string(at.x) + " " + std::to_string(at.y) + " " + std::to_string(at.z);
}

/// "block 0 0 0, thread 1 0 0"
inline std::string name_of(const uint3& thread) {
    return "block " + to_string(blockIdx) + ", thread " + to_string(thread);
}

inline void Block::fail(const std::string& what) {
    throw Error(what + " (" + name_of(threadIdx) + ")");
}

inline Fiber& Block::next() {
    if (ready_.empty()) return *root_;
    std::size_t at = settings.order == Order::reverse ? ready_.size() - 1 : 0;
    if (settings.order == Order::random) {
        random_ = random_ * 1664525U + 1013904223U;
        at = (random_ >> 8U) % ready_.size();
    }
    running_ = ready_[at];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(at));
    threadIdx = self().index;
    return self().fiber;
}

template <class Last>
void Block::meet(Meeting& at, const char* operation, int line, bool orders_memory,
                 const Last& last) {
    if (at.arrived > 0 && (std::strcmp(at.operation, operation) != 0 || at.line != line)) {
        auto here = at;
        here.operation = operation, here.line = line;
        fail("divergence: " + here.place() + ", while others of the " + at.whose + " are at " +
             at.place());
    }
    at.operation = operation, at.line = line;
    auto* sync = &at.sync[at.phase % 2];
    if (orders_memory) release(sync);
    if (++at.arrived == at.count) {
        last();
        at.arrived = 0, ++at.phase;
        for (auto i = at.first; i < at.first + at.count; ++i) {
            if (i != running_) ready_.push_back(i);
        }
        ready_.push_back(running_); // who comes last is first to go on in one order, not in all
    }
    give_way();
    if (orders_memory) acquire(sync);
}

inline void Block::barrier(int line) {
    const Unwatched unwatched;
    meet(meetings_[0], "__syncthreads", line, true, [&] { count_accesses(); });
}

template <class Slot, class Meet>
void Block::in_warp(const char* operation, unsigned mask, bool orders_memory, Slot& mine,
                    const Meet& meet_slots) {
    const Unwatched unwatched;
    if (mask != ~0U) fail(std::string(operation) + ": got a mask, expected a whole warp");
    const auto number = self().number;
    auto& warp = meetings_[1 + number / 32];
    warp.slots[number % 32] = &mine;
    meet(warp, operation, 0, orders_memory, [&] { meet_slots(warp.slots); });
}

inline bool Block::has(std::uintptr_t address, std::size_t bytes) {
    if (address >= piece_ && address + bytes <= piece_end_) return true;
    auto after = launch_->pieces.upper_bound(address);
    if (after == launch_->pieces.begin()) return false;
    --after;
    piece_ = after->first, piece_end_ = piece_ + after->second;
    return address >= piece_ && address + bytes <= piece_end_;
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
    std::map<std::string, unsigned> places{{"have returned", count_}};
    for (const auto& meeting : meetings_) {
        if (meeting.arrived == 0) continue;
        places["wait at " + meeting.place()] += meeting.arrived;
        places["have returned"] -= meeting.arrived;
    }
    std::string text;
    for (const auto& [place, many] : places) {
        if (many > 0)
            text += (text.empty() ? "" : ", ") + std::to_string(many) + " threads " + place;
    }
    return text;
}

inline void Block::thread_main() {
    Block* block = nullptr;
    {
        const Unwatched unwatched;
        block = current;
        block->self().fiber.arrived();
        acquire(&block->launch_->begin);
    }
    bool failed = false;
    try {
        block->launch_->body();
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
    Fiber *me = nullptr, *next = nullptr;
    {
        const Unwatched unwatched;
        release(&block->launch_->end);
        if (failed) block->ready_.clear(); // straight to the end
        me = &block->self().fiber, next = &block->next();
    }
    me->switch_to(*next, true);
    std::abort();
}

inline void Block::run(Launch& launch, std::uint32_t seed) {
    Fiber root;
    current = this, root_ = &root, launch_ = &launch;
    count_ = static_cast<unsigned>(launch.block.count());
    random_ = seed;
    piece_ = piece_end_ = 0;
    error_ = nullptr;
    counts_ = {};
    meetings_.assign(1, {.whose = "block", .first = 0, .count = count_});
    for (unsigned first = 0; first < count_; first += 32)
        meetings_.push_back({.whose = "warp", .first = first, .count = 32});
    // Of its exact size, so that the address sanitizer sees its end; filled with NaN.
    constexpr auto alignment = std::align_val_t(1024);
    const auto bytes = launch.shared_bytes;
    shared_ =
        static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), alignment));
    std::memset(shared_, 0xFF, bytes);
    ready_.clear();
    while (threads_.size() < count_) threads_.emplace_back();
    for (unsigned i = 0; i < count_; ++i) {
        auto& thread = threads_[i];
        const auto shape = launch.block;
        thread.number = i;
        thread.index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
        thread.copies.assign(1, {});
        thread.shared.clear(), thread.global.clear();
        thread.fiber.start(thread_main);
        if constexpr (thread_sanitizer) thread.fiber.set_name(name_of(thread.index));
        ready_.push_back(i);
    }
    release(&launch.begin);
    root.switch_to(next(), false);
    count_accesses();
    ::operator delete(shared_, alignment);
    if (error_) std::rethrow_exception(error_);
    if (std::ranges::any_of(meetings_, [](const auto& at) { return at.arrived > 0; }))
        throw Error("deadlock in block " + to_string(blockIdx) + ": " + where_all_wait());
}

} // namespace cuda_emulation
