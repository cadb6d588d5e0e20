#pragma once

/// What Latent's own programs share so that they compile fast: the operations are compiled
/// once, in instances.cpp at full optimisation, and not in every file that uses them.

#include "latent/latent.hpp"

namespace latent {

#define LATENT_INSTANCE extern
#define S float
#include "instances.inc"
#undef S
#define S double
#include "instances.inc"
#undef S
#undef LATENT_INSTANCE

} // namespace latent
