// System calls as they end. One program for all: each that is attached to a call costs every call of every process.
#pragma once

#include "files.h"

// Of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
enum call {
    CALL_READ = 0,
    CALL_OPEN = 2,
    CALL_MMAP = 9,
    CALL_PREAD = 17,
    CALL_READV = 19,
    CALL_SENDFILE = 40,
    CALL_CONNECT = 42,
    CALL_CREAT = 85,
    CALL_PTRACE = 101,
    CALL_SETUID = 105,
    CALL_SETREUID = 113,
    CALL_SETRESUID = 117,
    CALL_PIVOT_ROOT = 155,
    CALL_MOUNT = 165,
    CALL_INIT_MODULE = 175,
    CALL_OPENAT = 257,
    CALL_SPLICE = 275,
    CALL_PREADV = 295,
    CALL_OPEN_BY_HANDLE = 304,
    CALL_SETNS = 308,
    CALL_VM_READV = 310,
    CALL_VM_WRITEV = 311,
    CALL_FINIT_MODULE = 313,
    CALL_MEMFD_CREATE = 319,
    CALL_BPF = 321,
    CALL_USERFAULTFD = 323,
    CALL_COPY_FILE_RANGE = 326,
    CALL_PREADV2 = 327,
    CALL_IO_URING_SETUP = 425,
    CALL_MOVE_MOUNT = 429,
    CALL_OPENAT2 = 437,
    CALL_PIDFD_GETFD = 438,
};

enum { PTRACE_ATTACH = 16, PTRACE_SEIZE = 0x4206 };

static __always_inline void tell_call(u32 call, long result) {
    // What asks for nothing that there is, is asked as often as somebody likes.
    if (is_own() || result == -EBADF || result == -EINVAL)
        return;
    struct slot *slot = begin(KIND_CALL);
    if (!slot)
        return;
    slot->record.header.call = call;
    slot->record.header.value = result;
    finish(slot);
}

static __always_inline void tell_access(u32 call, u32 pid, long result) {
    struct slot *slot = begin(KIND_ACCESS);
    if (!slot)
        return;
    slot->record.header.number = pid;
    slot->record.header.call = call;
    slot->record.header.value = result;
    finish(slot);
}

// Sockets of container runtimes, by the last letters of their names: docker.sock, containerd.sock, crio.sock, podman.sock.
static __always_inline void connected(u64 address, u64 length) {
    u16 family = 0;
    u64 last = 0;
    if (length < 12 || length > 110 || bpf_probe_read_user(&family, sizeof(family), (void *)address) || family != AF_UNIX)
        return;
    char name[112] = {};
    long size = bpf_probe_read_user_str(name, sizeof(name), (void *)address + sizeof(family));
    if (size < 10 || size > 110)
        return;
    bpf_probe_read_kernel(&last, sizeof(last), name + size - 9);
    switch (last) {
    case 0x6b636f732e72656b: // ker.sock
    case 0x6b636f732e647265: // erd.sock
    case 0x6b636f732e6f6972: // rio.sock
    case 0x6b636f732e6e616d: // man.sock
        break;
    default:
        return;
    }
    struct slot *slot = begin(KIND_CONNECT);
    if (!slot)
        return;
    slot->record.header.family = AF_UNIX;
    slot->record.header.arguments_length = write_memory(slot, address + sizeof(family), address + sizeof(family) + size - 1);
    finish(slot);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(called, struct pt_regs *registers, long result) {
    // What is asked for most is looked at first.
    u64 number = registers->orig_ax;
    switch (number) {
    case CALL_READ:
    case CALL_PREAD:
    case CALL_READV:
    case CALL_PREADV:
    case CALL_PREADV2:
    case CALL_COPY_FILE_RANGE:
    case CALL_SPLICE:
        if (result > 0)
            was_read(registers->di, result);
        return 0;
    case CALL_SENDFILE:
        if (result > 0)
            was_read(registers->si, result);
        return 0;
    case CALL_OPENAT:
    case CALL_OPEN:
    case CALL_OPENAT2:
    case CALL_CREAT:
    case CALL_OPEN_BY_HANDLE:
        if (result >= 0)
            opened(result);
        return 0;
    case CALL_MMAP:
        mapped(result, registers->si, registers->dx, registers->r8);
        return 0;
    case CALL_CONNECT:
        connected(registers->si, registers->dx);
        return 0;
    case CALL_PTRACE: {
        u64 request = registers->di;
        if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
            tell_access(number, registers->si, result);
        return 0;
    }
    case CALL_VM_READV:
    case CALL_VM_WRITEV:
        tell_access(number, registers->di, result);
        return 0;
    case CALL_SETUID:
    case CALL_SETREUID:
    case CALL_SETRESUID:
    case CALL_PIVOT_ROOT:
    case CALL_MOUNT:
    case CALL_MOVE_MOUNT:
    case CALL_INIT_MODULE:
    case CALL_FINIT_MODULE:
    case CALL_SETNS:
    case CALL_MEMFD_CREATE:
    case CALL_BPF:
    case CALL_USERFAULTFD:
    case CALL_IO_URING_SETUP:
    case CALL_PIDFD_GETFD:
        tell_call(number, result);
        return 0;
    }
    return 0;
}
