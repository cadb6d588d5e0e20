"""Legacy torch files: magic number | version | machine | object | keys | storages."""

import random

from .common import COMMAND, SIX, counting, hostile, truncations, u64, valid
from .pickle_files import (ATTACK, NONE, TRUE, call, cuts_of_pickle, dictionary, integer,
                           integers, items, memo, name_of, ordered, parameter, pickle, recall,
                           storage, tensor, text)
from .torch_lies import STORAGES, W, lies_about_tensors, view


MAGIC = pickle(integer(0x1950A86A20F9469CFC6C))
VERSION = pickle(integer(1001))
MACHINE = pickle(dictionary({"protocol_version": integer(1001), "little_endian": TRUE,
                             "type_sizes": dictionary({"short": integer(2), "int": integer(4),
                                                       "long": integer(4)})}))


def old_storage(key="0", count=6, kind="FloatStorage", view=NONE):
    return storage(key, count, kind, "cpu", view)


def legacy(saved, storages=None, keys=None, magic=MAGIC, version=VERSION, machine=MACHINE,
           behind=b""):
    """`storages` are (key, element count, bytes); `keys` is the fifth pickle."""
    storages = [("0", 6, SIX)] if storages is None else storages
    if keys is None:
        keys = pickle(b"](" + b"".join(text(key) for key, _, _ in storages) + b"e")
    return (magic + version + machine + saved + keys +
            b"".join(u64(count) + data for _, count, data in storages) + behind)


OLD = pickle(dictionary({"w": tensor(old_storage())}))


