"""Index: model.safetensors.index.json, and shards beside it; a folder a case."""

import json

from .common import HOSTILE, SIX, expect, longs, put, u64
from .safetensors_files import compact, entry, safetensors
from .pickle_files import dictionary, pickle, tensor
from .zip_files import torch_zip
from .torch_lies import SOUND, W
from .legacy_files import legacy, old_storage


INDEX = "model.safetensors.index.json"


def shard(*tensors):
    """A safetensors file of (name, dtype, shape, bytes)."""
    header, position = {}, 0
    for name, dtype, shape, data in tensors:
        header[name] = entry(dtype, list(shape), position, position + len(data))
        position += len(data)
    return safetensors(header, b"".join(data for *_, data in tensors))


ONE = "model-00001-of-00002.safetensors"
TWO = "model-00002-of-00002.safetensors"
A = "a", "F32", (2, 3), SIX
B = "b", "I64", (2,), longs(-7, 9)


def index_of(weight_map, **more):
    return {"metadata": {"total_size": 40}, "weight_map": weight_map, **more}


def make_index():
    sound = index_of({"a": ONE, "b": TWO})
    both = {ONE: shard(A), TWO: shard(B)}

    def bad(lie, what, index, *words, files=None, at=INDEX):
        data = index if isinstance(index, (bytes, str)) else compact(index)
        data = data.encode() if isinstance(data, str) else data
        folder = f"hostile/index/{lie}_{what}"
        put(f"{folder}/{INDEX}", data)
        for name, content in (both if files is None else files).items():
            put(f"{folder}/{name}", content)
        HOSTILE.append((f"{folder}/{INDEX}", lie, words))

    # Offsets: an index has names of files where other formats have numbers.
    for what, name, shown in (
            ("one_folder_up", "../" + ONE, '"../'), ("two_folders_up", "../../x", '"../../x"'),
            ("absolute", "/etc/passwd", '"/etc/passwd"'), ("empty", "", '""'),
            ("this_folder", ".", '"."'), ("upper_folder", "..", '".."'),
            ("folder_below", "sub/" + ONE, '"sub/'), ("nul", ONE + "\0.txt", "\\u0000"),
            ("nul_alone", "\0", "\\u0000"), ("backslash", "..\\" + ONE, '"..\\\\'),
            ("drive", "C:x", '"C:x"'), ("share", "\\\\host\\x", '"\\\\\\\\host'),
            ("url", "http://localhost/x", '"http://'), ("device", "/dev/zero", '"/dev/zero"'),
            ("hidden_way_up", "./../x", '"./../x"'), ("stream", ONE + "::$DATA", "$DATA")):
        bad("offsets", "name_" + what, index_of({"a": ONE, "b": name}), shown, "plain name")
    bad("offsets", "name_of_the_index_itself", index_of({"a": ONE, "b": INDEX}), "JSON text")
    bad("offsets", "name_of_5000_letters", index_of({"a": ONE, "b": "x" * 5000}), "xxxxx")

    # Lengths.
    short = dict(both)
    short[TWO] = both[TWO][:-1]
    bad("lengths", "second_shard_cut_short", sound, TWO, "cut short", files=short)
    bad("lengths", "second_shard_empty", sound, TWO, "empty", files={**both, TWO: b""})
    bad("lengths", "second_shard_longer", sound, TWO, "1 bytes after",
        files={**both, TWO: both[TWO] + b"\0"})
    bad("lengths", "second_shard_of_huge_header", sound, TWO, "18446744073709551615",
        files={**both, TWO: u64(2**64 - 1) + both[TWO][8:]})
    bad("lengths", "second_shard_only_its_length", sound, TWO, "cut short",
        files={**both, TWO: both[TWO][:8]})
    bad("lengths", "second_shard_with_a_hole", sound, TWO, "[8, 24]", files={
        **both, TWO: safetensors({"b": entry("I64", [2], 8, 24)}, bytes(24))})
    bad("lengths", "tensor_name_of_5000_letters", index_of({"a": ONE, "x" * 5000: TWO}),
        '"b"')
    bad("lengths", "weight_map_of_nothing", index_of({}), "weight_map")

    # Counts: shards that are not there, tensors that are elsewhere.
    bad("counts", "second_shard_missing", sound, TWO, "no file", files={ONE: shard(A)})
    bad("counts", "no_shard_at_all", sound, ONE, "no file", files={})
    bad("counts", "third_shard_missing", index_of({"a": ONE, "b": TWO, "c": "third"}), "third",
        "no file")
    bad("counts", "tensor_that_no_shard_has", index_of({"a": ONE, "b": TWO, "c": TWO}), '"c"',
        TWO)
    bad("counts", "tensor_in_the_other_shard", index_of({"a": TWO, "b": ONE}), '"a"', ONE)
    bad("counts", "tensor_that_the_index_does_not_have", index_of({"a": ONE, "b": TWO}),
        '"c"', TWO, files={**both, TWO: shard(B, ("c", "U8", (1,), b"\1"))})
    bad("counts", "500_shards_that_are_not_there", index_of({"a": ONE, **{
        f"t{i}": f"model-{i:05}-of-00500.safetensors" for i in range(500)}}), "model-00000",
        "no file")
    bad("counts", "2000_tensors_in_a_shard_of_one", index_of({"a": ONE, **{
        f"t{i}": "s" for i in range(2000)}}), '"t', '"s"', files={ONE: shard(A), "s": shard()})
    bad("counts", "shard_is_a_picture", sound, TWO, "image",
        files={**both, TWO: b"\x89PNG\r\n\x1a\n" + bytes(20)})
    bad("counts", "shard_is_a_link_of_git", sound, TWO, "Git LFS", files={
        **both, TWO: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 40\n"})

    # Nesting.
    bad("nesting", "weight_map_in_a_weight_map", index_of({"weight_map": {"a": ONE}}),
        '"weight_map"')
    bad("nesting", "file_in_a_list", index_of({"a": [ONE], "b": TWO}), '"a"')
    bad("nesting", "weight_map_is_a_list", index_of([["a", ONE]]), "weight_map")
    bad("nesting", "index_in_a_list", "[" + compact(sound) + "]", "no object")
    bad("nesting", "arrays_5000_deep", "[" * 5000 + "]" * 5000, "128")
    bad("nesting", "arrays_5000_deep_without_end", "[" * 5000, "128")
    bad("nesting", "objects_2000_deep", '{"a":' * 2000 + "1" + "}" * 2000, "128")
    bad("nesting", "metadata_2000_deep", '{"metadata":' + '{"a":' * 2000 + "1" + "}" * 2000 +
        ',"weight_map":{"a":"' + ONE + '"}}', "128")
    bad("nesting", "file_5000_deep", '{"weight_map":{"a":' + "[" * 5000 + "]" * 5000 + "}}",
        "128")
    bad("nesting", "index_of_an_index", index_of({"a": "other.index.json"}), "other.index.json",
        files={"other.index.json": compact(sound).encode(), **both})

    # Duplicates.
    def twice(what, content, *words, files=None):
        bad("duplicates", what, content, "duplicate", *words, files=files)

    M = f'"a":"{ONE}","b":"{TWO}"'
    twice("tensor", f'{{"weight_map":{{{M},"a":"{ONE}"}}}}', '"a"')
    twice("tensor_in_two_shards", f'{{"weight_map":{{{M},"a":"{TWO}"}}}}', '"a"')
    twice("tensor_spelt_with_an_escape", f'{{"weight_map":{{{M},"\\u0061":"{ONE}"}}}}', '"a"')
    twice("weight_map", f'{{"weight_map":{{{M}}},"weight_map":{{{M}}}}}', '"weight_map"')
    twice("metadata", f'{{"metadata":{{}},"metadata":{{}},"weight_map":{{{M}}}}}', '"metadata"')
    twice("total_size", '{"metadata":{"total_size":1,"total_size":2},"weight_map":{' + M + "}}",
          '"total_size"')
    twice("name_in_a_shard", sound, '"b"', TWO, files={**both, TWO: safetensors(
        '{"b":' + compact(entry("U8", [0], 0, 0)) + ',"b":' + compact(entry("U8", [0], 0, 0)) +
        "}")})
    bad("duplicates", "tensor_in_both_shards", sound, '"a"', TWO, files={
        ONE: shard(A), TWO: shard(A, B)})

    # Types.
    bad("types", "no_weight_map", {"metadata": {}}, "weight_map")
    bad("types", "weight_map_is_null", index_of(None), "weight_map")
    bad("types", "weight_map_is_a_string", index_of(ONE), "weight_map")
    bad("types", "file_is_null", index_of({"a": ONE, "b": None}), '"b"')
    bad("types", "file_is_a_number", index_of({"a": ONE, "b": 2}), '"b"')
    bad("types", "empty_object", {}, "weight_map")
    bad("types", "byte_order_mark", "\ufeff" + compact(sound), "byte order mark")
    bad("types", "not_json", "weight_map: a", "no valid JSON")

    # Truncation.
    data = compact(sound).encode()
    cuts = [(0, "nothing"), (1, "the_brace")]
    for word in ("metadata", "total_size", ":40", "}", "weight_map", '{"a', '"', ":", ONE,
                 '"b"', TWO):
        place = data.index(word.encode(), cuts[-1][0]) + len(word)
        what = {ONE: "the_first_file", TWO: "the_second_file", "}": "the_metadata",
                ":": "a_colon", '{"a': "half_a_name", '"': "a_name", '"b"': "another_name",
                ":40": "a_number"}
        cuts.append((place, what.get(word, word)))
    cuts.append((len(data) - 1, "the_weight_map"))
    for size, what in cuts:
        bad("truncation", f"{size:04d}_after_{what}", data[:size],
            "no valid JSON")

    # Sound ones.
    def good(what, index, files, *tensors):
        folder = f"valid/index/{what}"
        put(f"{folder}/{INDEX}", (index if isinstance(index, str) else compact(index)).encode())
        for name, content in files.items():
            put(f"{folder}/{name}", content)
        expect(f"{folder}/{INDEX}", *tensors)

    good("two_shards", sound, both, A, B)
    three = {f"model-0000{i}-of-00003.safetensors": shard(
        (f"t{i}", "U8", (i,), bytes(range(i)))) for i in (1, 2, 3)}
    good("three_shards", index_of({f"t{i}": f"model-0000{i}-of-00003.safetensors"
                                   for i in (3, 1, 2)}), three,
         *[(f"t{i}", "U8", (i,), bytes(range(i))) for i in (1, 2, 3)])
    good("one_shard", index_of({"a": ONE, "b": ONE}), {ONE: shard(A, B)}, A, B)
    for what, value in (("string", "40"), ("real", 40.0), ("wrong", 123456789),
                        ("negative", -1), ("null", None)):
        good("total_size_" + what, {**sound, "metadata": {"total_size": value}}, both, A, B)
    good("no_metadata", {"weight_map": sound["weight_map"]}, both, A, B)
    good("metadata_null", {**sound, "metadata": None}, both, A, B)
    good("more_metadata", {**sound, "metadata": {"total_size": 40, "format": "pt", "x": [1]}},
         both, A, B)
    good("unknown_field", {**sound, "other": 1}, both, A, B)
    good("white_space", json.dumps(sound, indent=2) + "\n", both, A, B)
    good("empty_shard_beside", sound, {**both, "other.safetensors": b""}, A, B)
    torch = {"pytorch_model-00001-of-00002.bin": torch_zip(SOUND),
             "pytorch_model-00002-of-00002.bin": legacy(pickle(dictionary(
                 {"b": tensor(old_storage())})))}
    good("torch_shards", index_of({"w": "pytorch_model-00001-of-00002.bin",
                                   "b": "pytorch_model-00002-of-00002.bin"}), torch, W,
         ("b", "F32", (2, 3), SIX))
    good("odd_tensor_names", index_of({"": ONE, "../x": ONE, "\u540d": TWO}),
         {ONE: shard(("", "U8", (1,), b"\1"), ("../x", "U8", (1,), b"\2")),
          TWO: shard(("\u540d", "U8", (1,), b"\3"))},
         ("", "U8", (1,), b"\1"), ("../x", "U8", (1,), b"\2"), ("\u540d", "U8", (1,), b"\3"))
