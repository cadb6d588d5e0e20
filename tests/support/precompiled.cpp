// The precompiled headers of all tests belong to this file: CMake wants one that uses them.
