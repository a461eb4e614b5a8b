#include "data/synth/steps.h"

namespace jaju::data {}
