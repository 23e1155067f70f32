#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layer check: includes point downward only (docs/design.md, section "Layers").

    layers.py ROOT          check ROOT/include/sipstack and ROOT/src
    layers.py --self-test   plant violations and see that each is found
"""
import pathlib
import re
import sys
import tempfile

# What each layer may include besides itself.
BELOW = {"base": []}
BELOW["parser"] = ["base"]
BELOW["transaction"] = ["parser", "base"]
BELOW["dialog"] = ["transaction", *BELOW["transaction"]]
BELOW["server"] = ["dialog", *BELOW["dialog"]]
BELOW["core"] = ["server", *BELOW["server"]]
BELOW["testing"] = ["core", *BELOW["core"]]
BELOW["store"] = ["server", *BELOW["server"]]
BELOW["transport"] = ["parser", "base"]
BELOW["endpoint"] = ["transport", "core", *BELOW["core"]]
BELOW["tools"] = ["endpoint", *BELOW["endpoint"], "testing", "store"]

# The protocol does no I/O and knows neither clock nor thread nor random device: these layers see
# the standard library without those parts, and what ALLOWED grants them.
PURE = ["base", "parser", "transaction", "dialog", "server", "core", "testing"]
STANDARD = set("""
    algorithm any array atomic bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes
    climits cmath complex cstddef cstdint cstdlib cstring deque exception forward_list functional
    initializer_list iosfwd iterator limits list map memory memory_resource new numeric optional
    ostream queue ratio scoped_allocator set sstream stack stdexcept string string_view
    system_error tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray
    variant vector
