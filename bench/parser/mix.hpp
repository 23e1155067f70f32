// SPDX-License-Identifier: Apache-2.0
// 600 messages as an element in the middle of a network sees them, the same at every run.
#pragma once

#include <string>
#include <vector>

namespace bench {

/// OPTIONS, INVITE with SDP, requests through four proxies, responses, REGISTER with digest, NOTIFY with
/// XML; names, tags, header order, compact forms and case vary. A loop over one message would let the
/// branch predictor learn it by heart.
std::vector<std::string> mix();

/// SDP bodies of calls: audio alone, audio and video, a browser's.
std::vector<std::string> sdp_mix();

}  // namespace bench