def make_legacy():
    def bad(lie, what, data, *words): hostile("legacy", lie, what, data, *words)

    lies_about_tensors(lambda lie, what, saved, words: bad(
        lie, "pickle_" + what, legacy(pickle(saved), None if text("storage") in saved else []),
        *words), False)

    # Lengths: the count in front of the elements, and what follows it.
    for what, count in (("one_more", 7), ("one_less", 5), ("none", 0), ("minus_one", -1),
                        ("2_to_62", 2**62), ("minus_2_to_63", -2**63),
                        ("big_endian", 6 << 56)):
        bad("lengths", "stream_says_" + what, legacy(OLD, [("0", count, SIX)]),
            f"{count} elements", '"0"', "6")
    huge = tensor(old_storage(count=2**40), size=(1,), stride=(1,))
    bad("lengths", "both_say_2_to_40", legacy(pickle(dictionary({"w": huge})),
                                              [("0", 2**40, SIX)]),
        "24 bytes left", '"0"', str(2**40), "cut short")
    huge = tensor(old_storage(count=2**62), size=(1,), stride=(1,))
    bad("lengths", "both_say_2_to_62_which_wraps", legacy(pickle(dictionary({"w": huge})),
                                                          [("0", 2**62, SIX)]),
        '"0"', str(2**62))
    bad("lengths", "elements_of_8_bytes", legacy(pickle(dictionary({"w": tensor(old_storage(
        kind="DoubleStorage"))}))), "24 bytes left", '"0"', "DoubleStorage")
    two = pickle(dictionary({"a": tensor(old_storage("0")), "b": tensor(old_storage("1"))}))
    bad("lengths", "second_storage_missing", legacy(two, [("0", 6, SIX)], keys=pickle(
        b"](" + text("0") + text("1") + b"e")), "no element count", '"1"', "cut short")
    bad("lengths", "first_storage_shifted_by_a_byte", legacy(
        OLD, [("0", 6, SIX)], keys=pickle(b"](" + text("0") + b"e") + b"\0"), "elements", '"0"')

    # Offsets: views into a storage, as very old files have them.
    for what, view in (("beyond_the_end", (text("v"), integer(4), integer(3))),
                       ("at_2_to_63", (text("v"), integer(2**63 - 1), integer(1))),
                       ("before_the_start", (text("v"), integer(-1), integer(3))),
                       ("of_a_negative_count", (text("v"), integer(0), integer(-6))),
                       ("of_2_to_64", (text("v"), integer(0), integer(2**64))),
                       ("without_a_count", (text("v"), integer(0))),
                       ("that_is_an_attack", (text("v"), ATTACK, ATTACK))):
        bad("offsets", "view_" + what, legacy(pickle(dictionary({"w": tensor(old_storage(
            view=items(*view)))}))), "view")
    bad("offsets", "tensor_beyond_its_view", legacy(pickle(dictionary({"w": tensor(old_storage(
        view=items(text("v"), integer(2), integer(4))))}))), "beyond the end", '"w"')

    # Counts: keys and storages that do not fit each other.
    def keys(what, body, *words, lie="counts", saved=OLD, storages=None):
        bad(lie, what, legacy(saved, storages, keys=pickle(body)), *words)

    keys("no_keys", b"]", '"0"')
    keys("key_unknown", b"](" + text("0") + text("1") + b"e", '"1"', storages=[
        ("0", 6, SIX), ("1", 6, SIX)])
    keys("other_key", b"](" + text("x") + b"e", '"x"')
    keys("one_key_of_two", b"](" + text("0") + b"e", '"1"', saved=two)
    keys("key_of_many_letters", b"](" + text("9" * 5000) + b"e", "99999")
    bad("counts", "version_1000", legacy(OLD, version=pickle(integer(1000))), "version", "1001")
    bad("counts", "version_of_a_string", legacy(OLD, version=pickle(text("1001"))), "a string",
        "version")
    bad("counts", "no_fifth_pickle", MAGIC + VERSION + MACHINE + OLD, "end without STOP")
    bad("counts", "four_pickles_and_storages", MAGIC + VERSION + MACHINE + OLD + u64(6) + SIX,
        "of the pickle")

    # Nesting and wrong kinds in the list of keys.
    keys("keys_in_a_list_in_a_list", b"](](" + text("0") + b"ee", "a list", "key",
         lie="nesting")
    keys("keys_in_a_tuple", items(text("0")), "a tuple", "keys", lie="nesting")
    keys("keys_in_a_dictionary", dictionary([("0", NONE)]), "a dictionary", "keys",
         lie="nesting")
    keys("keys_list_in_itself", b"]" + memo(0) + recall(0) + b"a", "a list", "key",
         lie="nesting")
    keys("keys_5000_lists_deep", b"]" * 5000 + b"a" * 4999, "a list", "key", lie="nesting")
    bad("nesting", "machine_of_marks", legacy(OLD, machine=pickle(b"(" * 5000)), "empty stack")

    # Memo bombs beside the object.
    bad("memo_bombs", "machine_recalls_what_was_never_stored", legacy(
        OLD, machine=pickle(recall(2**32 - 1))), "4294967295", "never stored")
    bad("memo_bombs", "memo_of_another_pickle", legacy(pickle(dictionary(
        {"w": tensor(old_storage()) + memo(3)})), keys=pickle(recall(3))), "memo index 3",
        "never stored")
    keys("one_key_5000_times", b"](" + text("0") + memo(0) + b"2" * 5000 + b"e",
         '"0"', lie="memo_bombs")
    bad("memo_bombs", "machine_copies_a_list", legacy(OLD, machine=pickle(
        b"](" + b"](NNe" * 500 + b"eq\0" + b"0(" + (name_of(
            "collections", "OrderedDict") + b"h\0\x85R") * 500 + b"t")),
        "one list used for too many")

    # Code execution in the other pickles.
    bad("code_execution", "as_the_version", legacy(OLD, version=pickle(ATTACK)), "an object",
        "version")
    bad("code_execution", "as_the_keys", legacy(OLD, keys=pickle(ATTACK)), "an object", "keys")
    keys("as_a_key_of_the_list", b"](" + ATTACK + b"e", "an object", "key",
         lie="code_execution")
    bad("code_execution", "inst_in_the_machine", legacy(OLD, machine=pickle(
        b"(" + text(COMMAND) + b"ios\nsystem\n")), "0x69")
    bad("code_execution", "ext1_in_the_keys", legacy(OLD, keys=pickle(b"\x82\1")), "0x82")
    module = items(text("module"), name_of("posix", "system"), text("a.py"), text(
        f"import os; os.system('{COMMAND}')")) + b"Q"
    bad("code_execution", "module_with_source", legacy(pickle(dictionary(
        {"m": module, "w": tensor(old_storage())}))), "module")
    bad("code_execution", "module_alone", legacy(pickle(module)), "module")

    # Duplicates.
    keys("storage_key", b"](" + text("0") + text("0") + b"e", "duplicate", '"0"',
         lie="duplicates", storages=[("0", 6, SIX), ("0", 6, SIX)])
    bad("duplicates", "storage_of_two_kinds_outside_of_tensors", legacy(pickle(dictionary(
        {"x": items(old_storage(), old_storage(kind="IntStorage")),
         "w": tensor(old_storage())}))), '"0"', "two descriptions")

    # Types.
    keys("key_is_a_number", b"](" + integer(0) + b"e", "an integer", "key", lie="types")
    keys("keys_are_none", NONE, "None", "keys", lie="types")
    bad("types", "storage_class_unknown_beside", legacy(pickle(dictionary(
        {"x": old_storage("1", 6, name_of("other", "Storage")),
         "w": tensor(old_storage())})), [("0", 6, SIX), ("1", 6, SIX)]), "other.Storage", '"1"')
    tar = b"storages".ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"00000000030\0" * 2
    tar = (tar + b"        0" + b"\0" * 100 + b"ustar\00000").ljust(512, b"\0") + bytes(1024)
    bad("types", "tar_of_very_old_torch", tar, "tar")
    bad("types", "magic_number_wrong", legacy(OLD, magic=pickle(integer(
        0x1950A86A20F9469CFC6D))), "pickle")

    # Truncation: after every instruction of every pickle, and inside of the storages.
    saved = pickle(dictionary({"a": tensor(old_storage("7")), "b": tensor(old_storage(
        "10", 3, "HalfStorage"), size=(3,), stride=(1,))}))
    file = legacy(saved, [("10", 3, SIX[:6]), ("7", 6, SIX)])
    parts = [MAGIC, VERSION, MACHINE, saved]
    starts = [sum(map(len, parts[:i])) for i in range(5)]
    cuts = []
    for number, start in enumerate(starts):
        wanted = cuts_of_pickle(file, start)
        if number in (2, 3):  # long ones: every third place, and all that end a pickle
            wanted = wanted[:1] + wanted[1:-1:3] + wanted[-1:]
        cuts += [(at, f"pickle_{number + 1}_{what}") for at, what in wanted]
    data = len(file) - 8 - 6 - 8 - 24
    cuts += [(data, "the_keys"), (data + 4, "half_a_count"), (data + 8, "the_first_count"),
             (data + 11, "half_a_storage"), (data + 14, "the_first_storage"),
             (data + 21, "most_of_a_count"), (data + 22, "the_second_count"),
             (data + 45, "all_but_one_byte")]
    truncations("legacy", file, cuts, (), keep=lambda size: ("empty",) if size == 0 else
                ("bare pickle",) if 2 < size < len(MAGIC) else ("begins with",)
                if size <= 2 else ("of the pickle",) if size < data else
                ("no element count", "cut short") if data <= size < data + 8 or
                data + 14 <= size < data + 22 else ("bytes left", "cut short"))

    # Sound ones.
    def good(what, saved, storages, *tensors, **more):
        valid("legacy", what, legacy(pickle(saved), storages, **more), *tensors)

    valid("legacy", "one", legacy(OLD), W)
    valid("legacy", "bytes_after_the_last_storage", legacy(OLD, behind=b"anything"), W)
    valid("legacy", "machine_is_none", legacy(OLD, machine=pickle(NONE)), W)
    valid("legacy", "attack_as_the_machine", legacy(OLD, machine=pickle(ATTACK)), W)
    valid("legacy", "magic_of_protocol_4", legacy(OLD, magic=b"\x80\4" + MAGIC[2:]), W)
    good("identity_of_five", dictionary({"w": tensor()}), None, W)
    names, listed, storages = {}, [], []
    for i, (kind, dtype) in enumerate(STORAGES.items()):
        data = counting(dtype, 6)
        key = str(94_000_000_000 + i * 16)
        names[kind] = tensor(old_storage(key, kind=kind))
        storages.append((key, 6, data))
        listed.append((kind, dtype, (2, 3), data))
    good("every_storage_class", dictionary(names), storages, *listed)
    shuffled = storages[:]
    random.Random(3).shuffle(shuffled)
    good("storages_in_another_order", dictionary(names), shuffled, *listed)
    foreign = {"scores": old_storage("90", 3, "DoubleStorage"),
               "callback": call(name_of("some.module", "Metric"), old_storage("91", 5,
                                                                              "ByteStorage")),
               "state": name_of("some.module", "Thing") + b")\x81" + dictionary(
                   {"x": tensor(old_storage("92", 2, "LongStorage"), size=(2,), stride=(1,))})
               + b"b", "quantised": old_storage("93", 7, "QInt8Storage"),
               "complex": old_storage("94", 1, "ComplexDoubleStorage")}
    others = [("90", 3, bytes(24)), ("91", 5, bytes(5)), ("92", 2, bytes(16)),
              ("93", 7, bytes(7)), ("94", 1, bytes(16))]
    good("storages_of_foreign_objects_in_front", dictionary(
        {**foreign, "state_dict": ordered({"w": tensor(old_storage("95"))})}),
        others + [("95", 6, SIX)], W)
    good("storage_that_was_popped", old_storage("90", 3, "DoubleStorage") + b"0" + dictionary(
        {"w": tensor(old_storage())}), [("90", 3, bytes(24)), ("0", 6, SIX)], W)
    view = items(text("v"), integer(2), integer(4))
    good("view_of_a_storage", dictionary({"v": tensor(old_storage(view=view), size=(2, 2),
        stride=(2, 1)), "w": tensor(old_storage())}), None, ("v", "F32", (2, 2), SIX[8:]), W)
    good("shared_and_transposed", dictionary({"t": tensor(old_storage(), 0, (3, 2), (1, 3)),
        "w": tensor(old_storage())}), None, ("t", "F32", (3, 2), view_of_six()), W)
    good("empty_storage", dictionary({"e": tensor(old_storage("1", 0), size=(0,), stride=(1,)),
        "w": tensor(old_storage())}), [("1", 0, b""), ("0", 6, SIX)], ("e", "F32", (0,), b""),
         W)
    good("parameter_and_gradient", ordered({"w": parameter(tensor(old_storage(),
                                                                  gradient=TRUE))}), None, W)
    good("rebuild_tensor_old", dictionary({"w": call(name_of("torch._utils", "_rebuild_tensor"),
        old_storage(), integer(0), integers((2, 3)), integers((3, 1)))}), None, W)
    good("attack_beside_a_tensor", dictionary({"x": ATTACK, "w": tensor(old_storage())}), None,
         W)


def view_of_six(): return view(SIX, 4, 0, (3, 2), (1, 3))
