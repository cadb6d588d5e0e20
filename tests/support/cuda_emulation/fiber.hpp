#pragma once

#include "latent/tensor/compiler.hpp"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/tsan_interface.h>

#include <cstddef>
#include <cstdlib>
#include <sys/mman.h>

/// Chapter 1 of the emulator: fibers, which are functions with stacks of their own that hand
/// one processor to each other. Each CUDA thread is one. Linux on x86-64, g++ or clang.

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}

/// Keeps the registers that a call must not change on the stack and that stack's end in *kept;
/// goes on where `next` was kept.
extern "C" void latent_switch_stacks(void** kept, void* next);
asm(R"(
.text
.weak latent_switch_stacks
.type latent_switch_stacks, @function
latent_switch_stacks:
    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
    ret
)");

namespace cuda_emulation {

using latent::compiler::address_sanitizer, latent::compiler::thread_sanitizer;

/// While one is there, ThreadSanitizer overlooks what the emulator itself reads and writes: it
/// is to watch over the kernels alone. It counts for the fiber on which it began, and ends
/// before that fiber's last switch.
class Unwatched {
public:
    Unwatched() {
        if constexpr (thread_sanitizer) {
            AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
            AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
        }
    }
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;
    ~Unwatched() {
        if constexpr (thread_sanitizer) {
            AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
            AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
        }
    }
};

/// What is written before `release(where)` is seen behind `acquire(where)`.
inline void release(void* where) {
    if constexpr (thread_sanitizer) __tsan_release(where);
}
inline void acquire(void* where) {
    if constexpr (thread_sanitizer) __tsan_acquire(where);
}

class Fiber {
public:
    static constexpr std::size_t stack_bytes = std::size_t{64} << 10, guard_bytes = 4096;

    /// The one that runs already, on the system's stack.
    Fiber() = default;
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber() {
        if (stack_) munmap(stack_ - guard_bytes, guard_bytes + stack_bytes);
    }

    /// Makes it run `main` when it is switched to. A stack that overflows hits the guard.
    void start(void (*main)()) {
        if (!stack_) {
            void* memory = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (memory == MAP_FAILED) std::abort();
            mprotect(memory, guard_bytes, PROT_NONE);
            stack_ = static_cast<std::byte*>(memory) + guard_bytes;
            if constexpr (thread_sanitizer) tsan_ = __tsan_create_fiber(0);
        }
        // What an abandoned run left on the stack is no longer there.
        if constexpr (address_sanitizer) __asan_unpoison_memory_region(stack_, stack_bytes);
        fake_ = nullptr;
        auto** top = reinterpret_cast<void**>(stack_ + stack_bytes);
        *--top = nullptr; // where a call would have left its return address: keeps alignment
        *--top = reinterpret_cast<void*>(main);
        kept_ = top - 6; // the registers that it finds do not matter
    }
    /// How ThreadSanitizer is to call it.
    void set_name(const char* name) {
        if constexpr (thread_sanitizer) __tsan_set_fiber_name(tsan_, name);
    }

    /// From this one, which runs, to `next`; returns when somebody switches back. `last`: it
    /// never will be. Nothing that ThreadSanitizer sees may happen between its switch and ours.
    __attribute__((noinline, no_sanitize("thread"))) void switch_to(Fiber& next, bool last) {
        if constexpr (address_sanitizer) {
            __sanitizer_start_switch_fiber(last ? nullptr : &fake_,
                                           next.stack_ ? next.stack_ : system_stack_,
                                           next.stack_ ? stack_bytes : system_bytes_);
        }
        if constexpr (thread_sanitizer) {
            if (!tsan_) tsan_ = __tsan_get_current_fiber();
            __tsan_switch_to_fiber(next.tsan_, __tsan_switch_to_fiber_no_sync);
        }
        latent_switch_stacks(&kept_, next.kept_);
        if constexpr (address_sanitizer) arrived();
    }
    /// The first thing that `main` says.
    void arrived() {
        if constexpr (address_sanitizer) {
            const void* from = nullptr;
            std::size_t bytes = 0;
            __sanitizer_finish_switch_fiber(fake_, &from, &bytes);
            // The first to switch is the one on the system's stack.
            if (!system_stack_) system_stack_ = from, system_bytes_ = bytes;
        }
    }

private:
    static inline thread_local const void* system_stack_ = nullptr;
    static inline thread_local std::size_t system_bytes_ = 0;

    std::byte* stack_ = nullptr;
    void* kept_ = nullptr;
    void* tsan_ = nullptr;
    void* fake_ = nullptr; // the address sanitizer's
};

} // namespace cuda_emulation
