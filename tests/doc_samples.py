#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The samples of docs/*.md are what the tests compile, and the page on headers can be followed.

    doc_samples.py ROOT --compiler CXX     check; 77 where there is no compiler
    doc_samples.py --self-test             plant a difference and see that it is found

A block that follows <!-- sample: FILE NAME --> must be the text between // [NAME] and // [/NAME] in FILE.
docs/parser.md shows two rows for a new header, in blocks behind <!-- row: FILE -->: they are added to
copies of those headers, and a program that uses the new constant is compiled against the copies.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

SAMPLE = re.compile(r"<!-- (sample|row): (\S+)(?: ([^>]*?))? -->\n+((?:(?: {4}.*)?\n)+)")
PROGRAM = """
#include "sipstack/parser/message_view.hpp"
#include "parser/header_table.hpp"
static_assert(sipstack::hdr::x_colour.name == "X-Colour");
static_assert(sipstack::rule(sipstack::HeaderId::x_colour) == sipstack::HeaderRule::single);
std::string_view colour(const sipstack::MessageView& m) {
  const auto value = m.get(sipstack::hdr::x_colour);
  return value ? value->token : std::string_view{};
}
"""


def blocks(page):
    for kind, file, name, text in SAMPLE.findall(page):
        yield kind, file, name, textwrap.dedent(text).strip("\n")


def region(source, name):
    found = re.search(rf"^[ ]*// \[{re.escape(name)}\]\n(.*?)^[ ]*// \[/{re.escape(name)}\]$", source, re.S | re.M)
    return textwrap.dedent(found.group(1)).strip("\n") if found else None


def differences(root):
    found, compared = [], 0
    for page in sorted((root / "docs").glob("*.md")):
        for kind, file, name, text in blocks(page.read_text(encoding="utf-8")):
            if kind != "sample":
                continue
            compared += 1
            if region((root / file).read_text(encoding="utf-8"), name) != text:
                found.append(f"{page.name}: sample [{name}] is not what {file} has")
    if compared == 0:
        found.append("no page has a sample")
    return found


def with_row(text, row):
    """The row behind that of Accept: where every row may stand."""
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if re.match(r"\s*X\(accept, ", line))
    lines.insert(at + 1, f"  {row} \\")
    return "\n".join(lines)


def follow(root, compiler):
    page = (root / "docs/parser.md").read_text(encoding="utf-8")
    rows = {file: text for kind, file, _, text in blocks(page) if kind == "row"}
    if len(rows) != 2:
        return ["docs/parser.md: two rows are to be shown"]
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(root / "include", copy / "include")
        for file, row in rows.items():
            (copy / file).write_text(with_row((copy / file).read_text(encoding="utf-8"), row), encoding="utf-8")
        (copy / "program.cpp").write_text(PROGRAM, encoding="utf-8")
        done = subprocess.run([compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{copy}/include",
                               f"-I{root}/src", str(copy / "program.cpp")], capture_output=True, text=True)
        return [] if done.returncode == 0 else ["docs/parser.md can't be followed:\n" + done.stderr]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "a.cpp").write_text("x\n// [n]\nint a;\n\nint b;\n// [/n]\n")
        page = root / "docs/a.md"
        page.write_text("words\n\n<!-- sample: a.cpp n -->\n\n    int a;\n\n    int b;\n\nmore\n")
        assert differences(root) == [], differences(root)
        page.write_text("<!-- sample: a.cpp n -->\n\n    int a;\n\nmore\n")
        assert len(differences(root)) == 1
        page.write_text("<!-- sample: a.cpp m -->\n\n    int a;\n")
        assert len(differences(root)) == 1
        page.write_text("nothing\n")
        assert len(differences(root)) == 1
    assert with_row("X(via, 1) \\\n  X(accept, 2) \\\n  X(z, 3)", "X(n)").split("\n")[2] == "  X(n) \\"
    return 0


def main():
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(sys.argv[1])
    compiler = shutil.which(sys.argv[sys.argv.index("--compiler") + 1])
    found = differences(root) + (follow(root, compiler) if compiler else [])
    for line in found:
        print(line)
    return 1 if found else 0 if compiler else 77


sys.exit(main())
