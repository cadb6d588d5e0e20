# cmake -DREADME=FILE -DEXAMPLE=FILE -P extract_example.cmake
# Writes the first ```cpp block of README into EXAMPLE.

file(READ "${README}" text)
string(FIND "${text}" "\n```cpp\n" start)
if(start EQUAL -1)
  message(FATAL_ERROR "${README}: got no block that opens with ```cpp, expected the example")
endif()
math(EXPR start "${start} + 8")
string(SUBSTRING "${text}" ${start} -1 text)
string(FIND "${text}" "\n```" end)
if(end EQUAL -1)
  message(FATAL_ERROR "${README}: got an open block, expected a line ``` after the example")
endif()
string(SUBSTRING "${text}" 0 ${end} text)
file(WRITE "${EXAMPLE}" "${text}\n")
