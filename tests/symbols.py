#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The symbol check: the archives below the endpoint use no socket, clock, thread or random device.

    symbols.py --layer parser|core|testing [--nm NM] ARCHIVE
    symbols.py --self-test [--nm NM] [--ar AR] [--compiler CXX]
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# C names, whole; with the suffixes that glibc's fortified and 64-bit-time versions carry.
C_NAMES = """
    socket socketpair bind listen accept accept4 connect shutdown send sendto sendmsg sendmmsg
    recv recvfrom recvmsg recvmmsg getsockopt setsockopt getsockname getpeername getaddrinfo
    gethostbyname gethostbyname_r getnameinfo select pselect poll ppoll epoll_create epoll_create1
    epoll_ctl epoll_wait eventfd timerfd_create ioctl fcntl
    open open64 openat creat read pread write pwrite fopen fopen64 fread fwrite
    clock clock_gettime clock_getres clock_nanosleep gettimeofday time ftime timespec_get nanosleep
    usleep sleep alarm setitimer timer_create
    getrandom getentropy arc4random arc4random_buf arc4random_uniform rand rand_r srand random
    srandom drand48 lrand48 mrand48 RAND_bytes RAND_priv_bytes RAND_bytes_ex RAND_seed RAND_poll
    pthread_create thrd_create pthread_mutex_lock pthread_cond_wait pthread_join fork vfork
    syscall getenv
""".split()
C_NAME = re.compile(r"(__)?(%s)(_chk|64|_time64)?$" % "|".join(map(re.escape, C_NAMES)))
CXX_NAME = re.compile(
    r"std::chrono::(_V2::)?(system|steady|high_resolution)_clock::now|std::random_device|"
    r"std::(this_)?thread\b|std::mutex\b|std::condition_variable|std::basic_[io]?fstream|std::basic_filebuf|"
    r"std::filesystem|boost::asio|boost::beast|boost::random")
FOREIGN = re.compile(  # what the parser, alone, may not need
    r"boost::|(EVP|SSL|CRYPTO|OPENSSL|RAND|HMAC|MD5|SHA1|SHA256|SHA512|ERR|BIO|X509|ASN1|OSSL)_\w+$|ares_\w+$|fmt::")


def undefined(archive, nm):
    """(demangled name, member) of every symbol that the archive needs and does not define."""
    def names(*options):
        run = subprocess.run([nm, "-A", "-C", *options, str(archive)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=True)
        for line in run.stdout.splitlines():
            found = re.match(r"(.*?):(?:([^:]+\.o):)?\s*(?:[0-9a-f]+ )?\s*([a-zA-Z]) (.*)$", line)
            if found:
                yield found[4].split("@")[0], found[2]
    defined = {name for name, _ in names("--defined-only")}
    return sorted({(name, member) for name, member in names("-u") if name not in defined},
                  key=lambda pair: (pair[0], pair[1] or ""))


def violations(archive, layer, nm):
    for name, member in undefined(archive, nm):
        if C_NAME.match(name) or CXX_NAME.search(name):
            yield f"{member}: {name}: no socket, clock, thread or random device below the endpoint"
        elif layer == "parser" and FOREIGN.match(name):
            yield f"{member}: {name}: the parser needs the standard library alone"


PLANTED = [  # layer, code, a word of the report, or None where the code is allowed
    ("core", "#include <sys/socket.h>\nint f() { return socket(1, 2, 3); }", "socket"),
    ("core", "#include <sys/socket.h>\nlong f(char* p) { return recv(0, p, 9, 0); }", "recv"),
    ("core", "#include <ctime>\nlong f() { timespec t; clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec; }", "clock"),
    ("core", "#include <ctime>\nlong f() { return time(nullptr); }", "time"),
    ("core", "#include <chrono>\nlong f() { return std::chrono::steady_clock::now().time_since_epoch().count(); }", "now"),
    ("testing", "#include <chrono>\nlong f() { return std::chrono::system_clock::now().time_since_epoch().count(); }", "now"),
    ("core", "#include <random>\nunsigned f() { return std::random_device{}(); }", "random_device"),
    ("core", "#include <cstdlib>\nint f() { return std::rand(); }", "rand"),
    ("core", "#include <sys/random.h>\nlong f(char* p) { return getrandom(p, 8, 0); }", "getrandom"),
    ("core", "extern \"C\" int RAND_bytes(unsigned char*, int);\nint f(unsigned char* p) { return RAND_bytes(p, 8); }", "RAND"),
    ("core", "#include <thread>\nvoid f() { std::thread([] {}).join(); }", "thread"),
    ("parser", "extern \"C\" void* EVP_MD_CTX_new();\nvoid* f() { return EVP_MD_CTX_new(); }", "EVP"),
    ("parser", "namespace boost { void g(); }\nvoid f() { boost::g(); }", "boost"),
    ("core", "extern \"C\" void* EVP_MD_CTX_new();\nvoid* f() { return EVP_MD_CTX_new(); }", None),
    ("parser", "#include <string>\nstd::string f(int i) { return std::to_string(i) + \"socket time\"; }", None),
    ("core", "int bind_all(int i);\nint bind(int a, char b);\nint f() { return bind_all(1) + bind(1, 'b'); }", None),
]


def self_test(compiler, nm, ar):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (layer, code, word) in enumerate(PLANTED):
            base = pathlib.Path(folder) / f"planted{number}"
            base.with_suffix(".cpp").write_text(code + "\n")
            subprocess.run([compiler, "-std=c++17", "-O2", "-c", base.with_suffix(".cpp"), "-o",
                            base.with_suffix(".o")], check=True)
            subprocess.run([ar, "rc", base.with_suffix(".a"), base.with_suffix(".o")], check=True)
            found = list(violations(base.with_suffix(".a"), layer, nm))
            right = any(word in line for line in found) if word else not found
            if not right:
                wrong += 1
                print(f"{layer}: {code!r}: expected {word or 'nothing'}, found {found}")
    print(f"symbols.py: {len(PLANTED)} planted archives, {wrong} judged wrongly")
    return 1 if wrong else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("archive", nargs="?")
    options.add_argument("--layer", choices=["parser", "core", "testing"], default="core")
    options.add_argument("--nm", default="nm")
    options.add_argument("--ar", default="ar")
    options.add_argument("--compiler", default="c++")
    options.add_argument("--self-test", action="store_true")
    given = options.parse_args()
    if given.self_test:
        return self_test(given.compiler, given.nm, given.ar)
    if not given.archive:
        options.error("which archive?")
    found = list(violations(given.archive, given.layer, given.nm))
    for line in found:
        print(line)
    print(f"symbols.py: {given.archive}: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
