// What is looked up: the policy as the sensor wrote it, what is known of processes, and where events go.
#pragma once

#include "kernel.h"
#include "record.h"

// A file or folder, whatever path leads to it.
struct identity {
    u64 inode;
    u32 device, zero;
};

struct process {
    u64 workload; // see `header`
    u64 runs;     // the blocks that allow what it executed, or what it was forked from did
    u64 bytes;    // read of protected files, by now
    u64 told;     // of which an event has told
    u64 reads;    // the blocks whose files it has opened
};

// An address that programs may call. What the longest prefix has is what all shorter ones have as well.
struct peer {
    u32 prefix; // bits that matter: 32 for the port, and those of the address
    __be16 port; // 0 stands for any
    u16 zero;
    u8 address[16]; // IPv4 as ::ffff:a.b.c.d
};

// When a file was last changed: its contents, or what is said of it.
struct changed {
    s64 seconds;
    u64 nanoseconds;
};

// What holds of blocks, a bit each; and of the sensor.
struct policy {
    u64 enforces;
    u64 has_egress;
    u64 asks_signature;
    u64 is_guarded; // the programs of `guard.h` are asked, so that others need not look at opens
    u64 own;        // the process of the sensor, which may open everything; 0: none
};

// FORGOTTEN: processes for which there was no room in the table.
enum counter { SEEN, SENT, DROPPED, DENIED, FORGOTTEN, COUNTERS };

enum { MAX_CPU_SLOTS = 4 };

struct slot {
    u32 is_taken;
    u32 length; // of the texts
    struct record record;
};

#define HASH(name_, key_, value_, size_)                                                                                                   \
    struct {                                                                                                                               \
        __uint(type, BPF_MAP_TYPE_HASH);                                                                                                   \
        __uint(max_entries, size_);                                                                                                        \
        __type(key, key_);                                                                                                                 \
        __type(value, value_);                                                                                                             \
    } name_ SEC(".maps")

// Blocks are a bit each.
HASH(protected, struct identity, u64, 1 << 18); // files and folders → the blocks that protect them
HASH(filesystems, u32, u32, 256);               // devices on which something is protected or listed
HASH(verified, struct identity, struct changed, 1 << 18); // files whose contents are signed, as they were then
HASH(programs, struct identity, u64, 4096);     // → the blocks that allow it
HASH(libraries, struct identity, u64, 1 << 14); // files and folders → the blocks whose programs may map them
HASH(processes, u32, struct process, 1 << 16);  // by process, where there is something to remember
HASH(devices, u32, u32, 64);                    // majors of devices that are told of

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct policy);
} policy SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 4096);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct peer);
    __type(value, u64); // the blocks that say so
} egress SEC(".maps");

// Written by the sensor once a second: when it was last alive, in nanoseconds since the machine was started.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
} heartbeat SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, COUNTERS);
    __type(key, u32);
    __type(value, u64);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MAX_CPU_SLOTS);
    __type(key, u32);
    __type(value, struct slot);
} slots SEC(".maps");

// Bytes of events for which the sensor is woken. Set before the programs are loaded.
const volatile u32 batch = 128 << 10;

static __always_inline void count(u32 which) {
    u64 *counter = bpf_map_lookup_elem(&counters, &which);
    // A program may be interrupted by another on this processor.
    if (counter)
        __sync_fetch_and_add(counter, 1);
}

static __always_inline struct policy policy_now(void) {
    u32 key = 0;
    struct policy none = {}, *it = bpf_map_lookup_elem(&policy, &key);
    return it ? *it : none;
}

// The sensor, while it lives: its number is given to others once it is gone.
static __always_inline int is_own(void) {
    if (bpf_get_current_pid_tgid() >> 32 != policy_now().own)
        return 0;
    u32 key = 0;
    u64 *beat = bpf_map_lookup_elem(&heartbeat, &key);
    return beat && bpf_ktime_get_boot_ns() < *beat + 10000000000ULL;
}

static __always_inline struct identity identity_of(struct inode *inode) {
    struct identity it = {
        .inode = BPF_CORE_READ(inode, i_ino),
        .device = BPF_CORE_READ(inode, i_sb, s_dev),
    };
    return it;
}

static __always_inline struct inode *executable_of(struct task_struct *task) {
    return BPF_CORE_READ(task, mm, exe_file, f_inode);
}

// The blocks that allow what a process executed. Not what it says that it runs: that can be changed (PR_SET_MM_EXE_FILE).
static __always_inline u64 allowing_process(u32 pid) {
    struct process *process = bpf_map_lookup_elem(&processes, &pid);
    return process ? process->runs : 0;
}

