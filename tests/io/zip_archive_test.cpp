#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/zip_archive.hpp>

using namespace latent;
using namespace latent::test;

namespace {

std::string record_of(const std::string& file, const std::string& name) {
    ZipArchive archive("z.pt", std::as_bytes(std::span(file)));
    const auto record = archive.find(name);
    REQUIRE(record);
    // A view into the archive's own bytes.
    if (!record->empty()) {
        const auto* const first = reinterpret_cast<const char*>(record->data());
        CHECK(first >= file.data());
        CHECK(first + record->size() <= file.data() + file.size());
    }
    return {reinterpret_cast<const char*>(record->data()), record->size()};
}

std::string zip_archive_refusal(const std::string& file, const std::string& name = "a") {
    const auto message = message_of([&] {
        ZipArchive archive("z.pt", std::as_bytes(std::span(file)));
        static_cast<void>(archive.find(name));
    });
    CHECK(message.starts_with("z.pt: got "));
    return message;
}

} // namespace

TEST_CASE("ZipArchive: records are views, and wrong checksums do not matter") {
    const auto file =
        zip_bytes({{"b/x", "hello"}, {"a", std::string(1000, 'y'), 0xDEADBEEF}, {"e", ""}});
    CHECK(record_of(file, "b/x") == "hello");
    CHECK(record_of(file, "a") == std::string(1000, 'y'));
    CHECK(record_of(file, "e").empty());
    ZipArchive archive("z.pt", std::as_bytes(std::span(file)));
    CHECK(archive.names() == std::vector<std::string>{"a", "b/x", "e"});
    CHECK_FALSE(archive.find("none"));
    ZipArchive moved = std::move(archive);
    CHECK(moved.find("a")->size() == 1000);
}

TEST_CASE("ZipArchive: lies are refused") {
    CHECK(contains(zip_archive_refusal(""), "empty file"));
    CHECK(contains(zip_archive_refusal("PK\3\4 and no directory"), "broken zip"));
    CHECK(contains(zip_archive_refusal(zip_bytes({{"a", "1"}, {"a", "2"}})), "duplicate"));
    CHECK(contains(zip_archive_refusal(zip_bytes({{"a", "packed", 0, 8}})), "compressed"));
    zip_archive_refusal(zip_bytes({{"a", "short", 0, 0, 0x7FFFFFFF}}));
    zip_archive_refusal(zip_bytes({{"a", "short", 0, 0, 0xFFFFFFFE}}));
    // The record's local header lies behind the end.
    auto moved = zip_bytes({{"a", "hello"}});
    const auto entry = moved.find("PK\1\2");
    moved.replace(entry + 42, 4, little<std::uint32_t>(0x7FFFFFF0));
    zip_archive_refusal(moved);
}

TEST_CASE("ZipArchive: an archive cut anywhere is refused") {
    const auto file = zip_bytes({{"a", "hello"}, {"b", "world"}});
    for (std::size_t length = 0; length < file.size(); ++length)
        zip_archive_refusal(file.substr(0, length));
}
