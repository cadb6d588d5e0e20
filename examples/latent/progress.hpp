#pragma once

#include <latent/io/system.hpp>
#include <latent/tensor/trace.hpp>
#include <latent/tensor/workspace.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace latent::command {

/// How much of a run is done after a module: its path, and the multiply-adds up to there.
using Schedule = std::map<std::string, std::int64_t, std::less<>>;

/// A trace that writes a schedule down. On Meta that costs nothing, and it holds for every
/// device.
struct ScheduleTrace {
    Schedule* schedule;

    void operator()(std::string_view path, const auto&) const {
        (*schedule)[std::string(path)] = Workspace::current()->report().multiply_adds;
    }
};

/// A trace that watches a run: it draws a bar on stderr once a second has passed, and stops the
/// run after Ctrl-C.
class Progress {
public:
    /// An empty schedule draws nothing.
    Progress(std::string title, Schedule schedule)
        : title_(std::move(title)), schedule_(std::move(schedule)) {
        for (const auto& [path, work] : schedule_) total_ = std::max(total_, work);
    }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        // The bar leaves its line as it found it.
        if (drawn_) std::fputs("\r\033[K", stderr);
    }

    void operator()(std::string_view path, const auto&) const {
        if (interrupted()) throw Stopped();
        const auto step = schedule_.find(path);
        const auto now = Clock::now();
        if (step == schedule_.end() || total_ == 0 || now < next_) return;
        next_ = now + std::chrono::milliseconds(100);
        drawn_ = true;
        const auto done = static_cast<double>(step->second) / static_cast<double>(total_);
        constexpr int width = 40;
        const auto filled = static_cast<std::size_t>(done * width);
        std::string bar(width, '.');
        bar.replace(0, filled, std::string(filled, '#'));
        std::fprintf(stderr, "\r%s [%s] %3.0f%%\033[K", title_.c_str(), bar.c_str(),
                     100 * done);
        std::fflush(stderr);
    }

private:
    using Clock = std::chrono::steady_clock;

    std::string title_;
    Schedule schedule_;
    std::int64_t total_ = 0;
    // A trace is handed on as const.
    mutable Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
    mutable bool drawn_ = false;
};

} // namespace latent::command

/// They look at no values: what fused steps skip need not be computed for them.
template <>
inline constexpr bool latent::is_traced<latent::command::Progress> = false;
template <>
inline constexpr bool latent::is_traced<latent::command::ScheduleTrace> = false;
