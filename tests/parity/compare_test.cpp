#include "support/catch.hpp"
#include "parity/small_network.hpp"

#include <latent/io/rounding.hpp>
#include <latent/parity/compare.hpp>

#include <array>
#include <functional>
#include <limits>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

using Network = DecoderKL<Cpu<float>>;

Comparison compared(const Recording& reference, const Recording& other,
                    Layout layout = Layout::nchw, const CompareOptions& options = {}) {
    const std::array subjects{Subject{"other", &other, layout}};
    return compare(reference, subjects, options);
}

/// Where the first divergence is, and why.
std::pair<std::string, Cause> found(const Comparison& comparison) {
    const auto& subject = comparison.subjects[0];
    if (!subject.first) return {"", {}};
    return {comparison.rows[*subject.first].name, subject.cause};
}

struct MistakeCase {
    std::string title, row, cause;
    std::function<void(Network&)> plant;
};

const std::string mid = "decoder.mid_block.";
const std::string up = "decoder.up_blocks.";

std::vector<MistakeCase> mistakes() {
    return {
        {"eps", mid + "resnets.0.norm1", "GroupNorm eps",
         [](Network& net) { net.decoder.mid_block.resnets[0].norm1.config.eps = 1e-5; }},
        {"groups", up + "0.resnets.1.norm1", "group count",
         [](Network& net) {
             net.decoder.up_blocks[0].resnets[1].norm1.config.num_groups = 16;
         }},
        {"heads", mid + "attentions.0.to_out.0", "head count",
         [](Network& net) { net.decoder.mid_block.attentions[0].heads = 4; }},
        {"no activation", up + "0.resnets.0.conv1", "missing activation",
         [](Network& net) { net.decoder.up_blocks[0].resnets[0].act_fn = Activation::none; }},
        {"another activation", up + "0.resnets.0.conv1", "unknown",
         [](Network& net) { net.decoder.up_blocks[0].resnets[0].act_fn = Activation::gelu; }},
        {"exchanged weights", up + "0.resnets.0.conv1", "swapped modules",
         [](Network& net) {
             auto& resnet = net.decoder.up_blocks[0].resnets[0];
             std::swap(resnet.conv1.kernel, resnet.conv2.kernel);
         }},
        {"transposed matrix", mid + "attentions.0.to_v", "transposed weight",
         [](Network& net) {
             auto& weight = net.decoder.mid_block.attentions[0].to_v.weight;
             const auto n = weight.dim(0);
             weight = transpose(weight.clone().reshaped({1, n, n})).reshaped({n, n});
         }},
        {"no bias", mid + "attentions.0.to_out.0", "unknown",
         [](Network& net) {
             std::ranges::fill(net.decoder.mid_block.attentions[0].to_out.bias.values(), 0.0F);
         }},
    };
}

/// Each number of the values rounded to a dtype.
Exact stored_as(Exact values, DType dtype) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(values.numel()) * 2);
    (void)round_elements(DType::F64, std::as_bytes(values.values()), dtype, bytes);
    convert(dtype, bytes, values.values());
    return values;
}

} // namespace

TEST_CASE("compare: a right network is within tolerance, and every step is known") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto comparison = compared(reference, dump(small.make<Cpu<float>>(), small.latents));
    CHECK(comparison.within_tolerance());
    CHECK(comparison.rows.size() == reference.order.size());
    for (const auto& row : comparison.rows) {
        const auto& cell = row.cells[0];
        INFO(row.name << " " << cell.remark);
        CHECK((cell.verdict == Verdict::within || cell.verdict == Verdict::same));
        CHECK(cell.statistics.relative_l2 <= 1e-5);
        CHECK(cell.own_error.has_value());
        CHECK(cell.own_error <= 0.5 * cell.own_tolerance); // half of the room stays free
        CHECK_FALSE(row.class_name.empty());
    }
}

