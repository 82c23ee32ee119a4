// What the kernel says of one thing that happened: a header of 144 bytes, then texts. `src/record.rs` reads it; change both together.
#pragma once

enum kind {
    KIND_EXEC = 1,
    KIND_FORK,
    KIND_EXIT,
    KIND_OPEN,
    KIND_READ,
    KIND_CHANGE,
    KIND_MAP,
    KIND_CONNECT,
    KIND_DEVICE,
    KIND_ACCESS,
    KIND_CALL,
};

enum flag {
    FLAG_WRITE = 1 << 0,   // opened to be written
    FLAG_ALLOWED = 1 << 1, // the executable is one of the block, or what is asked for is listed
    FLAG_DENIED = 1 << 2,
    FLAG_MEMORY = 1 << 3,    // the executable has no name in a directory
    FLAG_EXECUTED = 1 << 4,  // opened to be executed
    FLAG_CUT = 1 << 5,       // the path is longer than there is room for
    FLAG_SETUID = 1 << 6,    // the effective user is another than the one who runs it
    FLAG_DATAGRAM = 1 << 7,
    FLAG_SIGNED = 1 << 8,   // what is in the file is signed, as its block asks
    FLAG_UNSIGNED = 1 << 9, // it is not
    FLAG_CHANGED = 1 << 10, // it was, before the file was changed
    FLAG_CUT_TEXT = 1 << 11, // arguments or an environment are longer than there is room for
};

struct header {
    u64 time; // nanoseconds since the machine was started, sleep included
    u64 cgroup;
    u64 inode, exe_inode;
    u64 blocks;   // those that it is about, a bit each
    u64 workload; // those of whose allowed programs this process, or an ancestor, is one
    u64 value;    // bytes that were read; the result of a call
    u32 device, exe_device;
    u32 kind, flags;
    u32 pid, thread, parent, user;
    u32 number; // the process that is made or accessed; the device; the status of an exit; the `change`
    u32 call;   // the system call
    u32 mount_namespace;
    u16 port, family;
    u8 address[16]; // IPv4 as ::ffff:a.b.c.d
    u16 path_length, arguments_length, environment_length, reserved;
    char name[16]; // of the thread
};

// A path is its names from the last to the first, each with a zero behind it.
enum { MAX_PATH = 2048, MAX_NAME = 256, MAX_DEPTH = 40, MAX_WALK = 128, MAX_TEXT = 2048, MAX_RECORD = 8192 };

struct record {
    struct header header;
    u8 text[MAX_RECORD - sizeof(struct header)];
};
