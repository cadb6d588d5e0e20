"""Pickles: pieces, each leaving one value on the stack."""

import struct

from .common import COMMAND, hostile, truncations, u16, u32, u64


NONE, TRUE, FALSE, EMPTY = b"N", b"\x88", b"\x89", b")"


def text(string):
    data = string if isinstance(string, bytes) else string.encode()
    return b"X" + u32(len(data)) + data


def integer(number):
    if 0 <= number < 256:
        return b"K" + bytes([number])
    if 0 <= number < 65536:
        return b"M" + u16(number)
    if -2**31 <= number < 2**31:
        return b"J" + u32(number)
    length = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return b"\x8a" + bytes([length]) + number.to_bytes(length, "little", signed=True)


def items(*values): return b"(" + b"".join(values) + b"t"


def integers(numbers): return items(*map(integer, numbers))


def name_of(module, name): return f"c{module}\n{name}\n".encode()


def call(callee, *arguments): return callee + items(*arguments) + b"R"


def dictionary(pairs):
    """Of names, or pickled keys, and pickled values."""
    if isinstance(pairs, dict):
        pairs = pairs.items()
    body = b"".join((text(key) if isinstance(key, str) else key) + value
                    for key, value in pairs)
    return b"}(" + body + b"u"


def ordered(pairs):
    return name_of("collections", "OrderedDict") + b")R" + dictionary(pairs)[1:]


HOOKS = name_of("collections", "OrderedDict") + b")R"
ATTACK = call(name_of("posix", "system"), text(COMMAND))


def identity(key="0", count=6, kind="FloatStorage", place="cpu", *more):
    return items(text("storage"), kind if isinstance(kind, bytes) else name_of("torch", kind),
                 text(key) if isinstance(key, str) else key, text(place),
                 count if isinstance(count, bytes) else integer(count), *more)


def storage(*arguments, **named): return identity(*arguments, **named) + b"Q"


def tensor(store=None, offset=0, size=(2, 3), stride=(3, 1), gradient=FALSE,
           function="_rebuild_tensor_v2", more=b""):
    def numbers(value): return value if isinstance(value, bytes) else integers(value)
    return (name_of("torch._utils", function) + b"(" + (storage() if store is None else store) +
            (offset if isinstance(offset, bytes) else integer(offset)) + numbers(size) +
            numbers(stride) + gradient + HOOKS + more + b"tR")


def tensor_v3(dtype, store, size, stride, offset=0):
    return (name_of("torch._utils", "_rebuild_tensor_v3") + b"(" + store + integer(offset) +
            integers(size) + integers(stride) + FALSE + HOOKS +
            (dtype if isinstance(dtype, bytes) else name_of("torch", dtype)) + b"tR")


def pickle(body, protocol=2): return b"\x80" + bytes([protocol]) + body + b"."


def parameter(value):
    return call(name_of("torch._utils", "_rebuild_parameter"), value, TRUE, HOOKS)


def memo(index): return b"r" + u32(index)


def recall(index): return b"j" + u32(index)


def boundaries(data, start=0):
    """(where it begins, name) of every instruction of a pickle, and of what stands inside."""
    import pickletools
    for opcode, argument, position in pickletools.genops(data[start:]):
        yield start + position, opcode.name.lower()


def cuts_of_pickle(data, start=0):
    """Every place where one instruction ends, and one inside of each that takes bytes."""
    places = list(boundaries(data, start))
    ends = [place for place, _ in places[1:]]
    cuts = [(start, "nothing")]
    for (begin, name), end in zip(places, ends):
        if end - begin > 1:
            cuts.append((begin + 1, name + "_opcode"))
            cuts.append((end - 1, "all_but_one_of_" + name))
        cuts.append((end, name))
    return cuts