""".split())
# (layers, whether in public headers too, pattern)
ALLOWED = [
    (["base", "parser"], True, r"tl/expected\.hpp"),
    # Runs of bytes are stepped over by vectors.
    (["parser"], False, r"([ei]mmintrin|arm_neon)\.h"),
    (["transaction", "dialog", "server", "core"], False,
     r"boost/(unordered|intrusive|container|container_hash|core|config|smart_ptr|mp11|static_assert)(/.*|\.hpp|_.*\.hpp)"),
    (["base", "transaction", "dialog", "server", "core"], False,
     r"openssl/(evp|hmac|sha|md5|crypto|err|core_names|params)\.h"),
    # The simulated network draws from a seeded engine: a generator, not a device.
    (["testing"], True, r"random"),
]
# Public headers of the upper layers do not cost their users asio.hpp.
PUBLIC_BOOST = re.compile(r"boost/(asio/(async_result|any_io_executor|any_completion_handler|execution_context|"
                          r"associated_\w+|dispatch|executor_work_guard|system_executor|error|detail/\w*fwd)\.hpp|system/.*|config.*)")
PUBLIC_UPPER_FORBIDDEN = re.compile(r"(openssl|ares|fmt|CLI|sys|netinet|arpa)(/|\.h|$)|unistd\.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SUFFIXES = {".hpp", ".cpp", ".h", ".rl", ".ipp", ".inc"}


def owner(included, file, root):
    """The layer an include leads to; "umbrella" for sipstack/x.hpp; None where it is not ours."""
    parts = included.split("/")
    if parts[0] == "sipstack" and len(parts) > 1:
        if parts[1] == "version.hpp":
            return "base"
        return parts[1] if len(parts) > 2 else "umbrella"
    if parts[0] in BELOW and len(parts) > 1:
        return parts[0]
    near = (file.parent / included).resolve()
    # isa/x.cpp is what Ragel makes of src/<layer>/isa/x.rl.
    generated = (file.parent.parent / included).with_suffix(".rl").resolve()
    if generated.is_file():
        near = generated
    if near.is_file():
        for top in (root / "include/sipstack", root / "src"):
            if top.resolve() in near.parents:
                return near.relative_to(top.resolve()).parts[0]
    return None


def violations(root):
    for top, public in ((root / "include/sipstack", True), (root / "src", False)):
        for file in sorted(top.rglob("*")):
            if file.suffix not in SUFFIXES or not file.is_file():
                continue
            where = file.relative_to(top).parts
            name = file.relative_to(root)
            if len(where) == 1:
                if not public:
                    yield f"{name}: sources live in a layer's folder"
                continue  # include/sipstack/x.hpp: an umbrella for users
            layer = where[0]
            if layer not in BELOW:
                yield f"{name}: no layer is called {layer}"
                continue
            text = file.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                included = found[1] or found[2]
                problem = judge(included, layer, public, owner(included, file, root))
                if problem:
                    yield f"{name}:{number}: {problem}"


def judge(included, layer, public, target):
    if target == "umbrella":
        return None if layer == "tools" else f"{layer} includes the umbrella {included}"
    if target is not None:
        if target == layer or target in BELOW[layer]:
            return None
        return f"{layer} includes {target} ({included}): includes point downward only"
    if layer in PURE:
        if included in STANDARD:
            return None
        for layers, in_public, pattern in ALLOWED:
            if layer in layers and (in_public or not public) and re.fullmatch(pattern, included):
                return None
        return f"{layer} may not include <{included}>" + (" in a public header" if public else "")
    if public:
        if included.startswith("boost/") and not PUBLIC_BOOST.fullmatch(included):
            return f"a public header may not include <{included}>: its users would pay for it"
        if PUBLIC_UPPER_FORBIDDEN.match(included):
            return f"a public header may not include <{included}>"
    return None


PLANTED = [  # file, line, whether it is a violation
    ("include/sipstack/base/a.hpp", "#include <sipstack/parser/x.hpp>", True),
    ("include/sipstack/base/a.hpp", "#include <string_view>", False),
    ("src/base/a.cpp", "#include <thread>", True),
    ("src/base/a.cpp", "  #  include \"sipstack/base/b.hpp\"", False),
    ("src/parser/a.cpp", "#include <boost/unordered_map.hpp>", True),
    ("src/parser/a.cpp", "#include <openssl/evp.h>", True),
    ("src/parser/a.rl", "#include \"sipstack/transaction/x.hpp\"", True),
    ("src/parser/a.cpp", "#include \"sipstack/version.hpp\"", False),
    ("src/transaction/a.cpp", "#include \"dialog/x.hpp\"", True),
    ("src/transaction/a.cpp", "#include <sys/socket.h>", True),
    ("src/transaction/a.cpp", "#include <ctime>", True),
    ("src/transaction/a.cpp", "#include <boost/asio/steady_timer.hpp>", True),
    ("src/transaction/a.cpp", "#include <boost/unordered/unordered_flat_map.hpp>", False),
    ("include/sipstack/transaction/a.hpp", "#include <boost/unordered/unordered_flat_map.hpp>", True),
    ("src/dialog/a.cpp", "#include <openssl/evp.h>", False),
    ("include/sipstack/dialog/a.hpp", "#include <openssl/evp.h>", True),
    ("src/dialog/a.cpp", "#include <openssl/rand.h>", True),
    ("src/server/a.cpp", "#include <sipstack/core/x.hpp>", True),
    ("src/core/a.cpp", "#include <sipstack/server/x.hpp>", False),
    ("src/core/a.cpp", "#include <sipstack/sipstack.hpp>", True),
    ("src/core/a.cpp", "#include \"../endpoint/planted.hpp\"", True),
    ("src/core/a.cpp", "#include <random>", True),
    ("src/testing/a.cpp", "#include <random>", False),
    ("src/transport/a.cpp", "#include <sipstack/transaction/x.hpp>", True),
    ("src/transport/a.cpp", "#include <boost/asio.hpp>", False),
    ("include/sipstack/endpoint/a.hpp", "#include <boost/asio.hpp>", True),
    ("include/sipstack/endpoint/a.hpp", "#include <boost/asio/async_result.hpp>", False),
    ("src/endpoint/a.cpp", "#include <sipstack/tools/x.hpp>", True),
    ("src/tools/a.cpp", "#include <sipstack/endpoint/x.hpp>", False),
    ("src/gadgets/a.cpp", "", True),
    ("src/a.cpp", "", True),
]


def self_test():
    wrong = 0
    for path, line, expected in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src/endpoint").mkdir(parents=True)
            (root / "src/endpoint/planted.hpp").write_text("")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"// a comment\n{line}\n")
            found = list(violations(root))
            if bool(found) != expected:
                wrong += 1
                print(f"{path}: {line}: expected {'a violation' if expected else 'none'}, found {found}")
    print(f"layers.py: {len(PLANTED)} planted lines, {wrong} judged wrongly")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(violations(root))
    for line in found:
        print(line)
    print(f"layers.py: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
