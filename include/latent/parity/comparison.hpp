#pragma once

#include "latent/parity/layout.hpp"
#include "latent/parity/recording.hpp"
#include "latent/parity/statistics.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What comes of holding recordings against one that is right.

namespace latent {

/// Why a module errs. `name` is one of cause_names(), `detail` says it in figures: "1e-05 where
/// 1e-06 is right".
struct Cause {
    std::string name;
    std::string detail;
};

/// What is said about one output.
enum class Verdict {
    same,     ///< equal, bit for bit
    within,   ///< what rounding does
    first,    ///< the first divergence
    inherits, ///< differs by what came in; the module itself does what is right
    differs,  ///< differs, behind the first divergence
    missing,  ///< not in the subject
    unlike    ///< of a shape that cannot be compared
};

[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) {
    switch (verdict) {
    case Verdict::same:
        return "same";
    case Verdict::within:
        return "within";
    case Verdict::first:
        return "first";
    case Verdict::inherits:
        return "inherits";
    case Verdict::differs:
        return "differs";
    case Verdict::missing:
        return "missing";
    case Verdict::unlike:
        return "unlike";
    }
    return "";
}

/// One output of one subject.
struct Cell {
    Verdict verdict = Verdict::missing;
    std::string remark = {};              ///< what else there is to say, e.g. about the shape
    Statistics statistics = {};           ///< where the two could be compared
    Precision precision = Precision::f32; ///< of the subject's tensor
    /// The relative L2 error that this step alone adds: against the step computed in double on
    /// the subject's own values. Known where the step could be replayed.
    std::optional<double> own_error = {};
    double own_tolerance = 0; ///< what rounding may do in the step
    double tolerance = 0;     ///< what rounding may do up to here

    [[nodiscard]] bool compared() const {
        return verdict != Verdict::missing && verdict != Verdict::unlike;
    }
};

struct ComparisonRow {
    std::string name;       ///< of the output: its path, "#1" behind it for a second call
    std::string class_name; ///< torch's; empty where nobody said
    Shape shape;
    std::vector<Cell> cells; ///< one a subject
};

struct SubjectResult {
    std::string title;
    std::optional<std::size_t> first = {}; ///< the row of the first divergence
    Cause cause = {};                      ///< of the first divergence
    std::vector<std::string> extra = {};   ///< outputs that the reference does not have
    bool within_tolerance = true;          ///< every row that was compared
};

struct Comparison {
    std::string reference; ///< the title of what is right
    std::vector<ComparisonRow> rows;
    std::vector<SubjectResult> subjects;

    [[nodiscard]] bool within_tolerance() const {
        return std::ranges::all_of(
            subjects, [](const SubjectResult& subject) { return subject.within_tolerance; });
    }
};

/// What is held against the reference.
struct Subject {
    std::string title;
    const Recording* recording = nullptr;
    Layout layout = Layout::nchw; ///< of its images
};

struct CompareOptions {
    /// The relative L2 error up to which a row is good; none: what rounding in the row's
    /// precision does to a network (float64 1e-9, float32 1e-4, float16 3e-2, bfloat16 0.2).
    std::optional<double> tolerance = {};
    bool isolated = false; ///< each module ran on its recorded input: no row inherits
};

} // namespace latent
