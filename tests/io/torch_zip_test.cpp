#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

const std::string four_floats = little_all<float>({1, 2, 3, 4});

std::string torch_file_refusal_of(const std::string& file) {
    const auto message = message_of([&] { static_cast<void>(checkpoint_of(file, "made.pt")); });
    CHECK(message.starts_with("made.pt: got "));
    CHECK(message.size() < 600);
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

/// What refuses a file whose one tensor "a" is this pickle, over storage "0" of four floats.
std::string torch_file_refusal(const std::string& value) {
    return torch_file_refusal_of(
        torch_file(whole_pickle(pickle_dictionary({{"a", value}})), {{"0", four_floats}}));
}

std::string floats(std::int64_t numel = 4) {
    return pickle_storage("FloatStorage", "0", numel);
}

} // namespace

TEST_CASE("torch zip: storages shared, strided, empty, of every class") {
    const auto file = checkpoint_of(torch_file(
        whole_pickle(pickle_dictionary({
            {"whole", pickle_tensor(floats(), 0, {2, 2}, {2, 1})},
            {"turned", pickle_tensor(floats(), 0, {2, 2}, {1, 2})},
            {"column", pickle_tensor(floats(), 1, {2}, {2})},
            {"repeated", pickle_tensor(floats(), 3, {2, 3}, {0, 0})},
            {"scalar", pickle_tensor(floats(), 2, {}, {})},
            {"empty", pickle_tensor(floats(), 0, {0, 7}, {7, 1})},
            {"half", pickle_tensor(pickle_storage("HalfStorage", "h", 1), 0, {1}, {99})},
            {"parameter", "ctorch._utils\n_rebuild_parameter\n" +
                              pickle_tensor(floats(), 0, {1}, {1}) +
                              "\x88"
                              "ccollections\nOrderedDict\n)R\x87R"},
            {"number", pickle_integer(7)},
            {"junk", "cos\nsystem\n" + pickle_text("ls") + "\x85R"},
        })),
        {{"0", four_floats}, {"h", little<std::uint16_t>(0x4000)}}));
    CHECK(file.format() == "torch");
    REQUIRE(file.tensors().size() == 8);
    CHECK(file.tensors()[0].name == "whole");
    CHECK(file.tensors()[0].strides.empty());
    CHECK(values_of(file, "whole") == std::vector<double>{1, 2, 3, 4});
    CHECK(values_of(file, "turned") == std::vector<double>{1, 3, 2, 4});
    CHECK(values_of(file, "column") == std::vector<double>{2, 4});
    CHECK(values_of(file, "repeated") == std::vector<double>{4, 4, 4, 4, 4, 4});
    CHECK(values_of(file, "scalar") == std::vector<double>{3});
    CHECK(values_of(file, "empty").empty());
    CHECK(file.at("empty").shape == Shape{0, 7});
    CHECK(values_of(file, "half") == std::vector<double>{2});
    CHECK(values_of(file, "parameter") == std::vector<double>{1});
    CHECK(file.find("junk") == nullptr);

    std::vector<std::byte> bytes(16);
    file.read_bytes(file.at("turned"), bytes);
    CHECK(bytes == to_bytes(little_all<float>({1, 3, 2, 4})));
}

TEST_CASE("torch zip: a storage without a class, its dtype named beside it") {
    const auto file = checkpoint_of(torch_file(
        whole_pickle(pickle_dictionary(
            {{"a", "ctorch._utils\n_rebuild_tensor_v3\n((" + pickle_text("storage") +
                       "ctorch.storage\nUntypedStorage\n" + pickle_text("0") +
                       pickle_text("cpu") + pickle_integer(4) + "tQ" + pickle_integer(1) +
                       pickle_integers({1}) + pickle_integers({1}) +
                       "\x89"
                       "ccollections\nOrderedDict\n)Rctorch\nuint16\ntR"}})),
        {{"0", raw("\1\0\2\1")}}));
    CHECK(file.at("a").dtype == DType::U16);
    CHECK(values_of(file, "a") == std::vector<double>{258});
}

TEST_CASE("torch zip: bytes in the other order") {
    const auto pickle = whole_pickle(pickle_dictionary(
        {{"a", pickle_tensor(pickle_storage("ShortStorage", "0", 2), 0, {2}, {1})},
         {"b", pickle_tensor(pickle_storage("ByteStorage", "1", 2), 0, {2}, {1})}}));
    const std::vector<std::pair<std::string, std::string>> storages{{"0", raw("\1\0\0\2")},
                                                                    {"1", "\3\4"}};
    CHECK(values_of(checkpoint_of(torch_file(pickle, storages, "big")), "a") ==
          std::vector<double>{256, 2});
    CHECK(values_of(checkpoint_of(torch_file(pickle, storages, "big")), "b") ==
          std::vector<double>{3, 4});
    CHECK(values_of(checkpoint_of(torch_file(pickle, storages, "")), "a") ==
          std::vector<double>{1, 512});
    CHECK(contains(torch_file_refusal_of(torch_file(pickle, storages, "middle")),
                   "byte order \"middle\""));
}

