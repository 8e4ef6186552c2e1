# zw_font(<target>): font_data.h on the include path of <target>, made of the distribution's console
# fonts (package console-setup-linux). A character without a glyph ends the build.
set(ZW_CONSOLE_FONTS /usr/share/consolefonts CACHE PATH "Where Uni2-Terminus16.psf.gz and its like are")
set(ZW_FONTS Terminus32x16 TerminusBold32x16 Terminus16 TerminusBold16)

# A tool of the build, in no process.
add_executable(font_compiler ${CMAKE_CURRENT_LIST_DIR}/font_compiler.c ${CMAKE_CURRENT_LIST_DIR}/draw.c)
target_link_libraries(font_compiler PRIVATE zw_flags)
target_include_directories(font_compiler PRIVATE ${CMAKE_CURRENT_LIST_DIR})

function(zw_font target)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/font)
  file(MAKE_DIRECTORY ${dir})
  foreach(font IN LISTS ZW_FONTS)
    set(source ${ZW_CONSOLE_FONTS}/Uni2-${font}.psf.gz)
    add_custom_command(OUTPUT ${dir}/${font}.psf COMMAND gzip -dc ${source} > ${dir}/${font}.psf
      DEPENDS ${source} VERBATIM)
    list(APPEND fonts ${dir}/${font}.psf)
  endforeach()
  add_custom_command(OUTPUT ${dir}/font_data.h COMMAND font_compiler ${dir}/font_data.h ${fonts}
    DEPENDS font_compiler ${fonts} COMMENT "Fonts" VERBATIM)
  target_sources(${target} PRIVATE ${dir}/font_data.h)
  target_include_directories(${target} PRIVATE ${dir})
endfunction()
