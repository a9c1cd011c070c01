// Of all functions here: sanitizers watch what ships, and would take half an hour to compile each of these.
#pragma once

#define EMULATED \
  __attribute__((target("avx2,fma,f16c"), no_sanitize("address", "thread", "undefined")))