TEST_CASE("compare: the first divergence is where the mistake is, and has its name") {
    const SmallDecoder small;
    const auto reference = small.reference();
    for (const auto& mistake : mistakes()) {
        INFO(mistake.title);
        auto network = small.make<Cpu<float>>();
        mistake.plant(network);
        // Outputs alone, and with inputs, which have the mistake in them.
        const RecordTrace<Cpu<float>> record;
        (void)network.forward(small.latents, record);
        const std::array<Recording, 2> subjects{dump(network, small.latents), record.finish()};
        for (const auto& subject : subjects) {
            const auto comparison = compared(reference, subject);
            const auto [row, cause] = found(comparison);
            INFO(cause.detail);
            CHECK(row == mistake.row);
            CHECK(cause.name == mistake.cause);
            CHECK_FALSE(comparison.within_tolerance());
            // What comes behind is not to blame.
            CHECK(comparison.rows.back().cells[0].verdict != Verdict::first);
        }
    }
}

TEST_CASE("compare: behind the first divergence, rows inherit or err themselves") {
    const SmallDecoder small;
    const auto reference = small.reference();
    auto network = small.make<Cpu<float>>();
    network.decoder.mid_block.resnets[0].norm1.config.eps = 0.5;
    network.decoder.up_blocks[1].resnets[0].norm1.config.num_groups = 2;
    const auto comparison = compared(reference, dump(network, small.latents));
    CHECK(found(comparison).first == mid + "resnets.0.norm1");
    for (const auto& row : comparison.rows) {
        const auto verdict = row.cells[0].verdict;
        INFO(row.name);
        if (row.name == up + "1.resnets.0.norm1") CHECK(verdict == Verdict::differs);
        if (row.name == mid + "resnets.1.conv2") CHECK(verdict == Verdict::inherits);
        if (row.name == "post_quant_conv") CHECK(verdict == Verdict::within);
    }
}

TEST_CASE("compare: latents that were scaled otherwise") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto network = small.make<Cpu<float>>();
    const auto [row, cause] =
        found(compared(reference, dump(network, scaled(small.latents, 1 / 0.18215))));
    CHECK(row == "post_quant_conv");
    CHECK(cause.name == "scaling factor");
    CHECK(cause.detail == "its input times 5.48998");
    const auto shifted =
        found(compared(reference, dump(network, scaled(small.latents, 2, 0.125)))).second;
    CHECK(shifted.detail == "its input times 2 plus 0.125");
}

TEST_CASE("compare: gaps are gone over, and their mistakes found behind them") {
    const SmallDecoder small;
    const auto reference = small.reference();
    auto network = small.make<Cpu<float>>();
    const auto sparse = [&](const Recording& recording) {
        return changed_dump(recording, [](const std::string& name, Exact x) {
            const bool keep = name.find("norm") == std::string::npos &&
                              name.find("conv1") == std::string::npos;
            return keep ? std::optional(std::move(x)) : std::nullopt;
        });
    };
    const auto right = compared(reference, sparse(dump(network, small.latents)));
    CHECK(right.within_tolerance());
    CHECK(std::ranges::count_if(right.rows, [](const ComparisonRow& row) {
              return row.cells[0].verdict == Verdict::missing;
          }) > 5);
    network.decoder.mid_block.resnets[0].norm1.config.eps = 1e-3;
    const auto [row, cause] = found(compared(reference, sparse(dump(network, small.latents))));
    CHECK(row == mid + "resnets.0.conv2");
    CHECK(cause.name == "GroupNorm eps");
    CHECK(cause.detail.find(mid + "resnets.0.norm1") != std::string::npos);
}

TEST_CASE("compare: half precision is no mistake, and what it cannot hold is one") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto whole = dump(small.make<Cpu<float>>(), small.latents);
    for (const auto dtype : {DType::F16, DType::BF16}) {
        const auto halved = changed_dump(whole, [&](const std::string&, Exact x) {
            return std::optional(stored_as(std::move(x), dtype));
        });
        CHECK(compared(reference, halved).within_tolerance());
    }
    // The same network, louder in one place.
    const auto loud = [&](const Recording& recording, double limit) {
        return changed_dump(recording, [&](const std::string& name, Exact x) {
            for (auto& value : x.values()) {
                value *= 1e6;
                if (std::abs(value) > limit && name == "post_quant_conv") {
                    value = std::copysign(std::numeric_limits<double>::infinity(), value);
                }
            }
            return std::optional(std::move(x));
        });
    };
    const auto [row, cause] = found(compared(loud(reference, 1e300), loud(whole, 65504)));
    CHECK(row == "post_quant_conv");
    CHECK(cause.name == "half overflow");
}

