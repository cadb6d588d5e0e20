#pragma once

#include "latent/blocks/resnet_block_2d.hpp"
#include "latent/blocks/upsample_2d.hpp"
#include "latent/models/row_strips.hpp"
#include "latent/tensor/trace.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

/// Resnets that do not keep all of their tensors: one of them is computed strip by strip, and
/// again when it is needed again. It is the group norms that need it again: a group norm can
/// give no value before it has the moments of all. The bits are those of forward().

namespace latent {

/// How often the tensor is computed that a resnet can do without; once: it is kept.
enum class Passes { once = 1, twice, three_times };

namespace detail {

/// conv(act(norm(x))) by the row, for an x whose moments are known.
template <class Device>
class NormedConv2d {
public:
    NormedConv2d(const GroupNorm<Device>& norm, const GroupMoments& moments, Activation act,
                 const Conv2d<Device>& conv)
        : coefficients_(moments.coefficients(norm.weight, norm.bias, norm.config.num_groups,
                                             norm.config.eps)),
          act_(act),
          conv_(conv) {}

    /// Some rows of its output; plus `added`, if there is any, which has these rows alone.
    [[nodiscard]] Tensor<Device> operator()(const Strip<Device>& x, Range rows,
                                            const Tensor<Device>* added = nullptr) const {
        return conv2d(x, conv_.kernel, rows,
                      {.norm = &coefficients_, .before = act_, .add = added});
    }
    [[nodiscard]] Tensor<Device> operator()(const Tensor<Device>& x, Range rows,
                                            const Tensor<Device>* added = nullptr) const {
        return (*this)(Strip<Device>::all_of(x), rows, added);
    }

    /// All of its output plus `added`, in the memory of `added`.
    [[nodiscard]] Tensor<Device> onto(Tensor<Device> added, const Tensor<Device>& x) const {
        return conv2d_onto(std::move(added), x, conv_.kernel,
                           {.norm = &coefficients_, .before = act_});
    }

private:
    NormCoefficients<Device> coefficients_;
    Activation act_;
    const Conv2d<Device>& conv_;
};

/// What a group norm has to know of x.
template <class Device>
[[nodiscard]] GroupMoments moments_of(const Tensor<Device>& x) {
    GroupMoments moments(x.dim(0), x.dim(1));
    moments.add(x);
    return moments;
}

/// A trace that looks at no values hears of strips, too: so its bar moves.
template <class Device, class Trace>
void trace_strip(const Trace& trace, std::string_view path, const Tensor<Device>& strip) {
    if constexpr (!is_traced<Trace>) trace(path, strip);
}

/// resnet(x) without h beside x, for a resnet without a conv_shortcut:
///   1. h = conv1(act(norm1(x)))       in strips, for its moments
///   2. y = conv2(act(norm2(h))) + x   in x's memory, from strips of h that are made once more
/// y follows four rows behind h, so h never reads what is y already.
template <class Device, class Trace>
[[nodiscard]] Tensor<Device> streamed(const ResnetBlock2D<Device>& resnet, Tensor<Device> x,
                                      std::int64_t strip_rows, const Trace& trace) {
    const auto height = x.dim(2);
    const NormedConv2d conv1(resnet.norm1, moments_of(x), resnet.act_fn, resnet.conv1);
    const auto make_h = [&](Range rows) {
        auto h = conv1(x, rows);
        trace_strip(trace, resnet.conv1.path, h);
        return h;
    };
    GroupMoments moments(x.dim(0), x.dim(1));
    for_strips(height, strip_rows, [&](Range rows) { moments.add(make_h(rows)); });
    const NormedConv2d conv2(resnet.norm2, moments, resnet.act_fn, resnet.conv2);
    const auto write_y = [&](const Strip<Device>& h, Range rows) {
        const auto skip = cut(x, row_window(x, rows));
        const auto y = conv2(h, rows, &skip);
        trace_strip(trace, resnet.conv2.path, y);
        paste_rows(x, rows, y);
    };
    for_strips_with_neighbours<Device>(height, strip_rows, make_h, write_y);
    trace(resnet.path, x);
    return x;
}

/// resnet(x), x = upsampler(small), without x:
///   1. x                                        in strips, for its moments
///   2. h = conv1(act(norm1(x)))                 whole, from strips of x made once more
///   3. y = conv2(act(norm2(h))) + shortcut(x)   in h's memory, from strips of x once more
/// With Passes::twice the shortcut is kept, in step 1, and step 3 needs no x.
template <class Device, class Trace>
[[nodiscard]] Tensor<Device> streamed(const Upsample2D<Device>& upsampler,
                                      const ResnetBlock2D<Device>& resnet,
                                      const Tensor<Device>& small, Passes passes,
                                      std::int64_t strip_rows, const Trace& trace) {
    const auto channels = resnet.norm1.config.num_channels;
    const Shape shape{small.dim(0), resnet.norm2.config.num_channels, 2 * small.dim(2),
                      2 * small.dim(3)};
    const auto height = shape[2];
    const auto make_x = [&](Range rows) {
        auto x =
            conv2d(Strip<Device>::all_of(small), upsampler.conv->kernel, rows, {.upsample = 2});
        trace_strip(trace, upsampler.path, x);
        return x;
    };
    const auto shortcut = [&](Tensor<Device> x, Range rows) {
        if (!resnet.conv_shortcut) return x;
        return conv2d(Strip<Device>{&x, rows.begin, height}, resnet.conv_shortcut->kernel,
                      rows);
    };

    // 1. What norm1 has to know of x.
    Tensor<Device> kept;
    if (passes == Passes::twice) kept = Tensor<Device>(shape);
    GroupMoments x_moments(shape[0], channels), h_moments(shape[0], shape[1]);
    for_strips(height, strip_rows, [&](Range rows) {
        auto x = make_x(rows);
        x_moments.add(x);
        if (passes == Passes::twice) paste_rows(kept, rows, shortcut(std::move(x), rows));
    });

    // 2. h, and what norm2 has to know of it.
    const NormedConv2d conv1(resnet.norm1, x_moments, resnet.act_fn, resnet.conv1);
    Tensor<Device> h(shape);
    const auto write_h = [&](const Strip<Device>& x, Range rows) {
        const auto strip = conv1(x, rows);
        trace_strip(trace, resnet.conv1.path, strip);
        h_moments.add(strip);
        paste_rows(h, rows, strip);
    };
    for_strips_with_neighbours<Device>(height, strip_rows, make_x, write_h);
    trace(resnet.conv1.path, h);

    // 3. y, each strip written once the next one has read its neighbours.
    const NormedConv2d conv2(resnet.norm2, h_moments, resnet.act_fn, resnet.conv2);
    if (passes == Passes::twice) {
        if (resnet.conv_shortcut) trace(resnet.conv_shortcut->path, kept);
        h = conv2.onto(std::move(kept), h);
    } else {
        Tensor<Device> last;
        Range last_rows;
        for_strips(height, strip_rows, [&](Range rows) {
            const auto skip = shortcut(make_x(rows), rows);
            auto y = conv2(h, rows, &skip);
            trace_strip(trace, resnet.conv2.path, y);
            if (last_rows.size() > 0) paste_rows(h, last_rows, last);
            last = std::move(y);
            last_rows = rows;
        });
        paste_rows(h, last_rows, last);
    }
    trace(resnet.path, h);
    return h;
}

} // namespace detail

} // namespace latent
