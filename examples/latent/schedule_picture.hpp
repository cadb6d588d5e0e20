#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A scheduler as a picture in SVG: what it does to the noise, and to points in the plane.

namespace latent::command {

/// A call of the network. Nothing stands where a scheduler has no such number.
struct ScheduleRow {
    double timestep = 0;
    std::optional<double> sigma, signal_to_noise;
};
using PlanePoint = std::array<double, 2>;

struct ScheduleRun {
    std::string name;
    std::size_t steps = 0;
    int order = 1;
    std::optional<double> init_noise_sigma;
    std::vector<ScheduleRow> rows;
    std::optional<double> last_sigma; ///< behind the last step
    bool inverse = false;
    std::vector<std::vector<PlanePoint>> paths; ///< none: it has no step of the usual kind
    std::vector<PlanePoint> data;
};

/// A number with so many digits, without noughts at its end.
[[nodiscard]] inline std::string short_number(double x, int digits = 4) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*g", digits, x);
    return text;
}

namespace detail {

inline constexpr double panel_top = 70, panel_side = 300;
inline constexpr double left_panel = 64, left_width = 400, right_panel = 520;

/// A path's data in half units, each point as its way from the one before: short text.
class HalfUnits {
public:
    void move(double x, double y) { add('M', x, y, true); }
    void line(double x, double y) { add('l', x, y, false); }
    /// A dot, where lines have round ends.
    void dot(double x, double y) {
        move(x, y);
        text_ += "h0";
        last_ = 'h';
    }
    [[nodiscard]] std::string path(std::string_view style) const {
        return "<path " + std::string(style) + " d=\"" + text_ + "\"/>\n";
    }

private:
    void add(char command, double x, double y, bool absolute) {
        const auto to_x = std::lround(2 * x), to_y = std::lround(2 * y);
        if (command != last_) text_ += command;
        const auto number = [&](long value, bool spaced) {
            if (spaced && value >= 0) text_ += ' ';
            text_ += std::to_string(value);
        };
        number(absolute ? to_x : to_x - x_, command == last_);
        number(absolute ? to_y : to_y - y_, true);
        x_ = to_x, y_ = to_y, last_ = command;
    }

