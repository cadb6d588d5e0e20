#pragma once

#include "latent/io/dtype.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// The records of a zip archive in memory, each a view of the archive's own bytes: torch stores
/// its records uncompressed, so nothing is unpacked, copied or read before it is asked for.
/// Checksums are not compared: torch itself does not, and writes wrong ones in some files.
/// libzip reads the central directory; a record that is compressed or encrypted is refused.
class ZipArchive {
public:
    /// `bytes` must live as long as the archive; errors begin with `where`.
    ZipArchive(std::string where, std::span<const std::byte> bytes)
        : where_(std::move(where)), view_(std::make_unique<View>(bytes)) {
        // libzip takes no bytes at all for an archive without records.
        if (bytes.empty()) fail(where_, "an empty file", "a zip archive");
        require_few_ends();
        zip_source_t* const source =
            zip_source_function_create(answer, view_.get(), &view_->error);
        if (source) archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &view_->error));
        if (!archive_) {
            const std::string reason = zip_error_strerror(&view_->error);
            if (source) zip_source_free(source);
            fail(where_, "a broken zip archive (" + printable(reason) + ")",
                 "a zip archive with its directory at the end", "the file may be cut short");
        }
        list_names();
    }

    /// All names, sorted.
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

    [[nodiscard]] bool contains(const std::string& name) const {
        return std::ranges::binary_search(names_, name);
    }

    /// The bytes of a record, or nothing where there is none of that name.
    [[nodiscard]] std::optional<std::span<const std::byte>> find(const std::string& name) {
        const auto found = std::ranges::lower_bound(names_, name);
        if (found == names_.end() || *found != name) return std::nullopt;
        const auto index = indices_[static_cast<std::size_t>(found - names_.begin())];
        zip_stat_t status;
        zip_stat_init(&status);
        constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                        ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
        if (zip_stat_index(archive_.get(), index, 0, &status) != 0 ||
            (status.valid & needed) != needed) {
            fail(where_, "no directory entry for " + in_quotes(name),
                 "a record that can be read");
        }
        if (status.comp_method != ZIP_CM_STORE || status.encryption_method != ZIP_EM_NONE) {
            fail(where_, "the compressed or encrypted record " + in_quotes(name),
                 "records that are stored as they are", "torch.save writes them so");
        }
        if (status.size != status.comp_size || status.size > view_->bytes.size()) {
            fail(where_,
                 "a size of " + std::to_string(status.size) + " bytes for the record " +
                     in_quotes(name),
                 "a stored record inside of the file");
        }
        if (status.size == 0) return std::span<const std::byte>{};
        const auto begin = locate(name, index);
        if (begin > view_->bytes.size() || status.size > view_->bytes.size() - begin) {
            fail(where_, "the record " + in_quotes(name) + " beyond the end of the file",
                 "records inside of the file");
        }
        require_own_bytes(name, begin, status.size);
        return view_->bytes.subspan(static_cast<std::size_t>(begin),
                                    static_cast<std::size_t>(status.size));
    }

