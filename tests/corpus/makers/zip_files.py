"""Zip archives, header by header, and torch files made of them."""

import zlib

from .common import SIX, u16, u32, u64


class Record:
    """A record of an archive. `local` and `central` change fields of its two headers, so that
    they say something else than what stands there."""

    def __init__(self, name, data, method=0, packed=None, flags=0, local_extra=b"",
                 central_extra=b"", descriptor=b"", local=None, central=None, comment=b"",
                 shares=None):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data, self.method, self.flags = data, method, flags
        self.packed = data if packed is None else packed
        self.local_extra, self.central_extra = local_extra, central_extra
        self.descriptor, self.comment = descriptor, comment
        self.local, self.central = local or {}, central or {}
        self.shares = shares  # the name of the record whose bytes are taken instead
        self.offset = 0

    def common(self, changes, extra):
        field = {"version": 20, "flags": self.flags, "method": self.method, "time": 0,
                 "date": 0, "crc": zlib.crc32(self.data), "packed": len(self.packed),
                 "size": len(self.data), "name_length": len(self.name),
                 "extra_length": len(extra)}
        field.update(changes)
        return b"".join([u16(field["version"]), u16(field["flags"]), u16(field["method"]),
                         u16(field["time"]), u16(field["date"]), u32(field["crc"]),
                         u32(field["packed"]), u32(field["size"]), u16(field["name_length"]),
                         u16(field["extra_length"])])

    def local_header(self):
        return (self.local.get("signature", b"PK\3\4") +
                self.common(self.local, self.local_extra) + self.name + self.local_extra)

    def central_header(self):
        field = {"comment_length": len(self.comment), "disk": 0, "internal": 0, "external": 0,
                 "offset": self.offset, "made_by": 0}
        field.update(self.central)
        return (field.get("signature", b"PK\1\2") + u16(field["made_by"]) +
                self.common(self.central, self.central_extra) + u16(field["comment_length"]) +
                u16(field["disk"]) + u16(field["internal"]) + u32(field["external"]) +
                u32(field["offset"]) + field.get("name", self.name) + self.central_extra +
                self.comment)


def zip_file(records, end=None, comment=b"", zip64=None, front=b"", behind=b"", gap=b""):
    """`end` changes fields of the last record; `zip64` those of the one for large archives,
    which is written where it is not None."""
    body, offsets = bytearray(front), {}
    for record in records:
        if record.shares is not None:
            record.offset = offsets[record.shares]
            continue
        record.offset = offsets[record.name.decode(errors="replace")] = len(body)
        body += record.local_header() + record.packed + record.descriptor
    body += gap
    start = len(body)
    for record in records:
        body += record.central_header()
    field = {"disk": 0, "directory_disk": 0, "count_here": len(records), "count": len(records),
             "size": len(body) - start, "offset": start, "comment_length": len(comment)}
    if zip64 is not None:
        large = {**field, "length": 44, "place": len(body), "disks": 1, **zip64}
        body += (large.get("signature", b"PK\6\6") + u64(large["length"]) + u16(45) + u16(45) +
                 u32(large["disk"]) + u32(large["directory_disk"]) + u64(large["count_here"]) +
                 u64(large["count"]) + u64(large["size"]) + u64(large["offset"]))
        body += (large.get("locator", b"PK\6\7") + u32(0) + u64(large["place"]) +
                 u32(large["disks"]))
    field.update(end or {})
    body += (field.get("signature", b"PK\5\6") + u16(field["disk"]) +
             u16(field["directory_disk"]) + u16(field["count_here"]) + u16(field["count"]) +
             u32(field["size"]) + u32(field["offset"]) + u16(field["comment_length"]) + comment)
    return bytes(body) + behind


def padded(records):
    """As newer versions of torch have it: data begin at a multiple of 64 bytes, by an extra
    field FB in the local headers; sizes stand behind the data and in the directory."""
    position = 0
    for record in records:
        record.flags = 0x0808
        record.local = {"crc": 0, "packed": 0, "size": 0, "version": 0, **record.local}
        record.central = {"version": 0, **record.central}
        used = position + 30 + len(record.name) + 4
        fill = -used % 64
        record.local_extra = b"FB" + u16(fill) + b"Z" * fill
        record.descriptor = (b"PK\7\x08" + u32(zlib.crc32(record.data)) +
                             u32(len(record.data)) + u32(len(record.data)))
        position = used + fill + len(record.data) + 16
    return records


def torch_records(saved, storages=None, root="model", order=None, version="3\n", more=()):
    """The records of a torch file; `saved` is the pickle."""
    storages = {"0": SIX} if storages is None else storages
    records = [Record(f"{root}/data.pkl", saved)]
    if order is not None:
        records.append(Record(f"{root}/byteorder", order.encode()))
    records += [Record(f"{root}/data/{key}", data) for key, data in storages.items()]
    if version is not None:
        records.append(Record(f"{root}/version", version.encode()))
    return records + list(more)


def torch_zip(saved, storages=None, **more):
    return zip_file(torch_records(saved, storages, **more))


def new_layout(saved, storages=None, root="archive", order="little"):
    records = [Record(f"{root}/data.pkl", saved), Record(f"{root}/.format_version", b"1"),
               Record(f"{root}/.storage_alignment", b"64")]
    if order is not None:
        records.append(Record(f"{root}/byteorder", order.encode()))
    records += [Record(f"{root}/data/{key}", data)
                for key, data in ({"0": SIX} if storages is None else storages).items()]
    records += [Record(f"{root}/version", b"3\n"),
                Record(f"{root}/.data/serialization_id", b"0123456789" * 4)]
    return zip_file(padded(records))
