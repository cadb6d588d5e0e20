"""Images: PNG by hand, JPEG from bytes that a camera's library made."""

import base64
import struct
import zlib

from .common import VALID, be32, hostile, put, truncations
from .zip_files import torch_zip
from .torch_lies import SOUND
from .index_files import A, shard


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, length=None, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return be32(len(data) if length is None else length) + kind + data + be32(crc)


def ihdr(width, height, depth=8, colour=2, packing=0, filtering=0, interlace=0):
    return be32(width) + be32(height) + bytes([depth, colour, packing, filtering, interlace])


def png(header, rows, between=b"", behind=b""):
    """`rows` are the filtered rows, packed here."""
    return (SIGNATURE + chunk(b"IHDR", header) + between +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"") + behind)


# 12 x 10 pixels, made once with Pillow 12 (quality 30, optimised): baseline grey, baseline RGB
# with a chroma sample for each pixel and for each 2 x 2, restart markers, and two progressive.
JPEGS = {
    "grey":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAKAAwBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABgX/xAAZ"
        "EAABBQAAAAAAAAAAAAAAAAAAAQQFM0H/2gAIAQEAAD8AnReChvUgXi8FDepD/9k=",
    "rgb":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSk"
        "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAKAAwDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAA"
        "AAAAAABP/EAB0QAAIBBAMAAAAAAAAAAAAAAAABAgMEITESImH/xAAZAQACAwEAAAAAAAAAAAAAAAADBQECBAb/"
        "xAAYEQADAQEAAAAAAAAAAAAAAAAAAQIDIf/aAAwDAQACEQMRAD8ADQsPCFRXHcfCx66CKhjO/BVBLGEZ0c5kx8"
        "EuOkEGUvh//9k=",
    "rgb_420":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSk"
        "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAKAAwDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAA"
        "AAAAAABP/EAB0QAAIBBAMAAAAAAAAAAAAAAAABAgMEITESImH/xAAVAQEBAAAAAAAAAAAAAAAAAAABAv/EABgR"
        "AAMBAQAAAAAAAAAAAAAAAAACBAER/9oADAMBAAIRAxEAPwANCw8HwseuhVBLGEPglx0gVtJmofh//9k=",
    "restart":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSk"
        "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAKAAwDAREAAhEBAxEB/8QAFgABAQEAAAAAAAAAAA"
        "AAAAAABAEF/8QAHRAAAgEEAwAAAAAAAAAAAAAAAAECAwQhMRIiYf/EABgBAAIDAAAAAAAAAAAAAAAAAAECAwQF"
        "/8QAGBEAAwEBAAAAAAAAAAAAAAAAAAECAyH/3QAEAAH/2gAMAwEAAhEDEQA/AA0LDwCoXHc//9Cwseuh1Rfnfh"
        "//0V0EsYREjLyZ/9Laglx0gCy+H//Z",
    "progressive":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSk"
        "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wgARCAAKAAwDAREAAhEBAxEB/8QAFQABAQAAAAAAAAAAAA"
        "AAAAAAAwT/xAAYAQADAQEAAAAAAAAAAAAAAAABAgQDBf/aAAwDAQACEAMQAAABAB2oXPnUNT//xAAYEAACAwAA"
        "AAAAAAAAAAAAAAAAAQIQEv/aAAgBAQABBQJQMCr/xAAWEQEBAQAAAAAAAAAAAAAAAAAAAgH/2gAIAQMBAT8Bi2"
        "Wlj//EABYRAQEBAAAAAAAAAAAAAAAAABEAEP/aAAgBAgEBPwFnf//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAI"
        "AQEABj8CH//EABgQAAIDAAAAAAAAAAAAAAAAAAABECEx/9oACAEBAAE/ITVYrD//2gAMAwEAAgADAAAAEF8v/8"
        "QAFhEBAQEAAAAAAAAAAAAAAAAAAAEh/9oACAEDAQE/EDitWP/EABYRAQEBAAAAAAAAAAAAAAAAAAEAEP/aAAgB"
        "AgEBPxAhDP/EABkQAQEBAAMAAAAAAAAAAAAAAAEAIUFRYf/aAAgBAQABPxDzupEzCJwL/9k=",
    "progressive_grey":
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBan"
        "GQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wgALCAAKAAwBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABQT/2gAI"
        "AQEAAAABmULU/8QAFxAAAwEAAAAAAAAAAAAAAAAAAAIDMf/aAAgBAQABBQKQuSFz/8QAFBABAAAAAAAAAAAAAA"
        "AAAAAAIP/aAAgBAQAGPwIf/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQABPyEAf//aAAgBAQAAABD/AP/E"
        "ABYQAQEBAAAAAAAAAAAAAAAAAAAxQf/aAAgBAQABPxDCLCL/2Q==",
}


