#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/pickle.hpp>

#include <string>

using namespace latent;
using namespace latent::test;
using Kind = PickleNode::Kind;

namespace {

/// A pickle and the bytes that its texts refer to.
struct Loaded {
    std::string bytes;
    Pickle pickle;
    explicit Loaded(std::string text)
        : bytes(std::move(text)), pickle(read_pickle("p", std::as_bytes(std::span(bytes)))) {}
    Loaded(const Loaded&) = delete;
    [[nodiscard]] const PickleNode& root() const { return pickle[pickle.root]; }
    [[nodiscard]] const PickleNode& item(std::size_t i) const {
        return pickle[root().items().at(i)];
    }
};

std::string pickle_refusal(const std::string& bytes) {
    const auto message = message_of(
        [&] { static_cast<void>(read_pickle("p", std::as_bytes(std::span(bytes)))); });
    CHECK(message.starts_with("p: got "));
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

} // namespace

TEST_CASE("pickle: constants") {
    // pickle.dumps([None, True, False, 7, 300, -5, 2**40, -1.5, 'é', b'ab'], 4), without the
    // memo
    const Loaded all(raw("\x80\x04](N\x88\x89K\x07M\x2C\x01J\xFB\xFF\xFF\xFF"
                         "\x8A\x06\x00\x00\x00\x00\x00\x01G\xBF\xF8\x00\x00\x00\x00\x00\x00"
                         "\x8C\x02\xC3\xA9"
                         "C\x02"
                         "abe."));
    REQUIRE(all.root().kind == Kind::list);
    REQUIRE(all.root().items().size() == 10);
    CHECK(all.item(0).kind == Kind::none);
    CHECK(all.item(1).integer() == 1);
    CHECK(all.item(2).kind == Kind::boolean);
    CHECK(all.item(3).integer() == 7);
    CHECK(all.item(4).integer() == 300);
    CHECK(all.item(5).integer() == -5);
    CHECK(all.item(6).integer() == std::int64_t{1} << 40);
    CHECK(std::get<double>(all.item(7).value) == -1.5);
    CHECK(all.item(8).text() == "\xC3\xA9");
    CHECK(all.item(9).kind == Kind::bytes);

    CHECK(Loaded(raw("\x8A\x00.")).root().integer() == 0);
    CHECK(Loaded(raw("\x8A\x01\xFF.")).root().integer() == -1);
    CHECK(Loaded(raw("\x8A\x02\xFF\x00.")).root().integer() == 255);
    CHECK(Loaded(raw("\x8A\x09\0\0\0\0\0\0\0\0\1.")).root().kind == Kind::big_integer);
    CHECK(Loaded(raw("U\x02hi.")).root().text() == "hi");
    CHECK(Loaded(raw("K\x01.rest")).pickle.length == 3);
}

TEST_CASE("pickle: containers, the memo, marks") {
    const Loaded dictionary(raw("}q\x05(K\x01K\x02K\x03h\x05u."));
    REQUIRE(dictionary.root().kind == Kind::dictionary);
    CHECK(dictionary.root().items().size() == 4);
    CHECK(dictionary.root().items()[3] == dictionary.pickle.root); // it holds itself

    CHECK(Loaded(raw("K\x01K\x02\x86.")).root().items().size() == 2);
    CHECK(Loaded(raw("(K\x01K\x02K\x03t.")).root().items().size() == 3);
    CHECK(Loaded(raw("](K\x01"
                     "e."))
              .root()
              .items()
              .size() == 1);
    CHECK(Loaded(raw("(K\x01K\x02"
                     "d."))
              .root()
              .kind == Kind::dictionary);
    CHECK(Loaded(raw("\x8F(K\x01\x90.")).root().kind == Kind::set);
    CHECK(Loaded(raw("K\x07"
                     "2\x86."))
              .root()
              .items()
              .size() == 2);
    CHECK(Loaded(raw("K\x07K\x08"
                     "0."))
              .root()
              .integer() == 7);
    CHECK(Loaded(raw("K\x07(K\x01"
                     "1."))
              .root()
              .integer() == 7);
    CHECK(Loaded(raw("K\x07\x94K\x08\x94h\x00.")).root().integer() == 7);
    CHECK(Loaded(raw("K\x07r\xFF\xFF\xFF\xFFj\xFF\xFF\xFF\xFF.")).root().integer() == 7);
}

TEST_CASE("pickle: code is named, never run") {
    for (const auto& code : {raw("cos\nsystem\n(X\x08\0\0\0touch /xtR."),
                             raw("\x8C\x02os\x8C\x06system\x93\x8C\x02ls\x85R."),
                             raw("c__builtin__\neval\nX\x01\0\0\0"
                                 "1\x85R."),
                             raw("cbuiltins\nexec\n)\x81}b.")}) {
        const Loaded object(code);
        CHECK(object.root().kind == Kind::object);
        CHECK(object.item(0).kind == Kind::global);
    }
    const Loaded system(raw("cos\nsystem\n."));
    CHECK(system.pickle.is_global(system.pickle.root, "os", "system"));
    CHECK(system.pickle.describe(system.pickle.root) == "os.system");
    // Items and states given to an unknown object are swallowed.
    CHECK(Loaded(raw("cm\nC\n)R(K\x01K\x02u](K\x01"
                     "e0K\x05"
                     "a}b."))
              .root()
              .kind == Kind::object);
}

TEST_CASE("pickle: dictionaries that are made by calls") {
    CHECK(Loaded(raw("ccollections\nOrderedDict\n)R(K\x01K\x02u.")).root().items().size() == 2);
    CHECK(Loaded(raw("ccollections\nOrderedDict\n](](K\x01K\x02"
                     "ee\x85R."))
              .root()
              .items()
              .size() == 2);
    CHECK(Loaded(raw("ccollections\ndefaultdict\nc__builtin__\nint\n\x85R.")).root().kind ==
          Kind::dictionary);
}

TEST_CASE("pickle: what is no pickle is refused where it stands") {
    CHECK(contains(pickle_refusal(""), "without STOP"));
    CHECK(contains(pickle_refusal("."), "empty stack"));
    CHECK(contains(pickle_refusal(raw("\x80\x06.")), "protocol above 5"));
    CHECK(contains(pickle_refusal(raw("\x80\x02K\x01")), "without STOP"));
    CHECK(contains(pickle_refusal(raw("X\xFF\xFF\xFF\xFF"
                                      "a.")),
                   "length of 4294967295 bytes with 2 left"));
    CHECK(contains(pickle_refusal(raw("\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
                                      "a.")),
                   "18446744073709551615"));
    CHECK(contains(pickle_refusal(raw("\x8B\xFF\xFF\xFF\x7F.")), "length of"));
    CHECK(contains(pickle_refusal(raw("X\x01\0\0\0\xFF.")), "UTF-8"));
    CHECK(contains(pickle_refusal(raw("h\x05.")), "memo index 5"));
    CHECK(contains(pickle_refusal(raw("j\xFF\xFF\xFF\xFF.")), "memo index 4294967295"));
    CHECK(contains(pickle_refusal("t."), "no mark"));
    CHECK(contains(pickle_refusal(raw("(0.")), "empty stack"));
    CHECK(contains(pickle_refusal(raw("K\x01(.")),
                   "empty stack")); // below a mark is out of reach
    CHECK(contains(pickle_refusal(raw("}(K\x01u.")), "key without a value"));
    CHECK(contains(pickle_refusal(raw("K\x01K\x02"
                                      "a.")),
                   "holds none"));
    CHECK(contains(pickle_refusal(raw("]K\x01K\x02s.")), "holds none"));
    CHECK(contains(pickle_refusal("cos\nsystem"), "without an end"));
    CHECK(contains(pickle_refusal(raw("K\x01K\x02\x93.")), "no string"));
    for (const auto* opcode : {"i", "o", "P", "I1\n.", "\x82\x01.", "\x97.", "\x98", "\xFF"}) {
        CHECK(contains(pickle_refusal(opcode), "the opcode 0x"));
    }
}

TEST_CASE("pickle: bombs cost no more than their bytes") {
    // 100,000 tuples one in the other, and as many marks.
    Loaded deep(")" + std::string(100'000, '\x85') + ".");
    CHECK(deep.pickle.nodes.size() == 100'001);
    CHECK(contains(pickle_refusal(std::string(1'000'000, '(')), "without STOP"));
    // Ten times ten times ... references: nothing is copied.
    std::string laughs = "]\x94";
    for (int level = 0; level < 60; ++level) {
        laughs += "](";
        for (int i = 0; i < 10; ++i) laughs += std::string("h") + static_cast<char>(level);
        laughs += "e\x94";
    }
    CHECK(Loaded(laughs + ".").pickle.nodes.size() == 61);
    // One long list, made into dictionaries again and again.
    std::string many = raw("](");
    for (int i = 0; i < 1000; ++i) many += "))\x86";
    many += raw("eq\x01"
                "0");
    for (int i = 0; i < 1000; ++i) many += raw("ccollections\nOrderedDict\nh\x01\x85R0");
    CHECK(contains(pickle_refusal(many + "N."), "too many dictionaries"));
}

TEST_CASE("pickle: one cut anywhere is refused") {
    const auto whole = whole_pickle(pickle_dictionary(
        {{"a", pickle_tensor(pickle_storage("FloatStorage", "0", 4), 0, {2, 2}, {2, 1})}}));
    CHECK(Loaded(whole).root().kind == Kind::dictionary);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        pickle_refusal(whole.substr(0, length));
    }
}
