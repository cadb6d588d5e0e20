// latent parity REFERENCE OTHER, or REFERENCE -m MODEL: where two networks part, and why.

#include "commands.hpp"
#include "files.hpp"
#include "network_input.hpp"
#include "parity_html.hpp"
#include "parity_json.hpp"
#include "parity_sources.hpp"
#include "record_network.hpp"

#include <latent/io/dump.hpp>
#include <latent/io/name_map.hpp>
#include <latent/io/system.hpp>
#include <latent/io/text.hpp>
#include <latent/parity/compare.hpp>
#include <latent/parity/report.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent::command {

namespace {

Layout layout_named(const std::string& name) {
    return name == "nhwc" ? Layout::nhwc : name == "tokens" ? Layout::tokens : Layout::nchw;
}

Recording open_mapped(const std::string& path, const std::string& map) {
    auto recording = open_dump(path);
    return map.empty() ? std::move(recording)
                       : renamed(std::move(recording), read_name_map(map));
}

ParitySource source_of(const std::string& role, const Recording& recording) {
    ParitySource source{role, recording.where, recording.metadata};
    // Remarks of those who wrote it, and nobody's version.
    for (const auto* const name : {"order", "platform"}) source.versions.erase(name);
    return source;
}

/// Refuses two dumps without a common name: nothing would differ.
void require_common(const Comparison& comparison, std::size_t i) {
    const auto& subject = comparison.subjects[i];
    const auto common = [&](const ComparisonRow& row) {
        return row.cells[i].verdict != Verdict::missing;
    };
    if (std::ranges::any_of(comparison.rows, common)) return;
    const auto theirs = subject.extra.empty() ? "no output" : in_quotes(subject.extra.front());
    const auto ours =
        comparison.rows.empty() ? "an output" : in_quotes(comparison.rows.front().name);
    fail(printable(subject.title),
         theirs + " and no name of " + printable(comparison.reference), "names such as " + ours,
         "--map NAMES.tsv gives a dump's names others");
}

/// Fit to be printed: names as printable() shows them.
Comparison shown(Comparison comparison) {
    for (auto& row : comparison.rows) {
        row.name = printable(row.name);
        row.class_name = printable(row.class_name);
        for (auto& cell : row.cells) cell.remark = printable(cell.remark);
    }
    for (auto& subject : comparison.subjects) {
        subject.title = printable(subject.title);
        subject.cause.detail = printable(subject.cause.detail);
        for (auto& name : subject.extra) name = printable(name);
    }
    return comparison;
}

} // namespace

void Parity::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "parity",
        "Where two networks part, and why: dumps against each other, or against ours");
    command
        ->add_option("REFERENCE", reference,
                     "What is right: a recording (latent record, or record.py of PyTorch), or "
                     "another safetensors file, a folder of .npy files, or one of raw files "
                     "with a table, shapes.tsv")
        ->required();
    auto* const second =
        command->add_option("OTHER", other, "What is held against it, likewise");
    command->add_option("--map", map,
                        "OTHER's names and REFERENCE's, a pair a line with a tab between");
    command
        ->add_option("--layout", layout,
                     "Of OTHER's images: nchw (default), nhwc, or tokens, [N, H W, C]")
        ->check(CLI::IsMember({"nchw", "nhwc", "tokens"}));
    auto* const network =
        add_model_option(*command, model,
                         "Our network in float64 on REFERENCE's input is the truth that "
                         "REFERENCE is held against, and OTHER, or else our float32. Then "
                         "--map and --layout are of REFERENCE where there is no OTHER");
    command
        ->add_option("--device", device, "What our network runs on: cpu (float32), or cpu:f64")
        ->check(CLI::IsMember({"cpu", "cpu:f64"}))
        ->needs(network);
    add_recorded_input_options(*command, *network, side, input);
    command
        ->add_flag("--isolate", isolate,
                   "Our modules get the inputs that REFERENCE recorded, each its own: no error "
                   "is handed on")
        ->needs(network)
        ->excludes(second);
    command
        ->add_option("--tolerance", tolerance,
                     "The relative L2 up to which a row is good (default: what rounding in the "
                     "row's dtype does)")
        ->check(CLI::Range(0.0, 1e6))
        ->check([](const std::string& text) {
            return text.find_first_of("nN") == std::string::npos ? "" : "no number: " + text;
        });
    command->add_option("--json", json,
                        "Write all of it as JSON; - for stdout, without a table");
    command->add_option("--html", html, "Write one page that needs nothing else");
    command->add_flag("--brief", brief, "No rows that are as they should be");
    command->add_option("--threads", threads, "At most this many threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->footer("Exit code: 0 where all rows are within tolerance, 3 where one is not, 1 "
                    "after an error.\nExample:\n  latent parity reference.safetensors "
                    "theirs/ --map names.tsv --layout nhwc");
    command->callback([this, second, network] {
        if (!*second && !*network) throw CLI::RequiredError("OTHER or --model");
        run();
    });
}

void Parity::run() {
    for (const auto& path : {json, html}) {
        if (!path.empty() && path != "-") const OutputFile attempt(path);
    }
    const bool alone = other.empty();
    const auto first = open_mapped(reference, alone ? map : "");
    std::optional<Recording> second, truth, ours;
    if (!alone) second = open_mapped(other, map);

    std::vector<ParitySource> sources{source_of("reference", first)};
    if (second) sources.push_back(source_of("other", *second));
    std::vector<Subject> subjects;
    const auto chosen = layout_named(layout);
    if (!model.empty()) {
        const auto layout_of_first = alone ? chosen : Layout::nchw;
        const auto sides = sides_of_network(model);
        const auto start = input.empty() ? recorded_input(first, layout_of_first, sides, side)
                                         : input_from_file(input, "", sides, side);
        const auto run = [&](Precision precision) {
            return record_network(model, start.direction, start.values,
                                  {.precision = precision,
                                   .inputs = precision == Precision::f64,
                                   .parameters = precision == Precision::f64,
                                   .isolated = isolate ? &first : nullptr,
                                   .entry = start.entry,
                                   .threads = threads});
        };
        truth = run(Precision::f64);
        sources.push_back(source_of("latent", *truth));
        subjects.push_back({first.where, &first, layout_of_first});
        if (second) {
            subjects.push_back({second->where, &*second, chosen});
        } else if (device == "cpu") {
            ours = run(Precision::f32);
            subjects.push_back({"Latent, float32", &*ours, Layout::nchw});
        }
    } else {
        subjects.push_back({second->where, &*second, chosen});
    }
    stop_if_interrupted();

    auto comparison = compare(truth ? *truth : first, subjects,
                              CompareOptions{.tolerance = tolerance, .isolated = isolate});
    if (truth) comparison.reference = "Latent, float64";
    for (std::size_t i = 0; i < comparison.subjects.size(); ++i) require_common(comparison, i);
    stop_if_interrupted();

    const auto write = [](const std::string& path, const std::string& text) {
        write_atomically(path, [&](OutputFile& file) { file.write(text); });
    };
    if (!html.empty()) write(html, parity_html(comparison, sources));
    if (!json.empty() && json != "-") write(json, parity_json(comparison, sources));
    if (json == "-") {
        std::cout << parity_json(comparison, sources);
    } else {
        std::cout << report(
            shown(comparison),
            {.colour = is_terminal(stdout) && !environment("NO_COLOR"), .brief = brief});
    }
    within_tolerance = comparison.within_tolerance();
}

} // namespace latent::command