def jpeg(name): return base64.b64decode(JPEGS[name])


def segments(data):
    """(marker, where it begins, where it ends) of a JPEG up to its first scan."""
    at = 2
    while True:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2:at + 4], "big")
        yield marker, at, end
        if marker == 0xDA:
            return
        at = end


def make_image():
    rgb = bytes((i * 37 + 11) % 256 for i in range(36))  # 4 x 3 pixels
    rows = b"".join(b"\0" + rgb[i:i + 12] for i in range(0, 36, 12))
    head = ihdr(4, 3)
    sound = png(head, rows)

    def bad(lie, what, data, *words, kind="png"):
        hostile("image", lie, what, data, *words, extension=kind)

    idat = zlib.compress(rows, 9)

    def chunks(*parts): return SIGNATURE + b"".join(parts)

    HEAD, DATA, END = chunk(b"IHDR", head), chunk(b"IDAT", idat), chunk(b"IEND", b"")

    # Lengths.
    for what, length in (("2_to_32_minus_1", 2**32 - 1), ("2_to_31", 2**31),
                         ("2_to_31_minus_1", 2**31 - 1), ("one_too_many", len(idat) + 17)):
        bad("lengths", "data_chunk_of_" + what, chunks(HEAD, chunk(
            b"IDAT", idat, length=length), END), f"chunk of {length} bytes")
    bad("lengths", "text_chunk_of_2_to_32_minus_1", chunks(HEAD, chunk(
        b"tEXt", b"a\0b", length=2**32 - 1), DATA, END), "chunk of 4294967295 bytes")
    for name in JPEGS:
        bad("truncation", f"jpeg_{name}_without_its_end", jpeg(name)[:-2], "no end of image",
            kind="jpg")
    deep = ihdr(8192, 8192, depth=16, colour=6)
    bad("zip_bombs", "half_a_gigabyte_of_16_bits", png(deep, bytes(10_000_000)),
        "8192 x 8192", "MiB of memory")
    bad("lengths", "empty_data_chunk_first", chunks(HEAD, chunk(b"IDAT", b""), DATA, END),
        "an empty chunk IDAT first")
    bad("lengths", "last_chunk_cut_behind_its_kind", chunks(HEAD, be32(2**31 - 1) + b"IDAT"),
        "no chunk IEND", "cut short")
    bad("lengths", "header_of_12", chunks(chunk(b"IHDR", head[:-1]), DATA, END), "broken image")
    bad("lengths", "header_of_14", chunks(chunk(b"IHDR", head + b"\0"), DATA, END),
        "broken image")
    bad("lengths", "header_of_2_to_31", chunks(chunk(b"IHDR", head, length=2**31), DATA, END),
        "chunk of 2147483648 bytes")
    bad("lengths", "palette_of_4_bytes", chunks(chunk(b"IHDR", ihdr(4, 3, 8, 3)), chunk(
        b"PLTE", bytes(4)), chunk(b"IDAT", zlib.compress(bytes(15))), END), "PLTE")
    bad("lengths", "palette_of_257_colours", chunks(chunk(b"IHDR", ihdr(4, 3, 8, 3)), chunk(
        b"PLTE", bytes(771)), chunk(b"IDAT", zlib.compress(bytes(15))), END), "PLTE")
    bad("lengths", "one_row_too_few", png(head, rows[:-13]), "pixels")
    bad("lengths", "one_byte_too_few", png(head, rows[:-1]), "pixels")
    picture = jpeg("rgb")
    places = {marker: (begin, end) for marker, begin, end in segments(picture)}

    def patched(data, at, new): return data[:at] + new + data[at + len(new):]

    for marker, name in ((0xC0, "frame"), (0xC4, "huffman_table"), (0xDA, "scan")):
        begin, _ = places[marker]
        for length in (0, 1, 2, 0xFFFF):
            bad("lengths", f"jpeg_{name}_of_{length}", patched(
                picture, begin + 2, struct.pack(">H", length)), "Huffman" if name.startswith(
                    "huffman") and length == 0xFFFF else "broken image", kind="jpg")
    begin, _ = places[0xDB]
    for length in (0, 1):
        bad("lengths", f"jpeg_quantisation_table_of_{length}", patched(
            picture, begin + 2, struct.pack(">H", length)), "broken image", kind="jpg")

    # Offsets: chunks out of their order, pixels beyond rows.
    bad("offsets", "data_before_the_header", chunks(DATA, HEAD, END), "broken image")
    bad("offsets", "no_header", chunks(DATA, END), "broken image")
    bad("offsets", "palette_behind_the_data", chunks(chunk(b"IHDR", ihdr(4, 3, 8, 3)), chunk(
        b"IDAT", zlib.compress(bytes(15))), chunk(b"PLTE", bytes(12)), END), "no PLTE")
    bad("offsets", "no_palette", chunks(chunk(b"IHDR", ihdr(4, 3, 8, 3)), chunk(
        b"IDAT", zlib.compress(bytes(15))), END), "no PLTE")
    bad("offsets", "end_before_the_data", chunks(HEAD, END, DATA), "broken image")
    bad("offsets", "no_data", chunks(HEAD, END), "broken image")
    bad("offsets", "transparency_before_the_palette", chunks(chunk(b"IHDR", ihdr(4, 3, 8, 3)),
        chunk(b"tRNS", bytes(4)), chunk(b"PLTE", bytes(12)), chunk(
            b"IDAT", zlib.compress(bytes(15))), END), "tRNS")
    far = raw_deflate_match()
    bad("offsets", "packed_copy_from_before_the_start", chunks(HEAD, chunk(
        b"IDAT", b"\x78\x01" + far), END), "broken image")
    bad("offsets", "filter_5", png(head, b"\5" + rows[1:]), "filter")
    bad("offsets", "filter_255", png(head, b"\xff" + rows[1:]), "filter")
    bad("offsets", "packed_as_nothing_known", chunks(HEAD, chunk(
        b"IDAT", b"\x77\x01" + idat[2:]), END), "broken image")
    bad("offsets", "packed_with_a_dictionary", chunks(HEAD, chunk(
        b"IDAT", b"\x78\xbb\0\0\0\1" + idat[2:]), END), "broken image")
    begin, _ = places[0xDA]
    bad("offsets", "jpeg_scan_of_a_missing_component", patched(
        picture, begin + 5, b"\x77"), "broken image", kind="jpg")
    bad("offsets", "jpeg_scan_of_table_4", patched(picture, begin + 6, b"\x44"), "broken image",
        kind="jpg")
    begin, _ = places[0xC0]
    bad("offsets", "jpeg_quantisation_table_9", patched(picture, begin + 12, b"\x09"),
        "broken image", kind="jpg")
    bad("offsets", "jpeg_without_a_frame", picture[:begin] + picture[places[0xC0][1]:],
        "broken image", kind="jpg")

    # Counts: pixels.
    for width, height in ((0, 3), (4, 0), (2**31 - 1, 2**31 - 1), (2**31, 1), (2**32 - 1, 1),
                          (1, 2**32 - 1), (65536, 65536), (2**24, 2**24), (2**20 + 1, 1)):
        bad("counts", f"{width}_x_{height}", png(ihdr(width, height), rows),
            "0-pixel" if 0 in (width, height) else "too large")
    bad("counts", "8193_x_8192", png(ihdr(8193, 8192), rows), "8193 x 8192 pixels", "67108864")
    bad("counts", "8192_x_8192_in_a_small_file", png(ihdr(8192, 8192), rows),
        "8192 x 8192 pixels", "no more pixels than such a file can hold")
    bad("counts", "one_row_more_than_there_is", png(ihdr(4, 4), rows), "pixels")
    bad("counts", "depth_3", png(ihdr(4, 3, 3), rows), "1/2/4/8/16-bit only")
    bad("counts", "depth_32", png(ihdr(4, 3, 32), rows), "bit only")
    bad("counts", "colour_kind_7", png(ihdr(4, 3, 8, 7), rows), "broken image")
    bad("counts", "colour_kind_1", png(ihdr(4, 3, 8, 1), rows), "broken image")
    bad("counts", "interlace_2", png(ihdr(4, 3, interlace=2), rows), "interlace")
    bad("counts", "packing_1", png(ihdr(4, 3, packing=1), rows), "broken image")
    bad("counts", "filtering_1", png(ihdr(4, 3, filtering=1), rows), "broken image")
    bad("counts", "two_headers", chunks(HEAD, HEAD, DATA, END), "broken image")
    begin, _ = places[0xC0]
    for width, height in ((0, 10), (12, 0), (65535, 65535), (65535, 1024)):
        bad("counts", f"jpeg_{width}_x_{height}", patched(picture, begin + 5, struct.pack(
            ">HH", height, width)), "image" if 0 in (width, height) else f"{width} x {height}",
            kind="jpg")
    for what, value in (("0", 0), ("2", 2), ("255", 255)):
        bad("counts", f"jpeg_{what}_components", patched(picture, begin + 9, bytes([value])),
            "broken image", kind="jpg")
    bad("counts", "jpeg_sampling_0", patched(picture, begin + 11, b"\0"), "broken image",
        kind="jpg")
    bad("counts", "jpeg_sampling_15", patched(picture, begin + 11, b"\xff"), "broken image",
        kind="jpg")
    bad("counts", "jpeg_precision_12", patched(picture, begin + 4, b"\x0c"), "8-bit",
        kind="jpg")
    begin, _ = places[0xC4]
    bad("counts", "jpeg_4080_huffman_codes", patched(picture, begin + 5, b"\xff" * 16),
        "Huffman", kind="jpg")
    bad("counts", "jpeg_257_huffman_codes", picture[:begin] + b"\xff\xc4" + struct.pack(
        ">H", 2 + 17 + 257) + b"\0" + b"\0" * 14 + bytes([128, 129]) + bytes(257) +
        picture[begin:], "Huffman", kind="jpg")

    # Zip bombs: few packed bytes, many unpacked ones.
    def bomb(what, header, unpacked, *words):
        bad("zip_bombs", what, png(header, unpacked), *words)

    bad("zip_bombs", "claimed_8192_x_8192_of_zeros", png(ihdr(8192, 8192, 8, 0),
        bytes(12_000_000)), "pixels")
    bad("zip_bombs", "claimed_65535_x_1000_in_100_bytes", png(ihdr(65535, 1000, 1, 0), b"\0"),
        "65535 x 1000 pixels")
    bad("zip_bombs", "claimed_8192_x_8192_rgba_16_bits", png(ihdr(8192, 8192, 16, 6),
        bytes(1_000_000)), "8192 x 8192 pixels")
    bad("zip_bombs", "claimed_2000_x_2000_of_one_row", png(ihdr(2000, 2000), bytes(6001)),
        "2000 x 2000 pixels")
    bad("zip_bombs", "claimed_1000_x_1000_interlaced_of_one_row", png(ihdr(
        1000, 1000, interlace=1), bytes(30_001)), "pixels")
    bad("zip_bombs", "packed_data_that_never_ends", chunks(HEAD, chunk(
        b"IDAT", endless_deflate()), END), "broken image")
    bad("zip_bombs", "stored_block_of_65535_in_ten_bytes", chunks(HEAD, chunk(
        b"IDAT", b"\x78\x01\x01\xff\xff\x00\x00" + bytes(10)), END), "broken image")
    bad("zip_bombs", "stored_block_that_contradicts_itself", chunks(HEAD, chunk(
        b"IDAT", b"\x78\x01\x01\x27\x00\x00\x00" + rows), END), "broken image")
    bad("zip_bombs", "block_of_kind_3", chunks(HEAD, chunk(
        b"IDAT", b"\x78\x01\x07" + bytes(20)), END), "broken image")
    bad("zip_bombs", "jpeg_claimed_16384_x_4096", patched(
        picture, places[0xC0][0] + 5, struct.pack(">HH", 4096, 16384)), "16384 x 4096 pixels",
        kind="jpg")
    bad("zip_bombs", "jpeg_claimed_progressive_8192_x_8192", patched(
        jpeg("progressive"), next(begin for marker, begin, _ in segments(jpeg("progressive"))
                                  if marker == 0xC2) + 5, struct.pack(">HH", 8192, 8192)),
        "8192 x 8192 pixels", kind="jpg")

    # Other kinds of files.
    for what, data in (("gif", b"GIF89a\1\0\1\0\0\0\0;"), ("bmp", b"BM" + bytes(60)),
                       ("webp", b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(14)),
                       ("text", b"not an image"), ("pnm", b"P6 1 1 255 abc"),
                       ("psd", b"8BPS\0\1" + bytes(40)), ("hdr", b"#?RADIANCE\n"),
                       ("zip", torch_zip(SOUND)), ("safetensors", shard(A))):
        bad("types", what, data, "a file of another kind")
    bad("types", "iphone_png", chunks(chunk(b"CgBI", bytes(4)), HEAD, DATA, END),
        "broken image")

    # Truncation: PNG after every field, JPEG after every segment.
    text_chunk = chunk(b"tEXt", b"Comment\0hello")
    file = chunks(HEAD, text_chunk, DATA, END)
    at = [(0, "nothing"), (1, "one_byte"), (7, "most_of_the_signature"), (8, "the_signature")]
    place = 8
    for name, part in (("header", HEAD), ("text", text_chunk), ("data", DATA)):
        size = len(part) - 12
        at += [(place + 4, name + "_length"), (place + 8, name + "_kind"),
               (place + 8 + size // 2, "half_of_the_" + name), (place + 8 + size, name),
               (place + 10 + size, f"half_the_{name}_checksum"),
               (place + 12 + size, f"the_{name}_checksum")]
        place += len(part)
    truncations("image", file, at, (), extension="png", keep=lambda size:
                ("empty file",) if size == 0 else ("another kind",) if size < 8 else
                ("cut short",))
    for what in ("rgb", "progressive"):
        file = jpeg(what)
        at = [(2, "the_start")]
        for marker, begin, end in segments(file):
            at += [(begin + 2, f"marker_{marker:02x}"), (begin + 4, f"length_{marker:02x}"),
                   ((begin + end) // 2, f"half_of_{marker:02x}"),
                   (end, f"segment_{marker:02x}")]
        at += [((end + len(file)) // 2, "half_of_the_scan"), (len(file) - 2, "the_scan"),
               (len(file) - 1, "half_of_the_end")]
        for size, name in at:
            bad("truncation", f"jpeg_{what}_{size:04d}_after_{name}", file[:size],
                "another kind" if size < 3 else "image", kind="jpg")

    # Sound ones.
    def good(what, data, width, height, pixels=None):
        path = f"valid/image/{what}"
        put(path, data)
        VALID.append((path, "image", "U8", f"{height},{width},3",
                      "-" if pixels is None else ",".join(f"{b:02x}" for b in pixels)))

    def packed(values, depth, width, channels=1):
        """Rows of samples, packed into bytes, unfiltered."""
        out = b""
        for begin in range(0, len(values), width * channels):
            row = values[begin:begin + width * channels]
            bits = "".join(f"{value:0{depth}b}" for value in row)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return out

    def grey(values): return bytes(b for value in values for b in (value,) * 3)

    for depth in (1, 2, 4, 8):
        top = 2**depth - 1
        values = [(i * 3 + 1) % (top + 1) for i in range(12)]
        good(f"grey_{depth}.png", png(ihdr(4, 3, depth, 0), packed(values, depth, 4)), 4, 3,
             grey(value * (255 // top) for value in values))
    deep = [(i * 5003 + 7) % 65536 for i in range(12)]
    good("grey_16.png", png(ihdr(4, 3, 16, 0), packed(deep, 16, 4)), 4, 3,
         grey(value >> 8 for value in deep))
    good("rgb_8.png", sound, 4, 3, rgb)
    deep = [(i * 5003 + 7) % 65536 for i in range(36)]
    good("rgb_16.png", png(ihdr(4, 3, 16, 2), packed(deep, 16, 4, 3)), 4, 3,
         bytes(value >> 8 for value in deep))
    alpha = b"".join(rgb[i:i + 3] + bytes([i]) for i in range(0, 36, 3))
    good("rgba_8.png", png(ihdr(4, 3, 8, 6), b"".join(b"\0" + alpha[i:i + 16]
                                                      for i in (0, 16, 32))), 4, 3, rgb)
    deep = [value for i in range(0, 36, 3) for value in [b * 257 for b in rgb[i:i + 3]] + [5]]
    good("rgba_16.png", png(ihdr(4, 3, 16, 6), packed(deep, 16, 4, 4)), 4, 3, rgb)
    shades = [i * 20 for i in range(12)]
    both = [value for shade in shades for value in (shade, 128)]
    good("grey_alpha_8.png", png(ihdr(4, 3, 8, 4), packed(both, 8, 4, 2)), 4, 3, grey(shades))
    both = [value * 257 for value in both]
    good("grey_alpha_16.png", png(ihdr(4, 3, 16, 4), packed(both, 16, 4, 2)), 4, 3,
         grey(shades))
    for depth in (1, 2, 4, 8):
        colours = 2**min(depth, 4)
        palette = bytes((i * 53 + 9) % 256 for i in range(colours * 3))
        values = [(i * 3 + 1) % colours for i in range(12)]
        pixels = b"".join(palette[value * 3:value * 3 + 3] for value in values)
        good(f"palette_{depth}.png", png(ihdr(4, 3, depth, 3), packed(values, depth, 4),
                                         chunk(b"PLTE", palette)), 4, 3, pixels)
        good(f"palette_{depth}_transparent.png", png(ihdr(4, 3, depth, 3), packed(
            values, depth, 4), chunk(b"PLTE", palette) + chunk(b"tRNS", b"\0\x80")),
            4, 3, pixels)
    good("rgb_transparent.png", png(head, rows, chunk(b"tRNS", b"\0" + b"\0".join(
        bytes([b]) for b in rgb[:3]))), 4, 3, rgb)
    passes = b""
    for first_x, first_y, step_x, step_y in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8),
                                             (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                                             (0, 1, 1, 2)):
        for y in range(first_y, 3, step_y):
            row = b"".join(rgb[(y * 4 + x) * 3:][:3] for x in range(first_x, 4, step_x))
            passes += b"\0" + row if row else b""
    good("interlaced.png", png(ihdr(4, 3, interlace=1), passes), 4, 3, rgb)
    filtered = b"\1" + bytes((rgb[i] - (rgb[i - 3] if i >= 3 else 0)) % 256 for i in range(12))
    filtered += b"\2" + bytes((rgb[i] - rgb[i - 12]) % 256 for i in range(12, 24))
    filtered += b"\3" + bytes((rgb[i] - ((rgb[i - 3] if i >= 27 else 0) + rgb[i - 12]) // 2)
                              % 256 for i in range(24, 36))
    good("filters.png", png(head, filtered), 4, 3, rgb)
    half = len(idat) // 2
    good("data_in_pieces.png", chunks(HEAD, chunk(b"IDAT", idat[:half]), chunk(b"IDAT", b""),
                                      chunk(b"IDAT", idat[half:]), END), 4, 3, rgb)
    good("wrong_checksums.png", chunks(chunk(b"IHDR", head, crc=1), chunk(b"IDAT", idat, crc=2),
                                       END), 4, 3, rgb)
    good("more_chunks.png", chunks(HEAD, chunk(b"tEXt", b"a\0b"), chunk(b"gAMA", be32(45455)),
                                   chunk(b"pHYs", be32(1) * 2 + b"\1"), DATA, END), 4, 3, rgb)
    good("bytes_behind.png", sound + b"anything", 4, 3, rgb)
    good("one_pixel.png", png(ihdr(1, 1), b"\0abc"), 1, 1, b"abc")
    for name in JPEGS:
        good(f"{name}.jpg", jpeg(name), 12, 10)
    good("with_a_comment.jpg", picture[:2] + b"\xff\xfe\0\7hello" + picture[2:], 12, 10)
    good("bytes_behind.jpg", picture + b"anything", 12, 10)


def bits_of_text(bits):
    """Bits in the order in which deflate reads them."""
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def raw_deflate_match():
    """One block of fixed codes: a copy of 3 bytes from 1 byte before the output's start."""
    return bits_of_text("1" + "10" + "0000001" + "00000" + "0000000") + bytes(4)


def endless_deflate():
    """A literal and 258 copies of it, again and again: one block that does not end, 1 MB."""
    packer = zlib.compressobj(9)
    return packer.compress(bytes(20_000_000))[:15_000]
