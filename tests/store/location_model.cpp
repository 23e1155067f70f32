// SPDX-License-Identifier: Apache-2.0
// The store in memory and the model agree.
#include "location_model.hpp"

#include "sipstack/server/memory_location.hpp"

using namespace sipstack;
using namespace sipstack::testing_store;

TEST_CASE("memory: a model agrees with random registrations", "[model]") {
  SeededRandom random(3);
  MemoryLocation store(random);
  ModelRun run;
  run.updates = model_updates(8'000);
  agrees_with_model([&]() -> LocationStore& { return store; }, Times{}, run);
}
