#pragma once

#include "parity_sources.hpp"

#include <latent/io/json.hpp>
#include <latent/parity/report.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// A comparison as JSON, complete. Numbers that are none are the strings "NaN", "Infinity" and
/// "-Infinity", which Python's float() and JavaScript's Number() take.
///     format, within_tolerance, reference
///     sources[]    role, path, versions
///     subjects[]   title, within_tolerance, verdict (a sentence), first (the row's name or
///                  null), cause (null or name, detail), missing[], extra[]
///     rows[]       name, class, shape, cells[], one a subject:
///         verdict, remark, precision; and where it was compared: relative_l2, largest, place,
///         ulp, cosine, nan_count, inf_count, reference_max, value_max, tolerance, own_error
///         (null where the step could not be replayed), own_tolerance

namespace latent::command {

namespace detail {

[[nodiscard]] inline OrderedJson json_number(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return number;
}

[[nodiscard]] inline OrderedJson json_place(const Shape& shape, std::int64_t place) {
    auto places = OrderedJson::array();
    for (std::size_t axis = shape.rank(); axis-- > 0; place /= shape[axis])
        places.insert(places.begin(), shape[axis] == 0 ? 0 : place % shape[axis]);
    return places;
}

[[nodiscard]] inline OrderedJson json_cell(const Cell& cell, const Shape& shape) {
    OrderedJson json = {{"verdict", to_string(cell.verdict)},
                        {"remark", cell.remark},
                        {"precision", to_string(cell.precision)}};
    if (!cell.compared()) return json;
    const auto& s = cell.statistics;
    json["relative_l2"] = json_number(s.relative_l2);
    json["largest"] = json_number(s.largest);
    json["place"] = json_place(shape, s.place);
    json["ulp"] = json_number(s.ulp);
    json["cosine"] = json_number(s.cosine);
    json["nan_count"] = s.nan_count;
    json["inf_count"] = s.inf_count;
    json["reference_max"] = json_number(s.reference_max);
    json["value_max"] = json_number(s.value_max);
    json["tolerance"] = json_number(cell.tolerance);
    json["own_error"] = cell.own_error ? json_number(*cell.own_error) : OrderedJson(nullptr);
    json["own_tolerance"] = json_number(cell.own_tolerance);
    return json;
}

[[nodiscard]] inline OrderedJson json_subject(const Comparison& comparison, std::size_t i) {
    const auto& result = comparison.subjects[i];
    OrderedJson json = {{"title", result.title},
                        {"within_tolerance", result.within_tolerance},
                        {"verdict", verdict_text(comparison, i)},
                        {"first", nullptr},
                        {"cause", nullptr}};
    if (result.first) {
        json["first"] = comparison.rows[*result.first].name;
        json["cause"] = {{"name", result.cause.name}, {"detail", result.cause.detail}};
    }
    json["missing"] = latent::detail::rows_with(comparison, i, Verdict::missing);
    json["extra"] = result.extra;
    return json;
}

} // namespace detail

[[nodiscard]] inline std::string parity_json(const Comparison& comparison,
                                             std::span<const ParitySource> sources) {
    OrderedJson json = {{"format", "latent parity 1"},
                        {"within_tolerance", comparison.within_tolerance()},
                        {"reference", comparison.reference},
                        {"sources", OrderedJson::array()},
                        {"subjects", OrderedJson::array()},
                        {"rows", OrderedJson::array()}};
    for (const auto& source : sources) {
        json["sources"].push_back(
            {{"role", source.role}, {"path", source.path}, {"versions", source.versions}});
    }
    for (std::size_t i = 0; i < comparison.subjects.size(); ++i)
        json["subjects"].push_back(detail::json_subject(comparison, i));
    for (const auto& row : comparison.rows) {
        const auto dims = row.shape.dims();
        OrderedJson line = {{"name", row.name},
                            {"class", row.class_name},
                            {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())},
                            {"cells", OrderedJson::array()}};
        for (const auto& cell : row.cells)
            line["cells"].push_back(detail::json_cell(cell, row.shape));
        json["rows"].push_back(std::move(line));
    }
    return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

} // namespace latent::command
