#pragma once

#include "latent/tensor/devices.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <limits>
#include <locale>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

namespace printing {

// torch.set_printoptions(profile="default")
inline constexpr int precision = 4;
inline constexpr std::int64_t threshold = 1000; // tensors with more elements are summarised:
inline constexpr std::int64_t edge_items = 3;   // so many stay at each end of an axis
inline constexpr std::size_t line_width = 80;

/// How the numbers of one tensor are written: all in one notation, as wide as the widest.
class NumberStyle {
public:
    /// Chooses by the numbers that will be seen; zeros, infinities and NaN have no say.
    explicit NumberStyle(std::span<const double> seen) {
        double smallest = std::numeric_limits<double>::infinity(), largest = 0.0;
        const auto counts = [](double value) { return std::isfinite(value) && value != 0.0; };
        for (const double value : seen) {
            if (!counts(value)) continue;
            smallest = std::min(smallest, std::abs(value));
            largest = std::max(largest, std::abs(value));
            integers_ = integers_ && value == std::ceil(value);
        }
        scientific_ = largest / smallest > 1000.0 || largest > 1e8 || smallest < 1e-4;
        for (const double value : seen) {
            if (counts(value)) width_ = std::max(width_, text(value).size());
        }
    }

    [[nodiscard]] std::size_t width() const { return width_; }

    /// The number, moved to the right end of the common width.
    [[nodiscard]] std::string operator()(double value) const {
        const std::string number = text(value);
        return std::string(width_ - std::min(width_, number.size()), ' ') + number;
    }

private:
    [[nodiscard]] std::string text(double value) const {
        if (std::isnan(value)) return "nan";
        if (std::isinf(value)) return value < 0.0 ? "-inf" : "inf";
        std::ostringstream out;
        out.imbue(std::locale::classic()); // a decimal point, whatever the program's locale
        out << (scientific_ ? std::scientific : std::fixed);
        out << std::setprecision(integers_ && !scientific_ ? 0 : precision) << value;
        if (integers_ && !scientific_) out << '.';
        return out.str();
    }

    bool integers_ = true;
    bool scientific_ = false;
    std::size_t width_ = 1;
};

/// Calls `show(i)` for each index of an axis that is printed, `skip()` where some are left out.
template <class Show, class Skip>
void for_each_shown(std::int64_t length, bool summarise, const Show& show, const Skip& skip) {
    const bool shortened = summarise && length > 2 * edge_items;
    for (std::int64_t i = 0; i < length; ++i) {
        if (shortened && i == edge_items) {
            skip();
            i = length - edge_items;
        }
        show(i);
    }
}

/// Writes the elements in nested brackets. Rows fill the line; larger parts are set apart by as
/// many line breaks as they have axes.
template <class Scalar>
class Brackets {
public:
    Brackets(std::span<const std::int64_t> dims, std::span<const Scalar> values)
        : dims_(dims),
          values_(values),
          summarise_(std::ssize(values) > threshold),
          style_(seen(0, 0)) {}

    /// `column` is where the first bracket stands.
    [[nodiscard]] std::string text(std::size_t column) const { return part(0, 0, column); }

private:
    // A part of the tensor is what is left when the axes before `axis` are fixed. `index`
    // counts such parts in memory: those inside part `index` begin at index * length.
    [[nodiscard]] double element(std::int64_t index) const {
        return static_cast<double>(values_[static_cast<std::size_t>(index)]);
    }

    [[nodiscard]] std::vector<double> seen(std::size_t axis, std::int64_t index) const {
        if (axis == dims_.size()) return {element(index)};
        std::vector<double> numbers;
        const auto append = [&](std::int64_t i) {
            const auto inner = seen(axis + 1, index * dims_[axis] + i);
            numbers.insert(numbers.end(), inner.begin(), inner.end());
        };
        for_each_shown(dims_[axis], summarise_, append, [] {});
        return numbers;
    }

    [[nodiscard]] std::string part(std::size_t axis, std::int64_t index,
                                   std::size_t column) const {
        if (axis == dims_.size()) return style_(element(index));
        const std::size_t axes = dims_.size() - axis;
        const std::size_t room = line_width - std::min(line_width, column);
        const std::size_t per_line =
            axes > 1 ? 1 : std::max<std::size_t>(1, room / (style_.width() + 2));
        const std::string line_break = "," +
                                       std::string(std::max<std::size_t>(1, axes - 1), '\n') +
                                       std::string(column + 1, ' ');

        std::string out = "[";
        std::size_t count = 0;
        const auto append = [&](std::string_view inner) {
            if (count > 0) out += count % per_line == 0 ? line_break : ", ";
            out += inner;
            ++count;
        };
        for_each_shown(
            dims_[axis], summarise_,
            [&](std::int64_t i) {
                append(part(axis + 1, index * dims_[axis] + i, column + 1));
            },
            [&] { append(axes > 1 ? "..." : " ..."); });
        return out + "]";
    }

    std::span<const std::int64_t> dims_;
    std::span<const Scalar> values_;
    bool summarise_;
    NumberStyle style_;
};

/// "(2, 3)", "(5,)", "()": a shape as Python writes a tuple.
[[nodiscard]] inline std::string tuple(const Shape& shape) {
    std::string out = "(";
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        out += (axis > 0 ? ", " : "") + std::to_string(shape[axis]);
    }
    return out + (shape.rank() == 1 ? ",)" : ")");
}

/// Appends ", suffix", on a line of its own where this one would become too long. torch counts
/// two more characters than there are.
inline void append_suffix(std::string& out, std::string_view suffix, std::size_t column) {
    const std::size_t line_start = out.rfind('\n') + 1; // 0 where there is no line break
    const std::size_t used = out.size() - line_start + 2;
    const bool fits = used + 2 + suffix.size() <= line_width;
    out.append(fits ? ", " : ",\n" + std::string(column, ' ')).append(suffix);
}

} // namespace printing

/// The text that Python's print shows for such a tensor, with torch's default options: four
/// digits, lines of 80 characters, the middle left out beyond 1000 elements. All numbers that
/// are seen share a notation: scientific when they span more than a factor of 1000, exceed 1e8
/// or fall below 1e-4; else "1." when all are whole; else "1.0000".
/// Parity: torch.Tensor.__str__ of float32 and float64 tensors.
template <std::floating_point Scalar>
[[nodiscard]] std::string to_string(const Tensor<Cpu<Scalar>>& x) {
    std::string out = "tensor(";
    const std::size_t column = out.size();
    if (x.numel() > 0) {
        out += printing::Brackets<Scalar>(x.shape().dims(), x.values()).text(column);
    } else {
        out += "[]";
        if (x.shape().rank() != 1) {
            printing::append_suffix(out, "size=" + printing::tuple(x.shape()), column);
        }
    }
    if (std::same_as<Scalar, double>) {
        printing::append_suffix(out, "dtype=torch.float64", column);
    }
    return out + ")";
}

/// A Meta tensor has a shape alone: tensor(..., device='meta', size=(1, 3, 64, 64)).
[[nodiscard]] inline std::string to_string(const Tensor<Meta>& x) {
    return "tensor(..., device='meta', size=" + printing::tuple(x.shape()) + ")";
}

template <std::floating_point Scalar>
std::ostream& operator<<(std::ostream& stream, const Tensor<Cpu<Scalar>>& x) {
    return stream << to_string(x);
}

inline std::ostream& operator<<(std::ostream& stream, const Tensor<Meta>& x) {
    return stream << to_string(x);
}

} // namespace latent
