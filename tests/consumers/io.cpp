// What a small project writes that loads files: the second umbrella, and the first beside it.
#include <latent/io.hpp>
#include <latent/latent.hpp>

int main() { return 0; }
