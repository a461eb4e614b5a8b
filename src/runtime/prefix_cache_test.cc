#include "runtime/prefix_cache.h"

#include <gtest/gtest.h>
