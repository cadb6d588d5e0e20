#include "support/catch.hpp"
#include "parity/outside_bench.hpp"

#include <latent/parity/compare.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;
using outside::Numbers;

namespace {

constexpr Numbers port_numbers[] = {Numbers::single, Numbers::half, Numbers::brain};
constexpr const char* numbers_name(Numbers numbers) {
    return numbers == Numbers::single ? "float32"
           : numbers == Numbers::half ? "float16"
                                      : "bfloat16";
}

/// An architecture with its weights, its inputs, and recordings of what is right.
class OutsideCase {
public:
    explicit OutsideCase(outside::Architecture chosen)
        : architecture(std::move(chosen)), config(config_of(architecture.settings)) {}

    struct Side {
        outside::Weights weights;
        PortInput input;
        Recording reference;
        std::vector<PortRow> right; ///< what the port dumps without a mistake, in float
    };

    /// Both sides once, and again wherever a mistake needs weights of its own.
    const Side& side(bool decodes, const outside::Louder& louder) {
        const auto [found, is_new] = sides_.try_emplace({decodes, louder});
        if (is_new) {
            const auto& settings = architecture.settings;
            const int scale = decodes ? 1 : architecture.scale();
            auto& made = found->second;
            made.weights = weights_of(config, architecture.seed, louder);
            made.input = PortInput::of(settings, decodes, 1, architecture.latent_h * scale,
                                       architecture.latent_w * scale, architecture.seed);
            made.reference = recorded(settings, made.weights, decodes, made.input);
            made.right =
                port_run(architecture, made.weights, decodes, made.input, Numbers::single);
        }
        return found->second;
    }
    /// The port's dump with the mistake in it.
    std::vector<PortRow> run(const outside::Planted& planted, Numbers numbers) {
        const auto& chosen = side(planted.decodes, planted.louder);
        return port_run(architecture, chosen.weights, planted.decodes, chosen.input, numbers,
                        planted.fault);
    }

    outside::Architecture architecture;
    AutoencoderKLConfig config;

private:
    std::map<std::pair<bool, outside::Louder>, Side> sides_;
};

/// What parity says of one subject.
struct PortFinding {
    std::string row, cause, detail;
    bool within = true;
};

[[nodiscard]] PortFinding port_finding(const Recording& reference, std::vector<PortRow> rows,
                                       Numbers numbers) {
    const auto recording = port_recording(std::move(rows), numbers);
    const std::vector<Subject> subjects{{"port", &recording, Layout::nhwc}};
    const auto comparison = compare(reference, subjects);
    REQUIRE(comparison.subjects.size() == 1);
    const auto& result = comparison.subjects.front();
    PortFinding found;
    found.within = result.within_tolerance;
    if (result.first) {
        found.row = comparison.rows.at(*result.first).name;
        found.cause = result.cause.name;
        found.detail = result.cause.detail;
    }
    return found;
}

[[nodiscard]] bool names_cause_of(const outside::Planted& planted, const std::string& cause) {
    if (planted.causes.empty()) return cause == "unknown";
    return std::ranges::count(planted.causes, cause) > 0;
}

/// The rows of both, in the order of the reference, that torch has a name for.
void each_row_of_both(const Recording& reference, const std::vector<PortRow>& a,
                      const std::vector<PortRow>& b,
                      const std::function<bool(const PortRow&, const PortRow&)>& f) {
    REQUIRE(a.size() == b.size());
    for (const auto& name : reference.order) {
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (a[i].torch == name && !f(a[i], b[i])) return;
        }
    }
}

/// The distance between a row of the port and the reference's.
[[nodiscard]] double distance_of(const Recording& reference, const PortRow& row) {
    Tensor<Cpu<double>> x(row.shape);
    std::ranges::copy(row.values, x.data());
    const auto truth = reference.read(row.torch);
    const auto image = arranged(std::move(x), truth.shape(), Layout::nhwc);
    REQUIRE(image.has_value());
    return statistics(truth, *image, Precision::f32).relative_l2;
}

[[nodiscard]] std::vector<OutsideCase> outside_cases() {
    std::vector<OutsideCase> cases;
    cases.emplace_back(outside::narrow());
    cases.emplace_back(outside::deep());
    return cases;
}

} // namespace

