# What `cmake --install` puts where: the library with the code generator beside it, the headers, and
# what find_package(Lilith) reads.
include(CMakePackageConfigHelpers)

set(lilith_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Lilith)
install(TARGETS lilith EXPORT LilithTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Lilith
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET lilith-codegen)
  install(TARGETS lilith-codegen LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Lilith)
endif()
if(TARGET lilith-cli)
  set_target_properties(lilith-cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS lilith-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT Lilith)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lilith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT Lilith FILES_MATCHING PATTERN "*.h" PATTERN "*.inc")
install(EXPORT LilithTargets NAMESPACE Lilith:: DESTINATION ${lilith_cmake_dir} COMPONENT Lilith)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/LilithConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/LilithConfig.cmake INSTALL_DESTINATION ${lilith_cmake_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/LilithConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/LilithConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/LilithConfigVersion.cmake
  DESTINATION ${lilith_cmake_dir} COMPONENT Lilith)
