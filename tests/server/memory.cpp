// SPDX-License-Identifier: Apache-2.0
// Replaces operator new of this executable as well.
#include "transaction/memory.cpp"
