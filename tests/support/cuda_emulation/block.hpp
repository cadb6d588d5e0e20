#pragma once

#include "fiber.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
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
    /// Where the i-th of them is.
    [[nodiscard]] constexpr uint3 at(std::uint64_t i) const {
        return {static_cast<unsigned>(i % x), static_cast<unsigned>(i / x % y),
                static_cast<unsigned>(i / x / y)};
    }
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
    bool count = false;                                                   ///< fill in Counts
    unsigned workers = std::max(1U, std::thread::hardware_concurrency()); ///< of the system
};
inline Settings settings;

/// What the last launch did, for `count`.
struct Counts {
    std::uint64_t shared_requests = 0; ///< of a warp, to shared memory
    std::uint64_t bank_conflicts = 0;  ///< times that one of them had to wait
    std::uint64_t global_requests = 0; ///< of a warp, to global memory
    std::uint64_t global_sectors = 0;  ///< pieces of 32 bytes that they touched
};
inline Counts counts;
inline std::mutex mutex; ///< of all that threads of the system share

/// What each lane of a warp asks for at once.
struct Access {
    std::uintptr_t address = 0;
    unsigned bytes = 0;
};
using Request = std::array<Access, 32>;

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
    Fiber* fiber;
    unsigned number;
    uint3 index;
    std::vector<std::vector<Copy>> copies{{}}; ///< committed groups; the last one is open
    std::array<unsigned, 2> steps{};           ///< accesses since the last barrier
};

/// "__syncthreads in line 12", or an operation of warps.
struct Place {
    std::string_view operation;
    int line = 0;

    bool operator==(const Place&) const = default;
    [[nodiscard]] std::string text() const {
        return std::string(operation) + (line > 0 ? " in line " + std::to_string(line) : "");
    }
};

/// Where the threads of a block, or of a warp, wait for each other.
struct Meeting {
    const char* whose;
    unsigned first, count; ///< threads
    Place place{};         ///< of those that have arrived
    unsigned arrived = 0, phase = 0;
    std::array<void*, 32> slots{}; ///< what the lanes of a warp brought
    // For ThreadSanitizer. Two in turns: what a fast thread brings to the next meeting must not
    // leak into this one.
    std::array<char, 2> sync{};
};

/// A grid of blocks that run the same.
struct Launch {
    dim3 grid, block;
    std::size_t shared_bytes;
    std::function<void()> body;                   ///< of every thread
    std::map<std::uintptr_t, std::size_t> pieces; ///< of memory that there are
    char begin = 0, end = 0; ///< for ThreadSanitizer: what comes before, and what after

    /// Whether there are so many bytes, in one piece.
    [[nodiscard]] bool has(std::uintptr_t address, std::size_t bytes) const {
        const auto behind = pieces.upper_bound(address);
        if (behind == pieces.begin()) return false;
        const auto& [first, size] = *std::prev(behind);
        return address + bytes <= first + size;
    }
};

class Block {
public:
    static inline thread_local constinit Block* current = nullptr;

    Block(Launch& launch, unsigned seed) : launch_(launch), random_(seed) {}

    /// Runs its threads to their end, on fibers that may have run another block's before. Gives
    /// what one of them throws, or an Error when none can go on.
    [[nodiscard]] std::exception_ptr run(std::deque<Fiber>& fibers);

    [[nodiscard]] const Launch& launch() const { return launch_; }
    [[nodiscard]] Thread& self() { return threads_[running_]; }
    [[nodiscard]] std::byte* shared() { return shared_; }
    [[nodiscard]] std::size_t shared_bytes() const { return launch_.shared_bytes; }

    void barrier(int line);
    /// Waits for the whole warp; its last lane calls last(slots), which sees what each brought.
    template <class Slot, class Last>
    void in_warp(const char* operation, unsigned mask, Slot& mine, const Last& last,
                 bool orders_memory = false);

    /// For `count`: what the thread asks for.
    void note(bool shared, std::uintptr_t address, unsigned bytes);

    /// "... (block 0 0 0, thread 1 0 0)"
    [[noreturn]] static void fail(const std::string& what);

private:
    template <class Last>
    void meet(Meeting& at, const Place& place, bool orders_memory, const Last& last);
    /// The fiber of the next thread that can run; the system's, if none can.
    [[nodiscard]] Fiber& next();
    // ThreadSanitizer, too, would keep a call that never returns.
    __attribute__((no_sanitize("thread"))) static void thread_main();
    void count_requests();

    Launch& launch_;
    std::minstd_rand random_;
    Fiber root_;
    std::vector<Thread> threads_;
    std::vector<Meeting> meetings_; // the block's, then those of warps
    std::vector<unsigned> ready_;
    // By: shared or not, warp, step since the last barrier.
    std::map<std::tuple<bool, unsigned, unsigned>, Request> requests_;
    unsigned running_ = 0;
    std::byte* shared_ = nullptr;
    std::exception_ptr error_;
};

inline std::string to_string(const uint3& at) {
    return std::to_string(at.x) + " " + std::to_string(at.y) + " " + std::to_string(at.z);
}
inline std::string name_of(const uint3& thread) {
    return "block " + to_string(blockIdx) + ", thread " + to_string(thread);
}
inline void Block::fail(const std::string& what) {
    throw Error(what + " (" + name_of(threadIdx) + ")");
}

inline Fiber& Block::next() {
    const Unwatched unwatched;
    if (ready_.empty()) return root_;
    std::size_t at = settings.order == Order::reverse ? ready_.size() - 1 : 0;
    if (settings.order == Order::random) at = random_() % ready_.size();
    running_ = ready_[at];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(at));
    threadIdx = self().index;
    return *self().fiber;
}

