"""The floor under every forwarder: a loop in C that only encrypts and sends, 32 packets a system call, at a given pace.

It receives nothing, decides nothing and rewrites nothing. There are two floors: each packet a message of its own, and
four at a time to the same receiver, as many as a picture has here, coupled into one (GSO). It runs in a process of its
own on the servers' core: ``python -m bench.media_limit CORE HOST PORT,PORT,… PACKETS_A_SECOND COUPLED`` until its input
ends.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pylibsrtp import Policy, Session

from bench.media_client import ffi, libc, srtp, srtp_ffi

_SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, SLOT = 2048, SIZE = 1112, TICK_NS = 2000000, SEGMENT = 103 };
typedef union { char bytes[CMSG_SPACE(sizeof(unsigned short))]; struct cmsghdr head; } control_t;
typedef int (*protect_t)(void *, void *, int *);

long limit_run(protect_t protect, void **contexts, struct sockaddr_in *peers, int count, int fd, long per_second,
               int coupled, volatile int *stop) {
  static char slots[BATCH][SLOT];
  static struct iovec vectors[BATCH];
  static struct mmsghdr messages[BATCH];
  static control_t controls[BATCH];
  static unsigned short sequence[4096];
  char plain[SIZE];
  memset(plain, 0x5a, sizeof plain);
  struct timespec due;
  clock_gettime(CLOCK_MONOTONIC, &due);
  long sent = 0, owed = 0;
  int at = 0;
  while (!*stop) {
    owed += per_second * (TICK_NS / 1000) / 1000000;
    while (owed > 0) {
      int n = owed < BATCH ? (int)owed : BATCH;
      if (n > coupled) n -= n % coupled;
      int used = 0;
      for (int i = 0; i < n; i++) {
        int length = SIZE;
        memcpy(slots[i], plain, SIZE);
        slots[i][0] = (char)0x80;
        slots[i][1] = 101;
        sequence[at]++;
        slots[i][2] = (char)(sequence[at] >> 8);
        slots[i][3] = (char)sequence[at];
        if (protect(contexts[at], slots[i], &length)) return -1;
        vectors[i].iov_base = slots[i];
        vectors[i].iov_len = length;
        if (i % coupled == 0) {
          struct msghdr *head = &messages[used].msg_hdr;
          memset(head, 0, sizeof *head);
          head->msg_iov = &vectors[i];
          head->msg_name = &peers[at];
          head->msg_namelen = sizeof *peers;
          if (coupled > 1) {
            control_t *control = &controls[used];
            control->head.cmsg_level = IPPROTO_UDP;
            control->head.cmsg_type = SEGMENT;
            control->head.cmsg_len = CMSG_LEN(sizeof(unsigned short));
            unsigned short segment = (unsigned short)length;
            memcpy(CMSG_DATA(&control->head), &segment, sizeof segment);
            head->msg_control = control->bytes;
            head->msg_controllen = sizeof control->bytes;
          }
          used++;
        }
        messages[used - 1].msg_hdr.msg_iovlen++;
        if (i % coupled == coupled - 1) at = (at + 1) % count;
      }
      if (n % coupled) at = (at + 1) % count;
      int gone = sendmmsg(fd, messages, used, 0);
      for (int i = 0; i < gone; i++) sent += (long)messages[i].msg_hdr.msg_iovlen;
      owed -= n;
    }
    due.tv_nsec += TICK_NS;
    if (due.tv_nsec >= 1000000000) due.tv_nsec -= 1000000000, due.tv_sec++;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, 0);
  }
  return sent;
}
"""
MAX_PEERS = 4096


def compiler() -> str | None:
    """The C compiler of this machine, if there is one."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Any:
    """Compile the loop and load it. Raises CalledProcessError with the compiler's words."""
    source, library = folder / "limit.c", folder / "limit.so"
    source.write_text(_SOURCE)
    command = [compiler() or "cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True)  # noqa: S603 - our own words
    ffi.cdef("long limit_run(void *, void **, void *, int, int, long, int, volatile int *);")
    return ffi.dlopen(str(library))


def _context() -> Session:
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    return Session(Policy(key=os.urandom(28), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))


def run(host: str, ports: Sequence[int], per_second: int, coupled: int) -> None:
    """Send to these ports in turn, ``coupled`` packets at a time, until standard input ends; print how many left."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((host, 0))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        loop = build(Path(folder))
        keys = [_context() for _ in ports]
        contexts = ffi.new("void *[]", [ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", k._srtp[0]))) for k in keys])
        names = b"".join(
            socket.AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)
            for port in ports
        )
        peers, stop = ffi.new("char[]", names), ffi.new("int *", 0)
        protect = ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(srtp, "srtp_protect"))))
        arguments = (protect, contexts, peers, len(ports), sender.fileno(), per_second, coupled, stop)
        worker = threading.Thread(target=lambda: print(loop.limit_run(*arguments), flush=True))
        worker.start()
        print("ready", flush=True)
        sys.stdin.read()
        stop[0] = 1
        worker.join()


def main() -> None:
    """Read the command line and run."""
    core, host, ports, per_second, coupled = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    run(host, [int(port) for port in ports.split(",")][:MAX_PEERS], int(per_second), int(coupled))


__all__ = ["compiler", "libc", "run"]

if __name__ == "__main__":
    main()