TEST_CASE("torch zip: nested dictionaries, wrappers, cycles") {
    const auto tensor = pickle_tensor(floats(), 0, {1}, {1});
    const auto names = [&](const std::string& pickle) {
        std::vector<std::string> all;
        const auto file = checkpoint_of(torch_file(whole_pickle(pickle), {{"0", four_floats}}));
        for (const auto& info : file.tensors()) all.push_back(info.name);
        return all;
    };
    using Names = std::vector<std::string>;
    const auto inner =
        pickle_dictionary({{"x", tensor}, {"y", pickle_dictionary({{"z", tensor}})}});
    CHECK(names(pickle_dictionary({{"a", inner}, {"b", tensor}})) ==
          Names{"a.x", "a.y.z", "b"});
    CHECK(names(pickle_dictionary(
              {{"step", pickle_integer(1)}, {"state_dict", inner}, {"o", tensor}})) ==
          Names{"x", "y.z"});
    CHECK(names(pickle_dictionary({{"params", pickle_dictionary({{"p", tensor}})},
                                   {"params_ema", inner}})) == Names{"x", "y.z"});
    CHECK(names("}(K\x05" + tensor + "u") == Names{"5"});
    CHECK(names(tensor) == Names{"tensor"});
    // One dictionary under two names gives both; one inside of itself ends.
    CHECK(names(pickle_dictionary({{"a", pickle_dictionary({{"x", tensor}}) + "q\x01"},
                                   {"b", "h\x01"}})) == Names{"a.x", "b.x"});
    CHECK(names("}q\x01(" + pickle_text("me") + "h\x01" + pickle_text("t") + tensor + "u") ==
          Names{"t"});
    CHECK(contains(torch_file_refusal_of(torch_file(
                       whole_pickle(pickle_dictionary(
                           {{"a.b", tensor}, {"a", pickle_dictionary({{"b", tensor}})}})),
                       {{"0", four_floats}})),
                   "duplicate: tensor \"a.b\""));
}

TEST_CASE("torch zip: dictionaries that share each other to no end") {
    // 25 levels, each of them twice in the one around it: 33 million visits.
    std::string pickle = pickle_dictionary({}) + "\x94";
    for (int level = 0; level < 25; ++level) {
        const std::string get = std::string("h") + static_cast<char>(level);
        pickle = pickle + "}(" + pickle_text("a") + get + pickle_text("b") + get + "u\x94";
    }
    CHECK(contains(torch_file_refusal_of(torch_file(whole_pickle(pickle), {})),
                   "share each other too often"));
    // A hundred thousand, one inside of the other, are no trouble.
    std::string deep, end;
    for (int level = 0; level < 100'000; ++level) {
        deep += "}(" + pickle_text("k");
        end += "u";
    }
    CHECK(contains(
        torch_file_refusal_of(torch_file(whole_pickle(deep + pickle_integer(1) + end), {})),
        "without tensors"));
}

TEST_CASE("torch zip: tensors that reach beyond their storage") {
    const auto view = [](std::int64_t offset, const std::vector<std::int64_t>& size,
                         const std::vector<std::int64_t>& stride) {
        return torch_file_refusal(pickle_tensor(floats(), offset, size, stride));
    };
    constexpr auto huge = std::numeric_limits<std::int64_t>::max();
    CHECK(contains(view(0, {5}, {1}), "beyond the end"));
    CHECK(contains(view(1, {4}, {1}), "beyond the end"));
    CHECK(contains(view(0, {2, 2}, {3, 1}), "beyond the end"));
    CHECK(contains(view(4, {}, {}), "beyond the end"));
    CHECK(contains(view(huge, {1}, {1}), "beyond the end"));
    CHECK(contains(view(0, {3}, {huge}), "beyond the end"));
    CHECK(contains(view(huge, {2}, {huge}), "beyond the end"));
    CHECK(contains(view(-1, {1}, {1}), "offset of at least 0"));
    CHECK(contains(view(0, {-1}, {1}), "at least 0"));
    CHECK(contains(view(3, {2}, {-1}), "at least 0"));
    CHECK(contains(view(0, {huge, huge}, {0, 0}), "below 2^63"));
    CHECK(contains(view(0, {std::int64_t{1} << 40}, {0}), "repeats its elements less"));
    CHECK(contains(view(0, {2, 2}, {1}), "one for each"));
    CHECK(contains(view(0, std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)),
                   "at most 64"));
    CHECK(contains(torch_file_refusal(pickle_tensor(floats(5), 0, {1}, {1})),
                   "storage \"0\" of 16 bytes"));
    CHECK(contains(torch_file_refusal(pickle_tensor(floats(3), 0, {1}, {1})),
                   "storage \"0\" of 16 bytes"));
    CHECK(
        contains(torch_file_refusal(pickle_tensor(floats(-4), 0, {1}, {1})), "storage \"0\""));
    CHECK(contains(torch_file_refusal(pickle_tensor(floats(huge), 0, {1}, {1})),
                   "storage \"0\""));
    CHECK(contains(torch_file_refusal(pickle_tensor(
                       pickle_storage("FloatStorage", "../../1", 4), 0, {1}, {1})),
                   "no record for storage \"../../1\""));
}

