"""Torch zip files that lie: local headers and records | central directory | end."""

import zlib

from .common import SIX, hostile, truncations, u16, u32, u64
from .safetensors_files import entry, safetensors
from .pickle_files import dictionary, pickle, storage, tensor
from .zip_files import Record, padded, torch_records, torch_zip, zip_file
from .torch_lies import SOUND, lies_about_tensors


def make_hostile_zip():
    def bad(lie, what, data, *words): hostile("zip", lie, what, data, *words)

    def changed(lie, what, *words, index=None, end=None, zip64=None, **change):
        """The sound file with one record changed, or its end."""
        records = torch_records(SOUND, order="little")
        for key, value in change.items():
            setattr(records[index], key, value)
        bad(lie, what, zip_file(records, end=end, zip64=zip64), *words)

    lies_about_tensors(lambda lie, what, saved, words: bad(
        lie, "pickle_" + what, torch_zip(pickle(saved)), *words), True)

    size = len(torch_zip(SOUND, order="little"))
    # The records stand in this order: data.pkl, byteorder, data/0, version.
    storage_name = '"model/data/0"'
    broken = "broken zip archive"

    # Lengths.
    changed("lengths", "storage_of_2_to_32_minus_2", storage_name, "4294967294", index=2,
            central={"size": 2**32 - 2, "packed": 2**32 - 2})
    changed("lengths", "storage_past_the_end", storage_name, index=2,
            central={"size": size - 10, "packed": size - 10})
    changed("lengths", "storage_one_byte_short", '"0"', "23 bytes", index=2,
            central={"size": 23, "packed": 23})
    changed("lengths", "storage_empty", '"0"', "0 bytes", index=2,
            central={"size": 0, "packed": 0})
    changed("lengths", "stored_but_smaller_than_its_size", storage_name, "24", index=2,
            central={"packed": 20})
    changed("lengths", "stored_but_larger_than_its_size", storage_name, "20", index=2,
            central={"size": 20})
    changed("lengths", "pickle_cut_by_its_size", "end without STOP", index=0,
            central={"size": len(SOUND) - 1, "packed": len(SOUND) - 1})
    changed("lengths", "pickle_empty", "end without STOP", index=0,
            central={"size": 0, "packed": 0})
    changed("lengths", "local_name_past_the_end", storage_name, index=2,
            local={"name_length": 0xFFFF})
    changed("lengths", "local_extra_past_the_end", storage_name, index=2,
            local={"extra_length": 0xFFFF})
    changed("lengths", "central_name_past_the_end", broken, index=3,
            central={"name_length": 0xFFFF})
    changed("lengths", "central_extra_past_the_end", broken, index=3,
            central={"extra_length": 0xFFFF})
    changed("lengths", "central_comment_past_the_end", broken, index=3,
            central={"comment_length": 0xFFFF})
    changed("lengths", "central_name_one_longer", broken, index=1,
            central={"name_length": 16})
    changed("lengths", "directory_one_byte_longer", broken, end={"size": 4 * 46 + 56})
    changed("lengths", "directory_of_2_to_32", broken, end={"size": 2**32 - 2})
    changed("lengths", "directory_empty", broken, end={"size": 0})
    changed("lengths", "comment_past_the_end", broken, end={"comment_length": 5})
    large = b"\1\0" + u16(16) + u64(2**63) + u64(2**63)
    changed("lengths", "zip64_storage_of_2_to_63", storage_name, index=2, central_extra=large,
            central={"size": 2**32 - 1, "packed": 2**32 - 1})
    changed("lengths", "zip64_field_too_short", broken, index=2,
            central_extra=b"\1\0" + u16(4) + u32(24),
            central={"size": 2**32 - 1, "packed": 2**32 - 1})
    changed("lengths", "zip64_field_missing", broken, index=2,
            central={"size": 2**32 - 1, "packed": 2**32 - 1})
    changed("lengths", "extra_field_past_its_end", broken, index=2,
            central_extra=b"XX" + u16(0x1000) + b"abcd")

    # Offsets.
    changed("offsets", "record_past_the_end", storage_name, index=2,
            central={"offset": size + 1000})
    changed("offsets", "record_of_2_to_32", storage_name, index=2,
            central={"offset": 2**32 - 2})
    changed("offsets", "record_one_byte_off", storage_name, index=2, central={"offset": 1})
    changed("offsets", "record_at_the_directory", storage_name, index=2,
            central={"offset": 30 + 14 + len(SOUND) + 45 + 6 + 66 + 45})
    changed("offsets", "record_at_the_last_byte", storage_name, index=2,
            central={"offset": size - 1})
    changed("offsets", "local_signature_wrong", storage_name, index=2,
            local={"signature": b"PK\3\5"})
    changed("offsets", "directory_past_the_end", broken, end={"offset": size + 1000})
    changed("offsets", "directory_one_byte_early", broken, end={"offset": 0})
    changed("offsets", "directory_of_2_to_32", broken, end={"offset": 2**32 - 2})
    changed("offsets", "directory_at_the_end_record", broken, end={"offset": size - 22})
    changed("offsets", "central_signature_wrong", broken, index=1,
            central={"signature": b"PK\1\3"})
    changed("offsets", "zip64_record_of_2_to_63", broken, index=2,
            central_extra=b"\1\0" + u16(8) + u64(2**63), central={"offset": 2**32 - 1})
    changed("offsets", "zip64_record_past_the_end", storage_name, index=2,
            central_extra=b"\1\0" + u16(8) + u64(2**40), central={"offset": 2**32 - 1})
    changed("offsets", "zip64_directory_of_2_to_63", broken, end={"offset": 2**32 - 1},
            zip64={"offset": 2**63})
    changed("offsets", "zip64_end_past_the_end", broken, end={"offset": 2**32 - 1},
            zip64={"place": 2**40})
    changed("offsets", "zip64_end_of_2_to_64", broken, end={"offset": 2**32 - 1},
            zip64={"place": 2**64 - 1})

    # Counts.
    changed("counts", "one_record_too_many", broken, end={"count": 5, "count_here": 5})
    changed("counts", "65534_records", broken, end={"count": 65534, "count_here": 65534})
    changed("counts", "one_record_too_few", broken, end={"count": 3, "count_here": 3})
    changed("counts", "no_records", broken, end={"count": 0, "count_here": 0})
    changed("counts", "two_numbers", broken, end={"count": 4, "count_here": 3})
    changed("counts", "second_disk", broken, end={"disk": 1})
    changed("counts", "directory_on_another_disk", broken, end={"directory_disk": 7})
    changed("counts", "zip64_2_to_63_records", broken, end={"count": 0xFFFF,
            "count_here": 0xFFFF}, zip64={"count": 2**63, "count_here": 2**63})
    changed("counts", "zip64_five_records_of_four", broken, end={"count": 0xFFFF,
            "count_here": 0xFFFF}, zip64={"count": 5, "count_here": 5})
    bad("counts", "empty_archive", b"PK\3\4" + zip_file([]), "data.pkl")
    bad("counts", "no_data_pkl", zip_file(torch_records(SOUND)[1:]), "data.pkl")
    bad("counts", "no_storage", torch_zip(SOUND, {}), '"0"')
    bad("counts", "other_storage", torch_zip(SOUND, {"1": SIX}), '"0"')

    # Nesting.
    bad("nesting", "data_pkl_two_folders_deep", torch_zip(SOUND, root="a/b"), "data.pkl")
    bad("nesting", "data_pkl_in_no_folder", zip_file([Record("data.pkl", SOUND),
        Record("data/0", SIX)]), "data.pkl")
    bad("nesting", "archive_in_an_archive", zip_file([Record("model/data.pkl.zip",
        torch_zip(SOUND))]), "data.pkl")
    bad("nesting", "data_pkl_is_an_archive", torch_zip(torch_zip(SOUND)), "opcode")
    bad("nesting", "data_pkl_is_a_safetensors_file", torch_zip(safetensors(
        {"w": entry("F32", [2, 3], 0, 24)}, SIX)), "opcode")

    # Zip bombs.
    sound_zip = torch_zip(SOUND)
    end = sound_zip[-22:]
    bad("zip_bombs", "ends_by_the_thousand", sound_zip + end * 2000, "more ends than one")
    def deflated(data):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush()

    def bomb(what, records, *words, **more): bad("zip_bombs", what, zip_file(records, **more),
                                                 *words)

    million = bytes(4_000_000)
    bomb("deflated_storage_1000_to_1", torch_records(pickle(dictionary({"w": tensor(
        storage(count=1_000_000), size=(1_000_000,), stride=(1,))})), {}, more=[Record(
            "model/data/0", million, method=8, packed=deflated(million))]), "compressed",
        storage_name)
    bomb("deflated_pickle_1000_to_1", [Record("model/data.pkl", b"N" * 4_000_000, method=8,
                                              packed=deflated(b"N" * 4_000_000))],
         "compressed", '"model/data.pkl"')
    bomb("deflated_storage_of_claimed_size", torch_records(SOUND, {}, more=[Record(
        "model/data/0", SIX, method=8, packed=deflated(million))]), "compressed", storage_name)
    bomb("deflated_byteorder", torch_records(SOUND, more=[Record(
        "model/byteorder", million, method=8, packed=deflated(million))]), "compressed",
        '"model/byteorder"')
    for method, name in ((1, "shrunk"), (9, "deflate64"), (12, "bzip2"), (14, "lzma"),
                         (93, "zstd"), (95, "xz")):
        bomb("method_" + name, torch_records(SOUND, {}, more=[Record(
            "model/data/0", SIX, method=method)]), "compressed", storage_name)
    bomb("encrypted", torch_records(SOUND, {}, more=[Record("model/data/0", SIX, flags=1)]),
         "encrypted", storage_name)
    bomb("size_of_4_gb_in_a_small_file", torch_records(pickle(dictionary({"w": tensor(
        storage(count=2**30 - 1), size=(2**30 - 1,), stride=(1,))})), {}, more=[Record(
            "model/data/0", SIX, central={"size": 2**32 - 4, "packed": 2**32 - 4})]),
        storage_name, "4294967292")
    bomb("size_of_2_to_63_in_a_small_file", torch_records(pickle(dictionary({"w": tensor(
        storage(count=2**61), size=(2**61,), stride=(1,))})), {}, more=[Record(
            "model/data/0", SIX, central_extra=large,
            central={"size": 2**32 - 1, "packed": 2**32 - 1})]), storage_name)
    bomb("directory_of_2_to_32_entries", torch_records(SOUND), broken,
         end={"count": 0xFFFF, "count_here": 0xFFFF},
         zip64={"count": 2**32, "count_here": 2**32})
    bomb("directory_of_2_to_40_bytes", torch_records(SOUND), broken,
         end={"size": 2**32 - 1}, zip64={"size": 2**40})
    block = bytes(10_000)
    many = {f"w{i}": tensor(storage(key=str(i), count=2500), size=(2500,), stride=(1,))
            for i in range(150)}
    bomb("150_entries_of_the_same_bytes", torch_records(pickle(dictionary(many)), {
        "0": block}, more=[Record(f"model/data/{i}", block, shares="model/data/0")
                           for i in range(1, 150)]), "model/data/")
    inner = Record("model/data/1", SIX)
    whole = inner.local_header() + SIX
    overlap = Record("model/data/0", whole + bytes(-len(whole) % 4))
    records = torch_records(pickle(dictionary({"v": tensor(storage(count=len(
        overlap.data) // 4), size=(2,), stride=(1,)), "w": tensor(storage(key="1"))})), {},
        more=[overlap])
    zip_file(records)  # gives the offsets
    inner.central = {"offset": overlap.offset + len(overlap.local_header())}
    inner.shares = "model/data/0"
    bomb("record_inside_of_another", records + [inner], "model/data/")
    first, second = Record("model/data/0", SIX), Record("model/data/1", SIX)
    first.central = {"size": 60, "packed": 60}
    bomb("record_reaches_into_the_next", torch_records(pickle(dictionary({"v": tensor(
        storage(count=15), size=(15,), stride=(1,)), "w": tensor(storage(key="1"))})), {},
        more=[first, second]), "model/data/")
    last = Record("model/data/0", SIX, central={"size": 100, "packed": 100})
    bomb("record_reaches_into_the_directory", torch_records(pickle(dictionary({"w": tensor(
        storage(count=25), size=(25,), stride=(1,))})), {}, version=None, more=[last]),
        storage_name)

    # Duplicates.
    def double(what, more, *words, root="model", saved=SOUND):
        bad("duplicates", "record_" + what, torch_zip(saved, more=more), *words)

    double("data_pkl", [Record("model/data.pkl", SOUND)], "duplicate", '"model/data.pkl"')
    double("storage", [Record("model/data/0", bytes(24))], "duplicate", storage_name)
    double("storage_of_another_size", [Record("model/data/0", bytes(8))], "duplicate",
           storage_name)
    double("at_the_same_place", [Record("model/data/0", SIX, shares="model/data/0")],
           "duplicate", storage_name)
    double("version", [Record("model/version", b"9\n")], "duplicate", '"model/version"')
    double("second_folder", [Record("other/data.pkl", SOUND)], "two records data.pkl")
    double("second_folder_whole", torch_records(SOUND, root="other"), "two records data.pkl")
    bad("duplicates", "record_byteorder", torch_zip(SOUND, order="little", more=[
        Record("model/byteorder", b"big")]), "duplicate", '"model/byteorder"')

    # What is no checkpoint.
    bad("types", "byteorder_middle", torch_zip(SOUND, order="middle"), '"middle"')
    bad("types", "byteorder_empty", torch_zip(SOUND, order=""), 'byte order ""')
    bad("types", "torchscript", torch_zip(SOUND, more=[
        Record("model/constants.pkl", b"\x80\2)."),
        Record("model/code/__torch__.py", b"pass")]),
        "TorchScript")
    bad("types", "torchscript_code_alone", torch_zip(SOUND, more=[
        Record("model/code/evil.py", b"import os")]), "TorchScript")
    bad("types", "word_document", zip_file([Record("[Content_Types].xml", b"<x/>"),
        Record("word/document.xml", b"<x/>")]), "data.pkl")
    bad("types", "pickle_in_capitals", zip_file([Record("model/DATA.PKL", SOUND)]), "data.pkl")

    # Truncation, field by field.
    records = padded(torch_records(SOUND, order="little"))
    file = zip_file(records)
    cuts = [(0, "nothing"), (2, "pk")]
    local = [(4, "signature"), (6, "version"), (8, "flags"), (10, "method"), (12, "time"),
             (14, "date"), (18, "crc"), (22, "packed_size"), (26, "size"), (28, "name_length"),
             (30, "extra_length")]
    record = records[0]
    cuts += [(at, "local_" + what) for at, what in local]
    at = 30 + len(record.name)
    cuts += [(at, "local_name"), (at + 2, "extra_id"), (at + 4, "extra_size")]
    at += len(record.local_extra)
    cuts += [(at, "local_extra"), (at + 1, "one_byte_of_the_record")]
    at += len(record.data)
    cuts += [(at, "the_record"), (at + 4, "descriptor_signature"), (at + 8, "descriptor_crc"),
             (at + 12, "descriptor_packed_size"), (at + 16, "descriptor")]
    for other in records[1:]:
        cuts += [(other.offset, "a_record"), (other.offset + len(other.local_header()),
                                              "local_header")]
    start = file.index(b"PK\1\2")
    cuts += [(start, "the_records")]
    central = [(4, "signature"), (6, "made_by"), (8, "version"), (10, "flags"), (12, "method"),
               (14, "time"), (16, "date"), (20, "crc"), (24, "packed_size"), (28, "size"),
               (30, "name_length"), (32, "extra_length"), (34, "comment_length"), (36, "disk"),
               (38, "internal"), (42, "external"), (46, "offset")]
    cuts += [(start + at, "central_" + what) for at, what in central]
    for record in records:
        start += len(record.central_header())
        cuts.append((start, "central_header"))
    for at, what in ((4, "signature"), (6, "disk"), (8, "directory_disk"), (10, "count_here"),
                     (12, "count"), (16, "directory_size"), (20, "directory_offset"),
                     (21, "half_a_comment_length")):
        cuts.append((start + at, "end_" + what))
    truncations("zip", file, cuts, (broken, "cut short"), keep=lambda size:
                ("empty file",) if size == 0 else ('"PK"',) if size == 2 else
                (broken, "cut short"))