TEST_CASE("compare: shapes that do not fit are told with a hint") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto turned = changed_dump(
        dump(small.make<Cpu<float>>(), small.latents), [](const std::string&, Exact x) {
            if (x.shape().rank() != 4) return std::optional(std::move(x));
            return std::optional(
                latent::detail::permuted(x, std::vector<std::size_t>{0, 2, 3, 1}));
        });
    const auto blind = compared(reference, turned);
    CHECK_FALSE(blind.within_tolerance());
    CHECK(blind.rows[0].cells[0].verdict == Verdict::unlike);
    CHECK(blind.rows[0].cells[0].remark ==
          "shape [1, 10, 12, 4], expected [1, 4, 10, 12]; it is nhwc");
    CHECK(compared(reference, turned, Layout::nhwc).within_tolerance());
}

TEST_CASE("compare: two bare dumps, of which nobody knows the network") {
    const SmallDecoder small;
    auto network = small.make<Cpu<float>>();
    const auto reference = dump(network, small.latents);
    CHECK(compared(reference, dump(network, small.latents)).within_tolerance());
    CHECK(compared(reference, dump(network, small.latents)).rows[0].cells[0].verdict ==
          Verdict::same);
    const std::string at = up + "0.resnets.0.conv1";
    const auto with = [&](auto change) {
        return found(
            compared(reference, changed_dump(reference, [&](const std::string& name, Exact x) {
                         return std::optional(name == at ? change(std::move(x)) : std::move(x));
                     })));
    };
    const auto silu = with([](Exact x) { return activation(Activation::silu, std::move(x)); });
    CHECK(silu.first == at);
    CHECK(silu.second.name == "doubled activation");
    CHECK(with([](Exact x) { return scale(std::move(x), 1.5); }).second.name ==
          "scaling factor");
    CHECK(with([](Exact x) {
              const auto shape = x.shape();
              return latent::detail::permuted(x, std::vector<std::size_t>{0, 2, 3, 1})
                  .reshaped(shape);
          }).second.name == "wrong layout");
    CHECK(with([](Exact x) {
              for (auto& value : x.values()) value += std::sin(value);
              return x;
          }).second.name == "unknown");
    CHECK(with([](Exact x) {
              x.data()[3] = std::numeric_limits<double>::quiet_NaN();
              return x;
          }).second.name == "unknown");
}

TEST_CASE("compare: a tolerance of the caller's own, and isolated modules") {
    const SmallDecoder small;
    auto network = small.make<Cpu<float>>();
    const RecordTrace<Cpu<float>> record;
    (void)network.forward(small.latents, record);
    auto reference = record.finish();
    const auto right = dump(small.make<Cpu<float>>(), small.latents);
    CHECK(compared(reference, right, Layout::nchw, {.tolerance = 0.0}).within_tolerance());
    const auto truth = small.reference();
    CHECK_FALSE(compared(truth, right, Layout::nchw, {.tolerance = 1e-9}).within_tolerance());

    network.decoder.mid_block.resnets[1].norm2.config.eps = 1e-3;
    const RecordTrace<Cpu<float>> outputs(false);
    const IsolateTrace<Cpu<float>, RecordTrace<Cpu<float>>> isolate(truth, outputs);
    (void)network.forward(small.latents, isolate);
    const auto comparison = compared(truth, outputs.finish(), Layout::nchw, {.isolated = true});
    const auto [row, cause] = found(comparison);
    CHECK(row == mid + "resnets.1.norm2");
    CHECK(cause.name == "GroupNorm eps");
    for (const auto& each : comparison.rows) {
        INFO(each.name);
        CHECK((each.name == row || each.cells[0].verdict == Verdict::within ||
               each.cells[0].verdict == Verdict::same));
    }
}

TEST_CASE("compare: recorded inputs hide no wrong input of the run") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto network = small.make<Cpu<float>>();
    const auto recorded = [&](const Tensor<Cpu<float>>& z) {
        const RecordTrace<Cpu<float>> record;
        (void)network.forward(z, record);
        return record.finish();
    };
    const auto [row, cause] =
        found(compared(reference, recorded(scaled(small.latents, 0.18215))));
    CHECK(row == "post_quant_conv");
    CHECK(cause.detail == "its input times 0.18215");
    const auto other = found(
        compared(reference, recorded(Generator(9).randn<Cpu<float>>(small.latents.shape()))));
    CHECK(other.first == "post_quant_conv");
    CHECK(other.second.name == "unknown");
    CHECK(other.second.detail == "it was given another input than the reference");
}