TEST_CASE("torch zip: parts that are not what they should be") {
    CHECK(contains(torch_file_refusal(pickle_tensor("N", 0, {1}, {1})),
                   "None for tensor \"a\", expected a storage"));
    CHECK(contains(torch_file_refusal(pickle_tensor(
                       "cos\nsystem\n" + pickle_text("ls") + "\x85R", 0, {1}, {1})),
                   "expected a storage"));
    CHECK(contains(torch_file_refusal(pickle_tensor(pickle_text("x") + "Q", 0, {1}, {1})),
                   "identity"));
    CHECK(contains(
        torch_file_refusal(pickle_tensor(pickle_storage("QInt8Storage", "0", 16), 0, {1}, {1})),
        "torch.QInt8Storage"));
    CHECK(contains(torch_file_refusal(pickle_tensor(
                       "(" + pickle_text("storage") + "cos\nsystem\n" + pickle_text("0") +
                           pickle_text("cpu") + pickle_integer(4) + "tQ",
                       0, {1}, {1})),
                   "os.system"));
    CHECK(contains(torch_file_refusal("ctorch._utils\n_rebuild_tensor_v2\n)R"),
                   "too few arguments"));
    CHECK(contains(torch_file_refusal("ctorch._utils\n_rebuild_tensor_v2\nNR"),
                   "too few arguments"));
    CHECK(contains(torch_file_refusal("ctorch._utils\n_rebuild_sparse_tensor\n)R"),
                   "torch._utils._rebuild_sparse_tensor"));
    const auto two = pickle_dictionary(
        {{"a", pickle_tensor(floats(), 0, {1}, {1})},
         {"b", pickle_tensor(pickle_storage("IntStorage", "0", 4), 0, {1}, {1})}});
    CHECK(contains(torch_file_refusal_of(torch_file(whole_pickle(two), {{"0", four_floats}})),
                   "two descriptions"));
}

TEST_CASE("torch zip: archives that hold no checkpoint") {
    const auto pickle = whole_pickle("}");
    CHECK(contains(torch_file_refusal_of(torch_file(pickle, {})), "without tensors"));
    CHECK(contains(torch_file_refusal_of(torch_file(whole_pickle("K\x01"), {})),
                   "got an integer, expected a dictionary"));
    CHECK(contains(torch_file_refusal_of(zip_bytes({{"readme", "hello"}})), "data.pkl"));
    CHECK(contains(
        torch_file_refusal_of(zip_bytes({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}})),
        "two records"));
    CHECK(contains(
        torch_file_refusal_of(zip_bytes({{"a/data.pkl", pickle}, {"a/code/x.py", ""}})),
        "TorchScript"));
    CHECK(contains(torch_file_refusal_of(zip_bytes({{"a/data.pkl", "no pickle"}})), "opcode"));
    CHECK(contains(torch_file_refusal_of(zip_bytes({{"a/data.pkl", pickle, 0, 8}})),
                   "compressed"));
}

TEST_CASE("torch zip: a file cut anywhere is refused") {
    const auto file = torch_file(
        whole_pickle(pickle_dictionary({{"a", pickle_tensor(floats(), 0, {4}, {1})}})),
        {{"0", four_floats}});
    CHECK(values_of(checkpoint_of(file), "a").size() == 4);
    for (std::size_t length = 0; length < file.size(); ++length) {
        torch_file_refusal_of(file.substr(0, length));
    }
}

