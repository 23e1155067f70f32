#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Linked like any library: installs, then builds small programs from the installed tree alone.

    install_test.py static|shared|parser_only --source DIR --build DIR [...]

static       installs the build that this test belongs to
shared       builds and installs shared libraries
parser_only  configures with SIPSTACK_PARSER_ONLY where no other package may be found

Each tree is used through find_package and through pkg-config; what README.md shows is compiled. That the parser needs neither Boost
nor OpenSSL is seen in what its user includes (g++ -M) and loads (ldd); that this check can fail is
seen with the whole library, which needs both.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

FOREIGN_PACKAGES = ["Boost", "OpenSSL", "CAres", "c-ares", "fmt", "Threads", "CLI11"]
FOREIGN_HEADERS = re.compile(r"/(boost|openssl|fmt|CLI|ares)[/.]")
FOREIGN_LIBRARIES = re.compile(r"lib(boost\w*|ssl|crypto|cares|fmt)\b")


class Failed(Exception):
    pass


def run(*command, expect=0, **options):
    command = [str(part) for part in command]
    print("+", shlex.join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if (done.returncode == 0) != (expect == 0):
        print(done.stdout)
        raise Failed(f"exit status {done.returncode}: {shlex.join(command)}")
    return done.stdout


class Tree:
    """An installed tree, and programs built from it."""

    def __init__(self, prefix, given, shared):
        self.prefix, self.given, self.shared = prefix, given, shared
        self.consumers = pathlib.Path(__file__).resolve().parent
        self.work = prefix.parent / "consumers"
        libraries = sorted(prefix.rglob("libsipstack-parser.*"))
        if not libraries:
            raise Failed(f"no parser library in {prefix}")
        self.libdir = libraries[0].parent
        kinds = {path.suffix for path in libraries if not path.is_symlink()}
        if shared == (".a" in kinds):
            raise Failed(f"wrong kind of library: {libraries}")

    def find_package(self, consumer, without=(), expect=0):
        """Built by CMake. Returns the program."""
        build = self.work / f"cmake-{consumer}{'-alone' if without else ''}"
        said = run(self.given.cmake, "-G", self.given.generator, "-S", self.consumers / consumer, "-B", build,
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_COMPILER={self.given.compiler}",
                   *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in without), expect=expect)
        if expect != 0:
            return said
        found = re.search(r"^sipstack_DIR:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)
        if not found or self.prefix not in pathlib.Path(found[1]).parents:
            raise Failed(f"another sipstack was found: {found and found[1]}")
        run(self.given.cmake, "--build", build)
        return build / "consumer"

    def pkg_config(self, consumer, package):
        """Built by the compiler with what pkg-config says. Returns the program and its headers."""
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.libdir / "pkgconfig"))
        flags = shlex.split(run("pkg-config", "--cflags", package, env=environment))
        libraries = shlex.split(run("pkg-config", "--libs", package, env=environment))
        source = self.consumers / consumer / "main.cpp"
        program = self.work / f"pkg-{consumer}"
        self.work.mkdir(exist_ok=True)
        run(self.given.compiler, "-std=c++17", *flags, source, "-o", program, *libraries)
        headers = run(self.given.compiler, "-std=c++17", "-M", *flags, source)
        return program, headers

    def start(self, program):
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.libdir))
        print(run(program, env=environment, timeout=60).strip())
        return run("ldd", program, env=environment)

    def readme(self, source):
        """Compiles and links each C++ block of README.md; one without a main as a function's body."""
        text = (source / "README.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```cpp\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if len(blocks) < 2:
            raise Failed("README.md shows no program")
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.libdir / "pkgconfig"))
        for number, block in enumerate(blocks):
            package = "sipstack" if "endpoint" in block else "sipstack-parser"
            if "int main" not in block:
                includes = [line for line in block.splitlines() if line.startswith("#include")]
                body = [line for line in block.splitlines() if not line.startswith("#include")]
                block = "\n".join([*includes, "#include <iostream>", "#include <string_view>",
                                   "void snippet(std::string_view bytes) {", *body, "}",
                                   'int main() { snippet("no message"); }', ""])
            file = self.work / f"readme{number}.cpp"
            file.write_text(block)
            flags = shlex.split(run("pkg-config", "--cflags", "--libs", package, env=environment))
            run(self.given.compiler, "-std=c++17", "-Wall", "-Werror", file, "-o", file.with_suffix(""), *flags)

    def check(self, consumer, package, alone):
        """`alone`: whether it must do without Boost and OpenSSL."""
        needs = []
        program = self.find_package(consumer, without=FOREIGN_PACKAGES if alone else ())
        needs.append(self.start(program))
        program, headers = self.pkg_config(consumer, package)
        needs.append(self.start(program))
        for loaded in needs:
            if self.shared and "libsipstack" not in loaded:
                raise Failed(f"{consumer} does not load the shared library:\n{loaded}")
            if alone and FOREIGN_LIBRARIES.search(loaded):
                raise Failed(f"{consumer} loads more than the standard library:\n{loaded}")
        if alone and FOREIGN_HEADERS.search(headers):
            raise Failed(f"{consumer} includes foreign headers: {FOREIGN_HEADERS.search(headers)[0]}")
        if consumer == "sipstack":
            # The checks above must be able to fail.
            if not all(re.search(FOREIGN_LIBRARIES, loaded) for loaded in needs):
                raise Failed("the check of loaded libraries does not see OpenSSL where it is used")
            if not FOREIGN_HEADERS.search(headers):
                raise Failed("the check of headers does not see Boost where it is used")


