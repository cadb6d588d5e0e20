#include "instances.hpp"

namespace latent {

#define LATENT_INSTANCE
#define S float
#include "instances.inc"
#undef S
#define S double
#include "instances.inc"
#undef S
#undef LATENT_INSTANCE

} // namespace latent