def make_pickle():
    """The stack machine alone: the whole file is one pickle."""
    def bad(lie, what, body, *words, whole=False):
        hostile("pickle", lie, what, body if whole else pickle(body), *words)

    # Lengths: what an instruction claims to be followed by.
    for what, opcode, claim in (
            ("binunicode", b"X", u32(0xFFFFFFFF)), ("binunicode8", b"\x8d", u64(2**64 - 1)),
            ("binunicode8_2_to_63", b"\x8d", u64(2**63)),
            ("short_binunicode", b"\x8c", b"\xff"), ("binbytes", b"B", u32(0x7FFFFFFF)),
            ("binbytes8", b"\x8e", u64(2**64 - 9)), ("short_binbytes", b"C", b"\xff"),
            ("binstring_negative", b"T", u32(-1)), ("short_binstring", b"U", b"\x80"),
            ("long1", b"\x8a", b"\xff"), ("long4", b"\x8b", u32(2**31 - 1)),
            ("long4_negative", b"\x8b", u32(-1))):
        claimed = int.from_bytes(claim, "little")
        bad("lengths", what, opcode + claim + b"abc", f"a length of {claimed} bytes", "4 left")
    bad("lengths", "one_byte_more_than_there_is", text("abcd")[:-4] + b"ab", "4 bytes",
        "3 left")
    bad("lengths", "text_swallows_the_stop", b"X" + u32(4) + b"abc", "end without STOP")
    bad("lengths", "name_without_an_end", b"ccollections\nOrderedDict", "name without an end",
        whole=False)
    bad("lengths", "module_without_an_end", b"ccollections", "name without an end")
    bad("lengths", "real_of_three_bytes", b"G\0\0", "8 bytes", "3 left")
    bad("lengths", "frame_of_three_bytes", b"\x95\0\0", "8 bytes", "3 left")

    # Counts: more is taken from the stack than there is.
    bad("counts", "tuple1_of_nothing", b"\x85", "empty stack")
    bad("counts", "tuple2_of_one", b"N\x86", "empty stack")
    bad("counts", "tuple3_of_two", b"NN\x87", "empty stack")
    bad("counts", "setitem_of_one", b"}NNs0s", "empty stack")
    bad("counts", "setitems_of_three", b"}(NNNu", "key without a value")
    bad("counts", "dict_of_three", b"(NNNd", "key without a value")
    bad("counts", "reduce_of_one", EMPTY + b"R", "empty stack")
    bad("counts", "newobj_of_one", EMPTY + b"\x81", "empty stack")
    bad("counts", "newobj_ex_of_two", EMPTY + b"}\x92", "empty stack")
    bad("counts", "build_of_one", b"}b", "empty stack")
    bad("counts", "stack_global_of_one", text("os") + b"\x93", "empty stack")
    bad("counts", "persistent_id_of_nothing", b"Q", "empty stack")
    bad("counts", "stop_with_nothing", b"", "empty stack")
    bad("counts", "pop_flood", b"N" * 100 + b"0" * 101, "empty stack")
    bad("counts", "protocol_6", b"\x80\x06N.", "protocol above 5", whole=True)
    bad("counts", "protocol_255", b"\x80\xffN.", "protocol above 5", whole=True)

    # Nesting: marks that do not match, and containers that are none.
    bad("nesting", "tuple_without_mark", b"t", "no mark")
    bad("nesting", "list_without_mark", b"NNl", "no mark")
    bad("nesting", "pop_mark_without_mark", b"N1", "no mark")
    bad("nesting", "setitems_without_mark", b"}NNu", "no mark")
    bad("nesting", "mark_flood", b"(" * 9000, "empty stack")
    bad("nesting", "tuples_9000_deep_and_one_mark_too_few", b"(" * 9000 + b"t" * 9001,
        "no mark")
    bad("nesting", "mark_between_dictionary_and_item", b"}(NNs", "empty stack")
    bad("nesting", "append_across_a_mark", b"](a", "empty stack")
    bad("nesting", "tuple2_across_a_mark", b"N(N\x86", "empty stack")
    bad("nesting", "append_to_a_tuple", b")Na", "holds none")
    bad("nesting", "append_to_a_dictionary", b"}Na", "holds none")
    bad("nesting", "setitem_on_a_list", b"]NNs", "holds none")
    bad("nesting", "additems_to_a_list", b"](N\x90", "holds none")
    bad("nesting", "appends_to_a_name", name_of("os", "system") + b"(Ne", "holds none")
    bad("nesting", "append_to_none", b"NNa", "holds none")

    # Memo bombs.
    pairs = b"](" + (b"](NNe") * 1000 + b"eq\0"
    bad("memo_bombs", "ordered_dict_of_one_list_again_and_again",
        pairs + b"h\0".join([b"0(" + name_of("collections", "OrderedDict") + b"q\1"] +
                            [b"\x85Rh\1"] * 2000) + b"t", "one list used for too many")
    bad("memo_bombs", "defaultdict_of_one_list_again_and_again",
        pairs + b"0(" + (name_of("collections", "defaultdict") + b"h\0\x85R") * 400 + b"t",
        "one list used for too many")
    bad("memo_bombs", "index_2_to_32_never_stored", b"Nr" + u32(7) + recall(2**32 - 1),
        "4294967295", "never stored")
    bad("memo_bombs", "index_2_to_31_never_stored", recall(2**31), "2147483648", "never stored")
    bad("memo_bombs", "short_index_never_stored", b"Nq\xfeh\xff", "255", "never stored")
    bad("memo_bombs", "index_stored_later", b"(h\5Nq\5t", "memo index 5", "never stored")
    bad("memo_bombs", "long_binput_flood_and_one_recall_too_far",
        b"N" + b"".join(memo(i * 2_147_480) for i in range(2000)) + recall(2000 * 2_147_480),
        str(2000 * 2_147_480), "never stored")
    bad("memo_bombs", "memoize_flood_and_one_recall_too_far",
        b"N" + b"\x94" * 9000 + recall(9000), "9000", "never stored")
    bad("memo_bombs", "memoize_of_nothing", b"\x94", "empty stack")
    bad("memo_bombs", "binput_of_nothing", b"q\0", "empty stack")
    bad("memo_bombs", "long_binput_of_nothing_at_2_to_32", memo(2**32 - 1), "empty stack")
    bad("memo_bombs", "binput_below_a_mark", b"N(q\0", "empty stack")
    bad("memo_bombs", "dup_of_nothing", b"2" * 9000, "empty stack")
    bad("memo_bombs", "dup_flood_without_a_mark", b"N" + b"2" * 9000 + b"t", "no mark")
    laughs = b"](NNNNNNNNNNeq\0" + b"".join(
        b"](" + (b"h" + bytes([i])) * 10 + b"eq" + bytes([i + 1]) for i in range(60))
    bad("memo_bombs", "billion_laughs_and_a_missing_one", laughs + b"h\xff", "255",
        "never stored")
    bad("memo_bombs", "billion_laughs_without_stop", b"\x80\2" + laughs, "end without STOP",
        whole=True)
    bad("memo_bombs", "text_put", b"Np0\n", "0x70")
    bad("memo_bombs", "text_get", b"Nq\0g0\n", "0x67")

    # Code execution: what runs something by its opcode alone is no opcode here.
    run = text(COMMAND)
    bad("code_execution", "inst_os_system", b"(" + run + b"ios\nsystem\n", "0x69")
    bad("code_execution", "obj_os_system", b"(" + name_of("os", "system") + run + b"o", "0x6f")
    bad("code_execution", "ext1", b"\x82\x01", "0x82")
    bad("code_execution", "ext2", b"\x83\x01\x01", "0x83")
    bad("code_execution", "ext4", b"\x84\x01\x01\x01\x01", "0x84")
    bad("code_execution", "ext1_called", b"\x82\x01" + items(run) + b"R", "0x82")
    bad("code_execution", "persistent_id_as_text", b"Pos.system\n", "0x50")
    bad("code_execution", "next_buffer", b"\x97", "0x97")
    bad("code_execution", "readonly_buffer", b"N\x98", "0x98")
    bad("code_execution", "inst_after_a_harmless_object", HOOKS + b"0(" + run +
        b"iposix\nsystem\n", "0x69")
    bad("code_execution", "protocol_0_call", b"cos\nsystem\n(S'" + COMMAND.encode() +
        b"'\ntR.", "0x53", whole=True)
    bad("code_execution", "protocol_0_unicode", b"cos\nsystem\n(V" + COMMAND.encode() +
        b"\ntR.", "0x56", whole=True)
    bad("code_execution", "stack_global_of_a_call",
        text("os") + call(name_of("builtins", "str"), text("system")) + b"\x93", "no string")
    bad("code_execution", "stack_global_of_bytes", b"C\2osC\6system\x93", "no string")
    bad("code_execution", "stack_global_of_numbers", b"K\1K\2\x93", "no string")
    bad("code_execution", "name_in_latin_1", b"co\xe4\nsystem\n", "no UTF-8")
    bad("code_execution", "shell_script", b"#!/bin/sh\n" + COMMAND.encode() + b"\n", "0x23",
        whole=True)
    bad("code_execution", "python_source", b"import os; os.system('" + COMMAND.encode() + b"')",
        "0x69", whole=True)

    for what, opcode, code in (("int", b"I1\n", "0x49"), ("long", b"L1L\n", "0x4c"),
                               ("float", b"F1.5\n", "0x46"), ("unassigned", b"\xff", "0xff"),
                               ("zero", b"\0", "0x00"), ("line_break", b"\n", "0x0a")):
        bad("types", "opcode_" + what, opcode, code)
    bad("types", "text_in_latin_1", text(b"\xe4"), "no UTF-8")
    bad("types", "text_with_a_surrogate", text(b"\xed\xa0\x80"), "no UTF-8")

    # One of each kind, cut everywhere.
    whole = (b"\x80\x04\x95" + u64(300) + b"}q\0(" + text("one") + b"J" + u32(-3) +
             b"\x8c\3two" + b"K\7" + b"\x8d" + u64(5) + b"three" + b"M" + u16(700) +
             b"U\4four" + b"\x8a\2\0\1" + b"T" + u32(4) + b"five" + b"\x8b" + u32(2) + b"\0\1" +
             b"C\3six" + b"G" + struct.pack(">d", 1.5) + b"B" + u32(5) + b"seven" + b"N" +
             b"\x8e" + u64(5) + b"eight" + TRUE + text("nine") + FALSE + b"u\x94" +
             text("ten") + name_of("collections", "OrderedDict") + b")R}bs" + text("eleven") +
             b"\x8c\2os\x8c\6system\x93)\x81s" + text("twelve") + b"(K\1K\2tr" + u32(99) +
             b"0" + b"j" + u32(99) + b"s" + text("thirteen") + b"K\1\x85" + b"s" +
             text("fourteen") + items(text("storage"), NONE) + b"Qs" + text("fifteen") +
             b"](K\1K\2eNas" + b"h\x000.")
    cuts = [(size, what) for size, what in cuts_of_pickle(whole)]
    truncations("pickle", whole, cuts, (), keep=lambda size: (
        "end without STOP",) if size in {place for place, _ in boundaries(whole)} or size == 0
        else ("of the pickle",))
