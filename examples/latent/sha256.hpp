#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace latent::command {

/// The SHA-256 digest of the bytes as 64 hexadecimal digits: what `sha256sum` prints.
/// Source: FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1 and 6.2; names as there.
[[nodiscard]] inline std::string sha256(std::span<const std::byte> bytes) {
    // The first 32 bits behind the point of the cube roots of the first 64 primes.
    static constexpr std::array<std::uint32_t, 64> K{
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    // The same of the square roots of the first 8.
    std::array<std::uint32_t, 8> H{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    const auto add_block = [&](const std::byte* block) {
        std::array<std::uint32_t, 64> W{};
        for (std::size_t i = 0; i < 64; ++i) {
            W[i / 4] = W[i / 4] << 8U | std::to_integer<std::uint32_t>(block[i]);
        }
        for (std::size_t t = 16; t < 64; ++t) {
            const auto x = W[t - 15], y = W[t - 2];
            W[t] = W[t - 16] + W[t - 7] + (std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3U)) +
                   (std::rotr(y, 17) ^ std::rotr(y, 19) ^ (y >> 10U));
        }
        auto [a, b, c, d, e, f, g, h] = H;
        for (std::size_t t = 0; t < 64; ++t) {
            const auto T1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                            ((e & f) ^ (~e & g)) + K[t] + W[t];
            const auto T2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                            ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + T1, d = c, c = b, b = a, a = T1 + T2;
        }
        const std::array<std::uint32_t, 8> sum{a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) H[i] += sum[i];
    };

    // Whole blocks; then the rest, a bit 1, zeros, and the length in bits.
    auto rest = bytes;
    for (; rest.size() >= 64; rest = rest.subspan(64)) add_block(rest.data());
    std::array<std::byte, 128> tail{};
    std::ranges::copy(rest, tail.begin());
    tail[rest.size()] = std::byte{0x80};
    const std::size_t end = rest.size() < 56 ? 64 : 128;
    const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
    for (std::size_t i = 0; i < 8; ++i)
        tail[end - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
    for (std::size_t at = 0; at < end; at += 64) add_block(tail.data() + at);

    std::string digits;
    for (const auto word : H) {
        for (int shift = 28; shift >= 0; shift -= 4)
            digits += "0123456789abcdef"[word >> shift & 15U];
    }
    return digits;
}

} // namespace latent::command