TEST_CASE("compare: isolated modules, and what is handed to them") {
    const SmallDecoder small;
    // A recording of a network with a mistake between its layers.
    for (const auto& [title, at, cause, plant] : mistakes()) {
        if (title != "heads" && title != "no activation") continue;
        INFO(title);
        auto wrong = small.make<Cpu<float>>();
        plant(wrong);
        const RecordTrace<Cpu<float>> record;
        (void)wrong.forward(small.latents, record);
        const auto recorded = record.finish();

        Tensor<Cpu<double>> z(small.latents.shape());
        std::ranges::copy(small.latents.values(), z.data());
        const auto network = small.make<Cpu<double>>();
        const RecordTrace<Cpu<double>> ours;
        const IsolateTrace<Cpu<double>, RecordTrace<Cpu<double>>> isolate(recorded, ours);
        (void)network.forward(z, isolate);
        const auto comparison =
            compared(ours.finish(), recorded, Layout::nchw, {.isolated = true});
        CHECK_FALSE(comparison.within_tolerance());
        CHECK(found(comparison).first == at);
        if (title == "no activation") CHECK(found(comparison).second.name == cause);
    }
}

TEST_CASE("compare: one latent, where tokens and pixels have the same count") {
    SmallDecoder small;
    small.latents = Generator(2).randn<Cpu<float>>({1, 4, 1, 1});
    CHECK(compared(small.reference(), dump(small.make<Cpu<float>>(), small.latents))
              .within_tolerance());
    // As many tokens as channels.
    small.latents = Generator(2).randn<Cpu<float>>({1, 4, 4, 8});
    CHECK(compared(small.reference(), dump(small.make<Cpu<float>>(), small.latents))
              .within_tolerance());
}

TEST_CASE("compare: a coarser reference is no mistake of the finer side") {
    const SmallDecoder small;
    const auto whole = dump(small.make<Cpu<float>>(), small.latents);
    const auto truth = small.reference();
    for (const auto dtype : {DType::F16, DType::BF16}) {
        // With its inputs, classes and parameters, all of them rounded.
        Recording coarse;
        coarse.order = truth.order;
        coarse.modules = truth.modules;
        coarse.aliases = truth.aliases;
        auto store = std::make_unique<MemoryStore>();
        for (const auto& name : truth.tensors->names()) {
            store->add(name, stored_as(truth.read(name), dtype));
        }
        coarse.tensors = std::move(store);
        const auto comparison = compared(coarse, whole);
        INFO(found(comparison).first << " " << found(comparison).second.detail);
        CHECK(comparison.within_tolerance());
    }
    CHECK(compared(whole, truth).within_tolerance());
}

TEST_CASE("compare: nothing that agrees is no agreement") {
    const SmallDecoder small;
    const auto reference = dump(small.make<Cpu<float>>(), small.latents);
    CHECK_FALSE(compared(reference, Recording{.tensors = std::make_unique<MemoryStore>()})
                    .within_tolerance());
    const auto broken = changed_dump(reference, [](const std::string&, Exact x) {
        x.data()[0] = std::numeric_limits<double>::quiet_NaN();
        return std::optional(std::move(x));
    });
    const auto comparison = compared(broken, broken);
    CHECK_FALSE(comparison.within_tolerance());
    CHECK(comparison.rows[0].cells[0].remark == "1 values are no finite numbers on both sides");
}

TEST_CASE("compare: a factor and a shift of an output, and none of nothing") {
    const SmallDecoder small;
    const auto reference = small.reference();
    const auto whole = dump(small.make<Cpu<float>>(), small.latents);
    const auto with = [&](double factor, double offset) {
        const auto subject = changed_dump(whole, [&](const std::string& name, Exact x) {
            const bool end = name == "decoder" || name == "decoder.conv_out";
            return std::optional(end ? scale(std::move(x), factor, offset) : std::move(x));
        });
        return found(compared(reference, subject));
    };
    CHECK(with(0.5, 0.5).first == "decoder.conv_out");
    CHECK(with(0.5, 0.5).second.detail == "its output times 0.5 plus 0.5");
    CHECK(with(0, 0).second.name == "unknown");
}
