#include "runtime/speculation.h"