    std::string text_;
    long x_ = 0, y_ = 0;
    char last_ = ' ';
};

[[nodiscard]] inline std::string svg_text(double x, double y, std::string_view text,
                                          std::string_view style = {}) {
    return "<text x=\"" + short_number(x) + "\" y=\"" + short_number(y) + "\"" +
           (style.empty() ? "" : " " + std::string(style)) + ">" + std::string(text) +
           "</text>\n";
}

[[nodiscard]] inline std::string svg_line(double x0, double y0, double x1, double y1) {
    return "M" + short_number(x0, 5) + " " + short_number(y0, 5) + "L" + short_number(x1, 5) +
           " " + short_number(y1, 5);
}

/// 1, 2 and 5 times powers of ten, or these alone where the decades are many.
[[nodiscard]] inline std::vector<double> log_ticks(double low, double high) {
    std::vector<double> ticks;
    const auto decades = std::log10(high / low);
    for (int power = -12; power <= 12; ++power) {
        for (const double digit : {1.0, 2.0, 5.0}) {
            if (digit != 1 && decades > 2) continue;
            const auto tick = digit * std::pow(10.0, power);
            if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push_back(tick);
        }
    }
    return ticks;
}

/// A power of ten as such: "10" with an exponent, or the number where it is short.
[[nodiscard]] inline std::string tick_label(double tick) {
    if (tick >= 1e-3 && tick <= 1e4) return short_number(tick, 5);
    return "10<tspan dy=\"-5\" font-size=\"8\">" +
           std::to_string(std::lround(std::log10(tick))) + "</tspan>";
}

/// The sigmas over the steps.
[[nodiscard]] inline std::string sigma_panel(const ScheduleRun& run) {
    const auto bottom = panel_top + panel_side;
    std::vector<std::optional<double>> sigmas;
    for (const auto& row : run.rows) sigmas.push_back(row.sigma);
    if (run.last_sigma) sigmas.push_back(run.last_sigma);
    double low = std::numeric_limits<double>::infinity(), high = 0;
    bool ends = false; // at 0, which has no place on the axis
    for (const auto& sigma : sigmas) {
        if (!sigma || !std::isfinite(*sigma)) continue;
        if (*sigma <= 0) ends = true;
        if (*sigma > 0) low = std::min(low, *sigma), high = std::max(high, *sigma);
    }
    if (high == 0) {
        return svg_text(left_panel + left_width / 2, panel_top + panel_side / 2,
                        "no table of sigmas", "class=\"dim\" text-anchor=\"middle\"");
    }
    if (high / low < 3) high *= 1.7, low /= 1.7;
    const auto floor = bottom - (ends ? 34 : 10), ceiling = panel_top + 12;
    const auto last = static_cast<double>(std::max<std::size_t>(sigmas.size() - 1, 1));
    const auto x_of = [&](double i) { return left_panel + 12 + (left_width - 24) * i / last; };
    const auto y_of = [&](double sigma) {
        return sigma <= 0
                   ? bottom - 10
                   : floor + (ceiling - floor) * std::log(sigma / low) / std::log(high / low);
    };

    // 1. The axes: sigma, and the timesteps of a few steps.
    std::string grid, labels;
    for (const auto tick : log_ticks(low, high)) {
        grid += svg_line(left_panel, y_of(tick), left_panel + left_width, y_of(tick));
        labels +=
            svg_text(left_panel - 8, y_of(tick) + 4, tick_label(tick), "text-anchor=\"end\"");
    }
    if (ends) labels += svg_text(left_panel - 8, y_of(0) + 4, "0", "text-anchor=\"end\"");
    const auto calls = run.rows.size();
    const auto apart = std::max<std::size_t>(1, (calls + 5) / 6);
    for (std::size_t i = 0; i < calls; i += apart) {
        const auto x = x_of(static_cast<double>(i));
        grid += svg_line(x, panel_top, x, bottom);
        labels += svg_text(
            x, bottom + 16,
            short_number(run.rows[i].timestep, 3 + (run.rows[i].timestep >= 1000 ? 1 : 0)),
            "text-anchor=\"middle\"");
    }
    labels += svg_text(left_panel + left_width / 2, bottom + 34, "timestep",
                       "class=\"dim\" text-anchor=\"middle\"");
    labels += svg_text(left_panel, panel_top - 8, "sigma", "class=\"dim\"");

    // 2. The sigmas; dashed to the 0 at the end.
    HalfUnits line, dots, fall;
    std::optional<PlanePoint> before;
    const auto stride = std::max<std::size_t>(1, sigmas.size() / 250);
    for (std::size_t i = 0; i < sigmas.size(); ++i) {
        if (i % stride != 0 && i + 2 < sigmas.size()) continue;
        if (!sigmas[i] || !std::isfinite(*sigmas[i])) {
            before.reset();
            continue;
        }
        const PlanePoint at{x_of(static_cast<double>(i)), y_of(*sigmas[i])};
        if (*sigmas[i] <= 0 && before) {
            fall.move((*before)[0], (*before)[1]);
            fall.line(at[0], at[1]);
        } else if (before) {
            line.line(at[0], at[1]);
        } else {
            line.move(at[0], at[1]);
        }
        if (sigmas.size() <= 120) dots.dot(at[0], at[1]);
        before = at;
    }
    return "<path class=\"grid\" d=\"" + grid + "\"/>\n" + labels +
           "<g transform=\"scale(.5)\" class=\"sigma\">\n" + line.path("stroke-width=\"3\"") +
           fall.path("stroke-width=\"2\" stroke-dasharray=\"5 6\"") +
           dots.path("stroke-width=\"8\"") + "</g>\n";
}

/// The points on their way.
[[nodiscard]] inline std::string plane_panel(const ScheduleRun& run) {
    const auto middle_x = right_panel + panel_side / 2;
    const auto middle_y = panel_top + panel_side / 2;
    std::string svg = "<rect x=\"" + short_number(right_panel) + "\" y=\"" +
                      short_number(panel_top) + "\" width=\"" + short_number(panel_side) +
                      "\" height=\"" + short_number(panel_side) + "\" class=\"frame\"/>\n";
    if (run.paths.empty()) {
        const auto centered = "class=\"dim\" text-anchor=\"middle\"";
        return svg + svg_text(middle_x, middle_y - 8, "A step of its own:", centered) +
               svg_text(middle_x, middle_y + 10, "it asks for more than a prediction.",
                        centered);
    }
    constexpr double reach = 2.6; // what the panel shows to either side
    const auto x_of = [&](const PlanePoint& p) {
        return middle_x + std::clamp(p[0] / reach, -0.99, 0.99) * panel_side / 2;
    };
    const auto y_of = [&](const PlanePoint& p) {
        return middle_y - std::clamp(p[1] / reach, -0.99, 0.99) * panel_side / 2;
    };
    // 1. Those that wander are many lines: a few of them stand for all, the rest is faint.
    double length = 0;
    for (const auto& path : run.paths)
        for (std::size_t i = 1; i < path.size(); ++i)
            length += std::hypot(path[i][0] - path[i - 1][0], path[i][1] - path[i - 1][1]);
    const auto wanders = length > 4 * static_cast<double>(run.paths.size());

    // 2. Dots and lines.
    HalfUnits data, ways, chosen, starts, ends;
    for (const auto& point : run.data) data.dot(x_of(point), y_of(point));
    for (std::size_t n = 0; n < run.paths.size(); ++n) {
        const auto& path = run.paths[n];
        auto& way = wanders && n % 20 == 8 ? chosen : ways;
        const auto stride = std::max<std::size_t>(1, path.size() / 40);
        way.move(x_of(path.front()), y_of(path.front()));
        for (std::size_t i = stride; i < path.size() - 1; i += stride)
            way.line(x_of(path[i]), y_of(path[i]));
        way.line(x_of(path.back()), y_of(path.back()));
        const auto& noise = run.inverse ? path.back() : path.front();
        const auto& clean = run.inverse ? path.front() : path.back();
        starts.dot(x_of(noise), y_of(noise));
        ends.dot(x_of(clean), y_of(clean));
    }
    const std::string line = "stroke=\"#2f6fde\" stroke-width=\"2\"";
    svg += "<g transform=\"scale(.5)\" class=\"plane\">\n" +
           data.path("stroke=\"#c9d1dc\" stroke-width=\"5\"") +
           ways.path(line + " stroke-opacity=\"" + (wanders ? ".16" : ".55") + "\"") +
           (wanders ? chosen.path(line) : "") +
           starts.path("stroke=\"#2f6fde\" stroke-width=\"8\"") +
           ends.path("stroke=\"#e0671b\" stroke-width=\"8\"") + "</g>\n";
    // The legend: a dot and a word each.
    const auto y = panel_top + panel_side + 16;
    const auto entry = [&](double x, const char* colour, const char* word) {
        svg += "<circle cx=\"" + short_number(x) + "\" cy=\"" + short_number(y - 4) +
               "\" r=\"3\" fill=\"" + colour + "\"/>\n" + svg_text(x + 8, y, word);
    };
    entry(right_panel + 62, "#2f6fde", run.inverse ? "end" : "noise");
    entry(right_panel + 126, "#e0671b", run.inverse ? "start" : "sample");
    entry(right_panel + 200, "#b9c2ce", "data");
    return svg;
}

} // namespace detail