TEST_CASE("The outside port computes what our network does") {
    for (auto& c : outside_cases()) {
        for (const bool decodes : {true, false}) {
            const auto& side = c.side(decodes, {});
            std::size_t compared = 0;
            for (const auto& row : side.right) {
                if (row.torch.empty()) continue;
                CAPTURE(c.architecture.name, row.torch);
                CHECK(distance_of(side.reference, row) < 1e-5);
                ++compared;
            }
            CHECK(compared >= 20);
            CHECK(compared < side.reference.order.size()); // there are gaps
        }
    }
}

TEST_CASE("A planted fault shows first in the row that its table names") {
    for (auto& c : outside_cases()) {
        auto all = outside::faults_of(c.architecture);
        CHECK(all.size() == 20);
        for (auto& other : outside::unnamed_faults_of(c.architecture)) all.push_back(other);
        for (const auto& planted : all) {
            CAPTURE(c.architecture.name, planted.title);
            const auto& side = c.side(planted.decodes, planted.louder);
            const bool overflows = planted.fault.slip == outside::Slip::none;
            const auto wrong = c.run(planted, planted.numbers);
            std::string first;
            each_row_of_both(
                side.reference, side.right, wrong, [&](const auto& a, const auto& b) {
                    const bool finite = std::ranges::all_of(
                        b.values, [](float value) { return std::isfinite(value); });
                    if (overflows ? finite : a.values == b.values) return true;
                    first = a.torch;
                    return false;
                });
            CHECK(first == planted.row);
        }
    }
}

TEST_CASE("parity finds each fault planted in a port, and names most of them") {
    for (auto& c : outside_cases()) {
        int named = 0;
        for (const auto& planted : outside::faults_of(c.architecture)) {
            const auto& side = c.side(planted.decodes, planted.louder);
            const auto found =
                port_finding(side.reference, c.run(planted, planted.numbers), planted.numbers);
            CAPTURE(c.architecture.name, planted.title, found.cause, found.detail);
            CHECK(found.row == planted.row);
            CHECK(!found.within);
            if (found.row == planted.row && names_cause_of(planted, found.cause)) ++named;
        }
        CAPTURE(c.architecture.name);
        CHECK(named >= 17);
    }
}

TEST_CASE("parity says that it does not know a cause") {
    for (auto& c : outside_cases()) {
        for (const auto& planted : outside::unnamed_faults_of(c.architecture)) {
            const auto& side = c.side(planted.decodes, planted.louder);
            const auto found =
                port_finding(side.reference, c.run(planted, planted.numbers), planted.numbers);
            CAPTURE(c.architecture.name, planted.title, found.cause, found.detail);
            CHECK(found.row == planted.row);
            CHECK(found.cause == "unknown");
        }
    }
}

namespace {

/// A port without a mistake.
struct RightPort {
    std::string title;
    outside::Architecture architecture;
    bool decodes;
    int n, h, w;
    std::uint64_t seed;
    bool two_passes = true; ///< of the variance; one is less exact, and not wrong
    outside::Louder louder = {};
};

[[nodiscard]] std::vector<RightPort> right_ports() {
    const auto narrow = outside::narrow(), deep = outside::deep();
    auto one_head = narrow;
    one_head.settings.heads = 1;
    one_head.settings.attends = {false, true, false};
    auto small = deep; // one resolution, no attention but the middle's
    small.settings.widths = {16};
    small.settings.attends = {false};
    small.settings.groups = 4;
    auto thirty_two = narrow; // as trained ones are
    thirty_two.settings.widths = {32, 64};
    thirty_two.settings.attends = {false, false};
    thirty_two.settings.groups = 32;
    thirty_two.settings.heads = 1;
    thirty_two.settings.layers = 1;
    const outside::Louder loud{{"decoder.conv_in.weight", 300},
                               {"decoder.mid_block.resnets.1.conv2.weight", 15000}};
    const outside::Louder quiet{{"encoder.conv_in.weight", 0.02F},
                                {"encoder.conv_in.bias", 0.02F}};
    return {
        {"narrow", narrow, true, 1, 5, 4, 11},
        {"narrow, an image", narrow, false, 1, 20, 16, 12},
        {"narrow, two at once", narrow, true, 2, 3, 5, 13},
        {"narrow, an image whose sides are odd", narrow, false, 1, 21, 15, 14},
        {"deep", deep, true, 1, 3, 2, 15},
        {"deep, an image", deep, false, 1, 16, 24, 16},
        {"deep, statistics in one pass", deep, true, 2, 2, 5, 17, false},
        {"one head, attention elsewhere", one_head, true, 1, 4, 3, 18},
        {"one resolution", small, true, 1, 7, 6, 19},
        {"32 groups", thirty_two, true, 1, 6, 5, 20},
        {"large activations", narrow, true, 1, 4, 4, 21, true, loud},
        {"small activations", deep, false, 1, 16, 16, 22, true, quiet},
    };
}

} // namespace