template <class Last>
void Block::meet(Meeting& at, const Place& place, bool orders_memory, const Last& last) {
    if (at.arrived > 0 && at.place != place) {
        fail("divergence: " + place.text() + ", while others of the " + at.whose + " are at " +
             at.place.text());
    }
    at.place = place;
    auto* sync = &at.sync[at.phase % 2];
    if (orders_memory) release(sync);
    auto& me = *self().fiber;
    if (++at.arrived == at.count) {
        last();
        at.arrived = 0, ++at.phase;
        for (auto i = at.first; i < at.first + at.count; ++i) {
            if (i != running_) ready_.push_back(i);
        }
        ready_.push_back(running_); // who comes last is first to go on in one order, not in all
    }
    if (auto& to = next(); &to != &me) me.switch_to(to, false);
    if (orders_memory) acquire(sync);
}

inline void Block::barrier(int line) {
    const Unwatched unwatched;
    meet(meetings_[0], {"__syncthreads", line}, true, [&] { count_requests(); });
}

template <class Slot, class Last>
void Block::in_warp(const char* operation, unsigned mask, Slot& mine, const Last& last,
                    bool orders_memory) {
    const Unwatched unwatched;
    if (mask != ~0U) fail(std::string(operation) + ": got a mask, expected a whole warp");
    const auto number = self().number;
    auto& warp = meetings_[1 + number / 32];
    warp.slots[number % 32] = &mine;
    meet(warp, {operation}, orders_memory, [&] { last(warp.slots); });
}

inline void Block::note(bool shared, std::uintptr_t address, unsigned bytes) {
    auto& me = self();
    requests_[{shared, me.number / 32, me.steps[shared]++}][me.number % 32] = {address, bytes};
}

inline void Block::count_requests() {
    if (requests_.empty()) return;
    const std::lock_guard lock(mutex);
    for (const auto& [key, request] : requests_) {
        // 32 banks of 4 bytes: 8 lanes at a time where each takes 16. Sectors have 32.
        const bool shared = std::get<0>(key);
        const auto bytes = std::ranges::max(request, {}, &Access::bytes).bytes;
        const auto lanes = shared ? 128 / std::max(4U, bytes) : 32U, piece = shared ? 4U : 32U;
        ++(shared ? counts.shared_requests : counts.global_requests);
        for (unsigned first = 0; first < 32; first += lanes) {
            std::set<std::uintptr_t> pieces;
            for (auto lane = first; lane < first + lanes; ++lane) {
                for (unsigned at = 0; at < request[lane].bytes; at += piece)
                    pieces.insert((request[lane].address + at) / piece);
            }
            std::array<unsigned, 32> banks{};
            for (const auto at : pieces) ++banks[at % 32];
            if (shared) counts.bank_conflicts += std::max(1U, std::ranges::max(banks)) - 1;
            if (!shared) counts.global_sectors += pieces.size();
        }
    }
    requests_.clear();
    for (auto& thread : threads_) thread.steps = {};
}

inline void Block::thread_main() {
    auto& block = *current;
    acquire(&block.launch_.begin);
    auto& me = *block.self().fiber;
    me.arrived();
    try {
        block.launch_.body();
        for (const auto& group : block.self().copies) {
            if (!group.empty()) fail("a thread returned before it waited for its copies");
        }
    } catch (...) {
        const Unwatched unwatched;
        block.error_ = std::current_exception();
        block.ready_.clear(); // straight to the end
    }
    // Out of the handler: what the C++ runtime knows of caught exceptions belongs to a thread
    // of the system, not to a fiber.
    release(&block.launch_.end);
    me.switch_to(block.next(), true);
    std::abort();
}

inline std::exception_ptr Block::run(std::deque<Fiber>& fibers) {
    current = this;
    // Of its exact size, so that the address sanitizer sees its end; filled with NaN.
    constexpr auto alignment = std::align_val_t(1024);
    shared_ = static_cast<std::byte*>(::operator new(shared_bytes(), alignment));
    std::memset(shared_, 0xFF, shared_bytes());
    const auto count = static_cast<unsigned>(launch_.block.count());
    while (fibers.size() < count) fibers.emplace_back();
    meetings_.push_back({.whose = "block", .first = 0, .count = count});
    for (unsigned i = 0; i < count; ++i) {
        if (i % 32 == 0) meetings_.push_back({.whose = "warp", .first = i, .count = 32});
        const auto& thread = threads_.emplace_back(Thread{&fibers[i], i, launch_.block.at(i)});
        thread.fiber->start(thread_main);
        if constexpr (thread_sanitizer) thread.fiber->set_name(name_of(thread.index).c_str());
        ready_.push_back(i);
    }
    release(&launch_.begin);
    root_.switch_to(next(), false);
    count_requests();
    ::operator delete(shared_, alignment);
    auto returned = count;
    std::map<std::string, unsigned> waiting;
    for (const auto& at : meetings_) {
        if (at.arrived > 0) waiting[at.place.text()] += at.arrived;
        returned -= at.arrived;
    }
    if (error_ || waiting.empty()) return error_;
    auto text = "deadlock in block " + to_string(blockIdx) + ": " + std::to_string(returned) +
                " threads have returned";
    for (const auto& [place, many] : waiting)
        text += ", " + std::to_string(many) + " threads wait at " + place;
    return std::make_exception_ptr(Error(text));
}

} // namespace cuda_emulation
