# Installs the build into a fresh prefix, builds the program beside this file against it, and runs it.
set(work ${BUILD}/tests/install-check)
file(REMOVE_RECURSE ${work})
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}")
  endif()
endfunction()

set(flags)
foreach(sanitizer IN LISTS SANITIZE)
  string(APPEND flags " -fsanitize=${sanitizer}")
endforeach()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix --component Lilith)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${EXAMPLE} -B ${work}/build -DCMAKE_PREFIX_PATH=${work}/prefix
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS=${flags}")
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/app)