static __always_inline u64 allowing_this(void) {
    return allowing_process(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline u64 allowing_program(struct inode *inode) {
    struct identity it = identity_of(inode);
    u64 *mask = bpf_map_lookup_elem(&programs, &it);
    return mask ? *mask : 0;
}

// What a table has of a file, or else of the nearest folder that it is in.
static __noinline u64 sought(void *table, struct inode *inode, struct dentry *dentry) {
    struct identity it = identity_of(inode);
    u64 *found = bpf_map_lookup_elem(table, &it);
    if (found)
        return *found;
    if (!bpf_map_lookup_elem(&filesystems, &it.device))
        return 0;
    for (int depth = 0; depth < MAX_WALK; depth++) {
        struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
        if (!parent || parent == dentry)
            break;
        dentry = parent;
        it.inode = BPF_CORE_READ(dentry, d_inode, i_ino);
        found = bpf_map_lookup_elem(table, &it);
        if (found)
            return *found;
    }
    return 0;
}

// The blocks that protect a file, itself or a folder that it is in.
static __always_inline u64 protecting(struct inode *inode, struct dentry *dentry) {
    return sought(&protected, inode, dentry);
}

// Begins an event of the process that runs. Nothing where there is no room to write it, which is counted.
static __noinline struct slot *begin(u32 kind) {
    struct slot *slot = 0;
    count(SEEN);
    for (u32 at = 0; at < MAX_CPU_SLOTS; at++) {
        u32 key = at;
        slot = bpf_map_lookup_elem(&slots, &key);
        if (slot && !__sync_lock_test_and_set(&slot->is_taken, 1))
            break;
        slot = 0;
    }
    if (!slot) {
        count(DROPPED);
        return 0;
    }
    struct header *header = &slot->record.header;
    struct task_struct *task = (void *)bpf_get_current_task();
    u64 who = bpf_get_current_pid_tgid();
    slot->length = 0;
    __builtin_memset(header, 0, sizeof(*header));
    header->time = bpf_ktime_get_boot_ns();
    header->cgroup = bpf_get_current_cgroup_id();
    header->kind = kind;
    header->pid = who >> 32;
    header->thread = who;
    header->parent = BPF_CORE_READ(task, real_parent, tgid);
    header->user = bpf_get_current_uid_gid();
    header->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
    bpf_get_current_comm(header->name, sizeof(header->name));
    struct inode *executable = executable_of(task);
    if (executable) {
        struct identity it = identity_of(executable);
        header->exe_inode = it.inode;
        header->exe_device = it.device;
    }
    struct process *process = bpf_map_lookup_elem(&processes, &header->pid);
    if (process)
        header->workload = process->workload;
    return slot;
}

static __noinline void finish(struct slot *slot) {
    u64 length = sizeof(struct header) + slot->length;
    // Whoever reads is not woken for each event.
    u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
    u64 wake = waiting + length >= batch ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
    if (length > MAX_RECORD || bpf_ringbuf_output(&events, &slot->record, length, wake))
        count(DROPPED);
    else
        count(SENT);
    __sync_lock_test_and_set(&slot->is_taken, 0);
}

// Writes the names that lead to a file, from the last to the first, through what is mounted on what. Before any other text.
static __noinline void write_path(struct slot *slot, struct vfsmount *vfsmount, struct dentry *dentry) {
    u32 at = 0;
    struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
        struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
        if (vfsmount && dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
            struct mount *above = BPF_CORE_READ(mount, mnt_parent);
            if (above == mount || !above)
                goto done;
            dentry = BPF_CORE_READ(mount, mnt_mountpoint);
            mount = above;
            continue;
        }
        if (parent == dentry || !parent)
            goto done;
        if (at > MAX_PATH - 1)
            break;
        long length = bpf_probe_read_kernel_str(&slot->record.text[at & (MAX_PATH - 1)], MAX_NAME, BPF_CORE_READ(dentry, d_name.name));
        if (length < 0)
            break;
        at += length & (MAX_NAME * 2 - 1);
        dentry = parent;
    }
    slot->record.header.flags |= FLAG_CUT;
done:
    slot->record.header.path_length = at;
    slot->length = at;
}

// Writes what stands in the memory of the process, behind the texts that are written; gives how much.
static __noinline u32 write_memory(struct slot *slot, u64 begin, u64 end) {
    u64 length = end - begin;
    if (end <= begin)
        return 0;
    if (length > MAX_TEXT - 1) {
        length = MAX_TEXT - 1;
        slot->record.header.flags |= FLAG_CUT_TEXT;
    }
    u32 at = slot->length;
    if (at > MAX_PATH + MAX_NAME + MAX_TEXT)
        return 0;
    length &= MAX_TEXT - 1;
    if (bpf_probe_read_user(&slot->record.text[at], length, (void *)begin))
        return 0;
    slot->length = at + length;
    return length;
}

static __always_inline void write_file(struct slot *slot, struct file *file, struct inode *inode) {
    struct identity it = identity_of(inode);
    slot->record.header.inode = it.inode;
    slot->record.header.device = it.device;
    write_path(slot, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
}