private:
    /// The bytes as libzip sees them: a file that remembers where it was last read.
    struct View {
        explicit View(std::span<const std::byte> all) : bytes(all) { zip_error_init(&error); }
        View(const View&) = delete;
        View& operator=(const View&) = delete;
        ~View() { zip_error_fini(&error); }

        std::span<const std::byte> bytes;
        zip_error_t error;
        zip_uint64_t position = 0, last_read = 0;
    };

    struct Discard {
        void operator()(zip_t* archive) const { zip_discard(archive); }
        void operator()(zip_file_t* file) const { zip_fclose(file); }
    };

    static zip_int64_t answer(void* user, void* data, zip_uint64_t length,
                              zip_source_cmd_t ask) {
        auto& view = *static_cast<View*>(user);
        switch (ask) {
        case ZIP_SOURCE_OPEN:
            view.position = 0;
            return 0;
        case ZIP_SOURCE_CLOSE:
        case ZIP_SOURCE_FREE:
            return 0;
        case ZIP_SOURCE_READ: {
            const auto count =
                std::min<zip_uint64_t>(length, view.bytes.size() - view.position);
            if (count > 0) std::memcpy(data, view.bytes.data() + view.position, count);
            view.last_read = view.position;
            view.position += count;
            return static_cast<zip_int64_t>(count);
        }
        case ZIP_SOURCE_SEEK: {
            const auto to = zip_source_seek_compute_offset(view.position, view.bytes.size(),
                                                           data, length, &view.error);
            if (to < 0) return -1;
            view.position = static_cast<zip_uint64_t>(to);
            return 0;
        }
        case ZIP_SOURCE_TELL:
            return static_cast<zip_int64_t>(view.position);
        case ZIP_SOURCE_STAT: {
            auto& status = *static_cast<zip_stat_t*>(data);
            zip_stat_init(&status);
            status.size = view.bytes.size();
            status.valid = ZIP_STAT_SIZE;
            return sizeof status;
        }
        case ZIP_SOURCE_ERROR:
            return zip_error_to_data(&view.error, data, length);
        case ZIP_SOURCE_SUPPORTS:
            return zip_source_make_command_bitmap(
                ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, -1);
        default:
            zip_error_set(&view.error, ZIP_ER_OPNOTSUPP, 0);
            return -1;
        }
    }

    /// An archive ends with a record "PK\5\6" and a comment of up to 64 KiB. libzip tries each
    /// place there that looks like one, and reads all the directory for it.
    void require_few_ends() const {
        constexpr std::size_t most = 16;
        const std::string_view text(reinterpret_cast<const char*>(view_->bytes.data()),
                                    view_->bytes.size());
        const auto tail = text.substr(text.size() - std::min<std::size_t>(text.size(), 65'557));
        std::size_t count = 0;
        for (auto at = tail.find("PK\5\6"); at != std::string_view::npos;
             at = tail.find("PK\5\6", at + 4)) {
            if (++count > most)
                fail(where_, "more ends than one", "a zip archive with one end");
        }
    }

    void list_names() {
        std::vector<std::pair<std::string, zip_uint64_t>> records;
        const auto count = zip_get_num_entries(archive_.get(), 0);
        for (zip_int64_t index = 0; index < count; ++index) {
            const auto entry = static_cast<zip_uint64_t>(index);
            const char* const name = zip_get_name(archive_.get(), entry, ZIP_FL_ENC_RAW);
            if (!name) fail(where_, "a record with a name that cannot be read", "a name");
            records.emplace_back(name, entry);
        }
        std::ranges::sort(records);
        for (auto& [name, index] : records) {
            names_.push_back(std::move(name));
            indices_.push_back(index);
        }
        const auto twice = std::ranges::adjacent_find(names_);
        if (twice != names_.end()) {
            fail(where_, "a duplicate: the record " + in_quotes(*twice) + " twice",
                 "every record once");
        }
    }

    /// Where the header of a record stands, whose bytes begin at `begin`: libzip has skipped it
    /// and does not tell. It is 30 bytes, the last four of them the lengths of the name and
    /// of a padding, which both follow it.
    [[nodiscard]] zip_uint64_t header_of(const std::string& name, zip_uint64_t begin) const {
        const std::string_view text(reinterpret_cast<const char*>(view_->bytes.data()),
                                    view_->bytes.size());
        const auto fixed = 30 + name.size();
        for (std::size_t padding = 0; padding <= 0xFFFF && fixed + padding <= begin;
             ++padding) {
            const auto at = static_cast<std::size_t>(begin) - fixed - padding;
            const auto* const lengths = view_->bytes.data() + at + 26;
            if (text.substr(at, 4) == "PK\3\4" &&
                detail::load<std::uint16_t>(lengths) == name.size() &&
                detail::load<std::uint16_t>(lengths + 2) == padding &&
                text.substr(at + 30, name.size()) == name) {
                return at;
            }
        }
        fail(where_, "no header of the record " + in_quotes(name) + " where it should be",
             "a header that agrees with the directory");
    }
    /// Refuses a record that shares bytes with another one, with its header or with the
    /// directory: few bytes could be claimed as many so.
    void require_own_bytes(const std::string& name, zip_uint64_t begin, zip_uint64_t size) {
        const auto header = header_of(name, begin);
        const auto end = begin + size;
        const auto next = taken_.lower_bound(header);
        const bool same = next != taken_.end() && next->first == header && next->second == end;
        if (same) return; // looked up once more
        const bool before = next == taken_.begin() || std::prev(next)->second <= header;
        const bool behind = next == taken_.end() || next->first >= end;
        if (!before || !behind || end > begin_of_directory()) {
            fail(where_, "the record " + in_quotes(name) + " over the bytes of another one",
                 "records that share nothing");
        }
        taken_.emplace(header, end);
    }
    /// At the earliest: the directory's entries have 46 bytes and a name, its end has 22.
    [[nodiscard]] zip_uint64_t begin_of_directory() const {
        zip_uint64_t size = 22;
        for (const auto& name : names_) size += 46 + name.size();
        return view_->bytes.size() - std::min<zip_uint64_t>(size, view_->bytes.size());
    }

    /// Where a record's bytes begin. libzip does not tell, so its first byte is read, and the
    /// view has seen where. Checksums are compared at a record's end alone, so none is here.
    [[nodiscard]] zip_uint64_t locate(const std::string& name, zip_uint64_t index) {
        const std::unique_ptr<zip_file_t, Discard> file(
            zip_fopen_index(archive_.get(), index, ZIP_FL_COMPRESSED));
        std::byte first{};
        if (!file || zip_fread(file.get(), &first, 1) != 1 ||
            view_->bytes[view_->last_read] != first) {
            fail(where_, "the record " + in_quotes(name) + " without readable bytes",
                 "records inside of the file");
        }
        return view_->last_read;
    }

    std::string where_;
    // Behind a pointer of its own, because libzip keeps the address while the archive moves.
    std::unique_ptr<View> view_;
    std::unique_ptr<zip_t, Discard> archive_;
    std::vector<std::string> names_;
    std::vector<zip_uint64_t> indices_;          ///< libzip's numbers of the names
    std::map<zip_uint64_t, zip_uint64_t> taken_; ///< where records that were found lie
};

} // namespace latent
