// SPDX-License-Identifier: Apache-2.0
// The store in memory and the model agree. Bindings as bytes, which stores outside of the process share.
#include "location_model.hpp"

#include "server/binding_codec.hpp"
#include "sipstack/server/memory_location.hpp"

using namespace sipstack;
using namespace sipstack::testing_store;

TEST_CASE("memory: a model agrees with random registrations", "[model]") {
  SeededRandom random(3);
  MemoryLocation store(random);
  ModelRun run;
  run.updates = model_updates(5'000);
  agrees_with_model([&]() -> LocationStore& { return store; }, Times{}, run);
}

TEST_CASE("codec: whatever bytes there are, bindings come out whole or not at all") {
  const Times times;
  const server::CodecFrame frame{7, times.now(), 1'700'000'000'000};
  RandomUpdates random(5, 10);
  std::vector<Binding> bindings;
  while (bindings.size() < 6)
    for (Binding& b : random.update(times.now()).set)
      if (b.expires > times.now()) bindings.push_back(std::move(b));
  const std::string bytes = server::encode_bindings(bindings, frame);
  const auto decoded = server::decode_bindings(bytes, frame);
  REQUIRE(decoded);
  CHECK(text_of(LocationResult(*decoded)) == text_of(LocationResult(bindings)));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(server::decode_bindings(std::string_view(bytes).substr(0, size), frame));
  CHECK_FALSE(server::decode_bindings(bytes + 'x', frame));
  std::size_t refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string wrong = bytes;
    for (std::size_t n = 1 + random.below(3); n-- > 0;)
      wrong[random.below(wrong.size())] = static_cast<char>(random.below(256));
    const auto read = server::decode_bindings(wrong, frame);
    if (!read) ++refused;
    for (const Binding& b : read.value_or(std::vector<Binding>()))
      if ((b.contact + b.params + b.call_id + b.instance).find_first_of("\r\n") !=
          std::string::npos)
        FAIL("a line ends within a binding");
  }
  CHECK(refused > 30);
}
