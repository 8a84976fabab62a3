#!/usr/bin/python3
"""Tries file operations in a directory; prints {operation: result} as JSON.

Arguments: the directory, and how many files it makes at once. A result is "ok", or the name of the
error (errno) that the kernel gave.
"""
import ctypes
import errno
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import time

directory = sys.argv[1]
count = int(sys.argv[2])
os.makedirs(directory, exist_ok=True)
os.chdir(directory)
results = {}


def attempt(name):
    def run(work):
        try:
            said = work()
            results[name] = "ok" if said is None else said
        except OSError as error:
            results[name] = errno.errorcode.get(error.errno, str(error))
        except AssertionError as error:
            results[name] = f"wrong: {error}"

    return run


def write(name, content):
    with open(name, "w") as file:
        file.write(content)


def read(name):
    with open(name) as file:
        return file.read()


@attempt("create, append, truncate")
def _():
    write("a", "one\n")
    with open("a", "a") as file:
        file.write("two\n")
    os.truncate("a", 5)
    assert read("a") == "one\nt", read("a")


@attempt("rename, also over another and of directories")
def _():
    write("b", "b")
    write("c", "c")
    os.rename("b", "c")
    assert read("c") == "b" and not os.path.exists("b")
    os.makedirs("d/e")
    os.rename("d", "f")
    assert os.path.isdir("f/e")


@attempt("hard links and symlinks")
def _():
    write("g", "g")
    os.link("g", "h")
    os.symlink("g", "i")
    assert os.readlink("i") == "g" and read("i") == "g" and read("h") == "g"


@attempt("the number of a file's links")
def _():
    assert os.stat("h").st_nlink == 2, os.stat("h").st_nlink


@attempt("modes and times")
def _():
    write("j", "")
    os.chmod("j", 0o640)
    os.utime("j", ns=(10**18, 10**18 + 1))
    info = os.stat("j")
    assert info.st_mode & 0o7777 == 0o640 and int(info.st_mtime) == 10**9, info


@attempt("times to the nanosecond")
def _():
    assert os.stat("j").st_mtime_ns == 10**18 + 1, os.stat("j").st_mtime_ns


@attempt("a file that is open goes on after it was removed")
def _():
    with open("k", "w+") as file:
        file.write("still")
        file.flush()
        os.remove("k")
        file.seek(0)
        assert file.read() == "still"


@attempt("locks of two programs (flock and fcntl)")
def _():
    other = (
        "import fcntl, sys\n"
        "file = open('l', 'r+')\n"
        "try: getattr(fcntl, sys.argv[1])(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError: sys.exit(3)\n"
    )
    write("l", "")
    for kind in ["flock", "lockf"]:
        with open("l", "r+") as file:
            getattr(fcntl, kind)(file, fcntl.LOCK_EX)
            held = subprocess.run([sys.executable, "-c", other, kind]).returncode
        free = subprocess.run([sys.executable, "-c", other, kind]).returncode
        assert (held, free) == (3, 0), (kind, held, free)


@attempt("shared memory map, written by one and read by another")
def _():
    write("m", "\0" * 8192)
    with open("m", "r+") as file:
        with mmap.mmap(file.fileno(), 8192) as memory:
            memory[4096:4101] = b"hello"
            memory.flush()
            with open("m", "rb") as again:
                again.seek(4096)
                assert again.read(5) == b"hello"


@attempt("sockets and pipes")
def _():
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("socket")
        server.listen()
        client.connect("socket")


@attempt("fsync, sparse files")
def _():
    with open("n", "wb") as file:
        file.seek(10**9)
        file.write(b"end")
        file.flush()
        os.fsync(file.fileno())
    assert os.stat("n").st_size == 10**9 + 3


@attempt("fallocate")
def _():
    with open("p", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 100_000)
    assert os.stat("p").st_size == 100_000


@attempt("names of 255 bytes, and of any characters")
def _():
    for name in ["x" * 255, "ü" * 127, "new\nline", 'q"\'`$(x)']:
        write(name, name)
        assert read(name) == name and name in os.listdir(".")


def watch(change):
    """Whether inotify(7) tells of a change within two seconds."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(0)
    assert libc.inotify_add_watch(descriptor, b".", 0x302) > 0
    change()
    ready, _, _ = select.select([descriptor], [], [], 2)
    os.close(descriptor)
    return bool(ready)


@attempt("watching (inotify) for changes that the guest makes")
def _():
    assert watch(lambda: write("watched", "")), "no event"


@attempt("O_TMPFILE")
def _():
    os.close(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600))


@attempt("extended attributes")
def _():
    write("o", "")
    os.setxattr("o", "user.test", b"1")


@attempt("O_DIRECT")
def _():
    os.close(os.open("a", os.O_RDONLY | os.O_DIRECT))


@attempt("many files: made, listed, read, removed")
def _():
    started = time.monotonic()
    os.mkdir("many")
    for number in range(count):
        write(f"many/{number}", str(number))
    assert len(os.listdir("many")) == count
    assert all(read(f"many/{number}") == str(number) for number in range(count))
    for number in range(count):
        os.remove(f"many/{number}")
    os.rmdir("many")
    results["seconds"] = round(time.monotonic() - started, 1)


print(json.dumps(results))