TEST_CASE("torch zip: tensors that have no name are counted") {
    const auto tensor = pickle_tensor(floats(), 0, {4}, {1});
    const auto left_out = [&](const std::string& pickle) {
        return checkpoint_of(torch_file(whole_pickle(pickle), {{"0", four_floats}})).left_out();
    };
    CHECK(left_out(pickle_dictionary({{"a", tensor}})) == 0);
    CHECK(left_out(pickle_dictionary({{"a", tensor}, {"l", "](" + tensor + tensor + "e"}})) ==
          2);
    CHECK(left_out("}(" + pickle_text("a") + tensor + "N" + tensor + "u") == 1);
    const std::string parameter = "ctorch._utils\n_rebuild_parameter\n" + tensor + "\x88N\x87R";
    CHECK(left_out(pickle_dictionary({{"a", parameter}, {"l", "]" + parameter + "a"}})) == 1);
    // Where a wrapper says what the weights are, the others are meant to be left.
    CHECK(left_out(pickle_dictionary({{"state_dict", pickle_dictionary({{"a", tensor}})},
                                      {"l", "](" + tensor + "e"}})) == 0);
}

TEST_CASE("torch zip: signs that torch turns by a flag") {
    const auto conj = pickle_text("conj") + "\x88", neg = pickle_text("neg") + "\x88";
    const auto read = [&](const char* type, std::int64_t numel, const std::string& flags) {
        auto call = pickle_tensor(pickle_storage(type, "0", numel), 0, {numel}, {1});
        call.resize(call.size() - 2); // the end of the arguments, and the call
        const auto file = checkpoint_of(
            torch_file(whole_pickle(pickle_dictionary({{"a", call + "}(" + flags + "utR"}})),
                       {{"0", little_all<float>({1, 2, 3, -4})}}));
        std::vector<float> values(4);
        file.read_bytes(file.at("a"), std::as_writable_bytes(std::span(values)));
        return values;
    };
    using Floats = std::vector<float>;
    CHECK(read("ComplexFloatStorage", 2, "") == Floats{1, 2, 3, -4});
    CHECK(read("ComplexFloatStorage", 2, conj) == Floats{1, -2, 3, 4});
    CHECK(read("ComplexFloatStorage", 2, neg) == Floats{-1, -2, -3, 4});
    CHECK(read("ComplexFloatStorage", 2, conj + neg) == Floats{-1, 2, -3, -4});
    CHECK(read("FloatStorage", 4, neg) == Floats{-1, -2, -3, 4});
    CHECK(read("FloatStorage", 4, conj) == Floats{1, 2, 3, -4}); // of a real number itself
    CHECK(contains(message_of([&] { static_cast<void>(read("IntStorage", 4, neg)); }),
                   "a turned sign of I32"));
}

#if !defined(_WIN32)
TEST_CASE("torch zip: one tensor of 2 GiB is read without the rest") {
    // A file whose first storage is a hole of 2 GiB, which takes no room on the disk: what zip
    // says of the records behind it is moved by as much.
    constexpr std::uint32_t hole = std::uint32_t{1} << 31U;
    auto file =
        zip_bytes({{"model/data.pkl",
                    whole_pickle(pickle_dictionary(
                        {{"large", pickle_tensor(pickle_storage("ByteStorage", "0", hole), 0,
                                                 {std::int64_t{hole}}, {1})},
                         {"small", pickle_tensor(pickle_storage("FloatStorage", "1", 4), 0, {4},
                                                 {1})}}))},
                   {"model/data/0", "", 0, 0, hole},
                   {"model/data/1", four_floats}});
    const auto behind_hole =
        file.find("model/data/0") + std::string_view("model/data/0").size();
    const auto move = [&](std::size_t at) {
        const auto moved = little(
            detail::load<std::uint32_t>(reinterpret_cast<const std::byte*>(file.data()) + at) +
            hole);
        file.replace(at, 4, moved);
    };
    move(file.rfind("PK\1\2") + 42); // where the last record begins
    move(file.rfind("PK\5\6") + 16); // and the directory
    const TemporaryFolder folder;
    write_text(folder / "large.pt", file.substr(0, behind_hole));
    std::filesystem::resize_file(folder / "large.pt", behind_hole + hole);
    std::ofstream(folder / "large.pt", std::ios::binary | std::ios::app)
        << file.substr(behind_hole);

    const double before = peak_memory_mib();
    const auto checkpoint = Checkpoint::open(folder / "large.pt");
    CHECK(checkpoint.at("large").shape == Shape{std::int64_t{hole}});
    CHECK(values_of(checkpoint, "small") == std::vector<double>{1, 2, 3, 4});
    CHECK(peak_memory_mib() - before < 20.0);
}
#endif