/// "20 steps, 39 calls of the network" and what else there is to say.
[[nodiscard]] inline std::string schedule_summary(const ScheduleRun& run) {
    auto text = std::to_string(run.steps) + (run.steps == 1 ? " step" : " steps");
    if (run.rows.size() != run.steps)
        text += ", " + std::to_string(run.rows.size()) + " calls of the network";
    if (run.init_noise_sigma)
        text += ", init_noise_sigma " + short_number(*run.init_noise_sigma, 6);
    return text;
}

/// Both panels side by side, as one SVG file.
[[nodiscard]] inline std::string schedule_picture(const ScheduleRun& run) {
    std::string svg =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 420\" "
        "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"12\" "
        "fill=\"#1d2129\">\n<title>" +
        run.name + "</title>\n" +
        "<style>.dim{fill:#5b6472}.grid{stroke:#e6e9ee;fill:none}"
        ".frame{fill:#fbfcfd;stroke:#d5dae2}.sigma path{fill:none;stroke:#2f6fde;"
        "stroke-linecap:round;stroke-linejoin:round}.plane path{fill:none;"
        "stroke-linecap:round;stroke-linejoin:round}</style>\n"
        "<rect width=\"840\" height=\"420\" fill=\"#fff\"/>\n";
    svg += detail::svg_text(24, 32, run.name, "font-size=\"18\" font-weight=\"600\"");
    svg +=
        detail::svg_text(816, 32, schedule_summary(run), "class=\"dim\" text-anchor=\"end\"");
    svg += "<rect x=\"64\" y=\"70\" width=\"400\" height=\"300\" class=\"frame\"/>\n";
    svg += detail::sigma_panel(run) + detail::plane_panel(run);
    return svg + "</svg>\n";
}

} // namespace latent::command
