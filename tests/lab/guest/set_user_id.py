#!/usr/bin/python3
"""Tries to make files with set-user-id bits and devices, in every way; prints {way: result}.

Argument: the directory. A result is "made" if the file came to be with such a bit or as a device, as
this guest sees it, else the name of the error, or "without".
"""
import errno
import json
import os
import shutil
import stat
import subprocess
import sys

directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
os.chdir(directory)
os.umask(0)
results = {}


def program(name):
    shutil.copyfile("/bin/sh", name)
    os.chmod(name, 0o755)
    return name


def attempt(way):
    def run(work):
        name = way.replace(" ", "-")
        said = "without"
        try:
            work(name)
        except OSError as error:
            said = errno.errorcode.get(error.errno, str(error))
        except subprocess.CalledProcessError as error:
            said = f"exit {error.returncode}"
        try:
            mode = os.lstat(name).st_mode
            if mode & 0o6000 or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                said = "made"
        except OSError:
            pass
        results[way] = said

    return run


def command(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# What is to be copied, in the guest's own memory.
source = "/run/set-user-id"
shutil.rmtree(source, ignore_errors=True)
os.makedirs(source)
shutil.copyfile("/bin/sh", f"{source}/sh")
os.chmod(f"{source}/sh", 0o6755)
command("tar", "-C", source, "-cf", f"{source}/sh.tar", "sh")


@attempt("chmod u+s")
def _(name):
    os.chmod(program(name), 0o4755)


@attempt("chmod g+s")
def _(name):
    os.chmod(program(name), 0o2755)


@attempt("fchmod")
def _(name):
    os.fchmod(os.open(program(name), os.O_RDWR), 0o6755)


@attempt("open with the bit")
def _(name):
    os.close(os.open(name, os.O_CREAT | os.O_RDWR, 0o4755))


@attempt("mknod of a file")
def _(name):
    os.mknod(name, stat.S_IFREG | 0o4755)


@attempt("mknod of a character device")
def _(name):
    os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(1, 1))


@attempt("mknod of a block device")
def _(name):
    os.mknod(name, stat.S_IFBLK | 0o666, os.makedev(8, 0))


@attempt("O_TMPFILE and link")
def _(name):
    file = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o4755)
    os.link(f"/proc/self/fd/{file}", name, follow_symlinks=True)


@attempt("install -m")
def _(name):
    command("install", "-m", "4755", "/bin/sh", name)


@attempt("cp -p")
def _(name):
    command("cp", "-p", f"{source}/sh", name)


@attempt("tar -p")
def _(name):
    command("tar", "-xpf", f"{source}/sh.tar", f"--transform=s,sh,{name},")


@attempt("rsync")
def _(name):
    command("rsync", "-a", f"{source}/sh", name)


@attempt("rename over another")
def _(name):
    program(name)
    os.rename(program(f"{name}-new"), name)
    os.chmod(name, 0o4755)


@attempt("of another owner")
def _(name):
    os.chown(program(name), 0, 0)
    os.chmod(name, 0o4755)


@attempt("a capability")
def _(name):
    # cap_setuid, effective and permitted, version 2
    value = bytes.fromhex("0100000280000000" + "00" * 12)
    os.setxattr(program(name), "security.capability", value)
    results[f"{name}-set"] = "made"


@attempt("an access list")
def _(name):
    command("setfacl", "-m", "u:65534:rwx", program(name))


print(json.dumps(results))