def build_and_install(given, build, prefix, *options):
    launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={given.launcher}"] if given.launcher else []
    run(given.cmake, "-G", given.generator, "-S", given.source, "-B", build, "-DCMAKE_BUILD_TYPE=None",
        f"-DCMAKE_CXX_COMPILER={given.compiler}", "-DSIPSTACK_BUILD_TESTS=OFF", "-DSIPSTACK_BUILD_TOOLS=OFF",
        f"-DSIPSTACK_PRECOMPILE={'OFF' if launcher else 'ON'}", *launcher, *options)
    run(given.cmake, "--build", build, "--parallel", str(os.cpu_count() or 1))
    run(given.cmake, "--install", build, "--prefix", prefix)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kind", choices=["static", "shared", "parser_only"])
    options.add_argument("--source", type=pathlib.Path, required=True)
    options.add_argument("--build", type=pathlib.Path, required=True)
    options.add_argument("--cmake", default="cmake")
    options.add_argument("--generator", default="Ninja")
    options.add_argument("--compiler", default="c++")
    options.add_argument("--launcher", default="")
    given = options.parse_args()

    os.nice(10)  # other tests, which have to answer in time, run beside
    work = pathlib.Path(tempfile.mkdtemp(prefix=f"sipstack-install-{given.kind}-"))
    prefix = work / "prefix"
    # Kept, so that the next run builds only what changed.
    build = given.build / "install-test" / given.kind
    try:
        if given.kind == "static":
            run(given.cmake, "--install", given.build, "--prefix", prefix)
        elif given.kind == "shared":
            build_and_install(given, build, prefix, "-DBUILD_SHARED_LIBS=ON")
        else:
            build_and_install(given, build, prefix, "-DSIPSTACK_PARSER_ONLY=ON", "-DBUILD_SHARED_LIBS=OFF",
                              *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in FOREIGN_PACKAGES))
            if given.generator == "Ninja":
                included = run("ninja", "-C", build, "-t", "deps")
                if "message_index.hpp" not in included or FOREIGN_HEADERS.search(included):
                    raise Failed(f"the parser's own sources include foreign headers:\n{included}")
        tree = Tree(prefix, given, shared=given.kind == "shared")
        tree.check("parser", "sipstack-parser", alone=True)
        if given.kind == "parser_only":
            said = tree.find_package("core", expect=1)
            if "no component core" not in " ".join(said.split()):
                raise Failed(f"a missing component is not named:\n{said}")
        else:
            tree.check("core", "sipstack-core", alone=False)
            tree.check("sipstack", "sipstack", alone=False)
            for store in ("sqlite", "redis"):  # of those that are built here
                if list(prefix.rglob(f"libsipstack-{store}.*")):
                    tree.check(store, f"sipstack-{store}", alone=False)
        if given.kind == "static":
            tree.readme(given.source)
    except (Failed, subprocess.SubprocessError) as error:
        print(f"install_test.py {given.kind}: {error}")
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"install_test.py {given.kind}: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
