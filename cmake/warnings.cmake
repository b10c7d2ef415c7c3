# The flags of every target: warnings are errors; sanitizers where asked for.
add_library(lilith_flags INTERFACE)
target_compile_options(lilith_flags INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these wrongly on inlined std::vector, std::variant and fmt code.
  target_compile_options(lilith_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow
                         -Wno-array-bounds -Wno-restrict -Wno-stringop-overread)
  target_compile_options(lilith_flags INTERFACE -Wno-missing-field-initializers)
else()
  # GCC 12's std::stable_sort uses what its own headers deprecate.
  target_compile_options(lilith_flags INTERFACE -Wno-deprecated-declarations)
  target_compile_options(lilith_flags INTERFACE -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
endif()
foreach(sanitizer IN LISTS LILITH_SANITIZE)
  # What UBSan finds ends the program, as what the others find does.
  target_compile_options(lilith_flags INTERFACE -fsanitize=${sanitizer} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(lilith_flags INTERFACE -fsanitize=${sanitizer})
endforeach()
