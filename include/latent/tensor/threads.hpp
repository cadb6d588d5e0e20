#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace latent {

/// Runs `body(worker)` once for each worker 0 .. workers - 1, at the same time if it can, and
/// returns when all are done. A program with a thread pool of its own plugs it in here.
using Executor = std::function<void(int workers, const std::function<void(int)>& body)>;

/// Threads that wait for work: the Executor that a Workspace uses when it is given none.
class ThreadPool {
public:
    ThreadPool() = default;
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& thread : threads_) thread.join();
    }

    /// Worker 0 is the calling thread. `body` must not throw.
    void run(int workers, const std::function<void(int)>& body) {
        while (static_cast<int>(threads_.size()) < workers - 1) {
            threads_.emplace_back([this, worker = static_cast<int>(threads_.size()) + 1,
                                   seen = round_] { serve(worker, seen); });
        }
        {
            const std::lock_guard lock(mutex_);
            body_ = &body;
            workers_ = workers;
            busy_ = workers - 1;
            ++round_;
        }
        wake_.notify_all();
        body(0);
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return busy_ == 0; });
    }

private:
    void serve(int worker, std::uint64_t seen) {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [&] { return stop_ || round_ != seen; });
            if (stop_) return;
            seen = round_;
            if (worker >= workers_) continue;
            const auto* body = body_;
            lock.unlock();
            (*body)(worker);
            lock.lock();
            if (--busy_ == 0) done_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> threads_;
    const std::function<void(int)>* body_ = nullptr;
    std::uint64_t round_ = 0;
    int workers_ = 0;
    int busy_ = 0;
    bool stop_ = false;
};

} // namespace latent
