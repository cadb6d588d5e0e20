#pragma once

#include <latent/io/system.hpp>
#include <latent/tensor/trace.hpp>
#include <latent/tensor/workspace.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::command {

/// How much of a run is done after each call of its trace: the multiply-adds up to there. Tiles
/// call it with the same paths again.
using Schedule = std::vector<std::int64_t>;

/// A trace that writes a schedule down. On Meta that costs nothing, and it holds for every
/// device.
struct ScheduleTrace {
    Schedule* schedule;

    void operator()(std::string_view, const auto&) const {
        schedule->push_back(Workspace::current()->report().multiply_adds);
    }
};

/// A trace that watches a run: it draws a bar on stderr once a second has passed, and stops the
/// run after Ctrl-C.
class Progress {
public:
    /// An empty schedule draws nothing.
    Progress(std::string title, Schedule schedule)
        : title_(std::move(title)), schedule_(std::move(schedule)) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        // The bar leaves its line as it found it.
        if (drawn_) std::fputs("\r\033[K", stderr);
    }

    void operator()(std::string_view, const auto&) const {
        if (interrupted()) throw Stopped();
        const auto step = step_++;
        const auto now = Clock::now();
        if (step >= schedule_.size() || schedule_.back() == 0 || now < next_) return;
        next_ = now + std::chrono::milliseconds(100);
        drawn_ = true;
        const auto done =
            static_cast<double>(schedule_[step]) / static_cast<double>(schedule_.back());
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
    // A trace is handed on as const.
    mutable std::size_t step_ = 0;
    mutable Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
    mutable bool drawn_ = false;
};

} // namespace latent::command

/// They look at no values: what fused steps skip need not be computed for them.
template <>
inline constexpr bool latent::is_traced<latent::command::Progress> = false;
template <>
inline constexpr bool latent::is_traced<latent::command::ScheduleTrace> = false;