TEST_CASE("parity raises no alarm about ports that are right") {
    for (const auto& right : right_ports()) {
        const auto& settings = right.architecture.settings;
        const auto weights = weights_of(config_of(settings), right.seed, right.louder);
        const auto input =
            PortInput::of(settings, right.decodes, right.n, right.h, right.w, right.seed);
        const auto reference = recorded(settings, weights, right.decodes, input);
        for (const auto numbers : port_numbers) {
            const auto found = port_finding(reference,
                                            port_run(right.architecture, weights, right.decodes,
                                                     input, numbers, {}, right.two_passes),
                                            numbers);
            CAPTURE(right.title, numbers_name(numbers), found.cause, found.detail);
            CHECK(found.row == "");
            CHECK(found.within);
        }
    }
}

TEST_CASE("parity finds the row behind any gaps", "[full]") {
    int compared = 0;
    for (const auto& base : {outside::narrow(), outside::deep()}) {
        for (const std::uint32_t seed : {1U, 2U, 3U}) {
            auto some = base;
            some.seed += seed;
            // Half of the rows, by a hash of their names.
            some.row = [seed](const outside::Dumped& layer) -> std::optional<std::string> {
                std::uint32_t hash = 2166136261U ^ seed; // FNV-1a
                for (const char letter : layer.name) {
                    hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
                }
                if (layer.torch.empty() || (hash >> 15U) % 2 == 0) return std::nullopt;
                return layer.torch;
            };
            OutsideCase c(some);
            auto all = outside::faults_of(c.architecture);
            for (auto& other : outside::unnamed_faults_of(c.architecture)) all.push_back(other);
            for (const auto& planted : all) {
                if (planted.numbers != Numbers::single) continue;
                const auto& side = c.side(planted.decodes, planted.louder);
                const auto wrong = c.run(planted, Numbers::single);
                std::string first;
                double size = 0;
                each_row_of_both(side.reference, side.right, wrong,
                                 [&](const auto& a, const auto& b) {
                                     if (a.values == b.values) return true;
                                     first = a.torch;
                                     size = distance_of(side.reference, b);
                                     return false;
                                 });
                // A mistake whose first trace is the size of rounding is found a row later.
                if (size < 1e-5) continue;
                const auto found = port_finding(side.reference, wrong, Numbers::single);
                CAPTURE(c.architecture.name, seed, planted.title, size, found.cause,
                        found.detail);
                CHECK(found.row == first);
                if (planted.causes.empty()) CHECK(found.cause == "unknown");
                ++compared;
            }
        }
    }
    CHECK(compared > 120);
}

// test_parity "[.table]" prints what came of each mistake, in each precision.
TEST_CASE("What parity says of each planted fault", "[.table][full]") {
    for (auto& c : outside_cases()) {
        auto all = outside::faults_of(c.architecture);
        for (auto& other : outside::unnamed_faults_of(c.architecture)) all.push_back(other);
        for (const auto numbers : port_numbers) {
            int rows = 0, causes = 0, number = 0;
            std::printf("\n%s, %s\n", c.architecture.name.c_str(), numbers_name(numbers));
            for (const auto& planted : all) {
                const auto in = planted.numbers == Numbers::single ? numbers : planted.numbers;
                const auto& side = c.side(planted.decodes, planted.louder);
                const auto found = port_finding(side.reference, c.run(planted, in), in);
                const bool row = found.row == planted.row;
                const bool cause = names_cause_of(planted, found.cause);
                rows += row ? 1 : 0;
                causes += row && cause ? 1 : 0;
                std::printf("%2d %-42s %s %-46s %s %s (%s)\n", ++number, planted.title.c_str(),
                            row ? "ok   " : "WRONG",
                            found.row.empty() ? "no divergence" : found.row.c_str(),
                            cause ? "ok   " : "WRONG", found.cause.c_str(),
                            found.detail.c_str());
            }
            std::printf("%d rows and %d causes of %d\n", rows, causes, number);
        }
    }
    SUCCEED();
}
