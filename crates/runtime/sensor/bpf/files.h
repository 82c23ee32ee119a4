// Files that are opened and read, as system calls leave them: this is what is seen where `guard.h` cannot be loaded.
#pragma once

#include "tables.h"

// What files are called that a detection asks for, by the last four letters: those of pickles and of credentials. The sensor
// looks at the whole name.
static __always_inline int is_of_interest(struct dentry *dentry) {
    u32 length = BPF_CORE_READ(dentry, d_name.len), last = 0;
    if (length < 3)
        return 0;
    if (length == 3) {
        // The memory of a process.
        bpf_probe_read_kernel(&last, 3, BPF_CORE_READ(dentry, d_name.name));
        return last == 0x6d656d && BPF_CORE_READ(dentry, d_inode, i_sb, s_magic) == PROC_SUPER_MAGIC;
    }
    bpf_probe_read_kernel(&last, sizeof(last), BPF_CORE_READ(dentry, d_name.name) + length - 4);
    switch (last) {
    case 0x6c6b702e: // .pkl
    case 0x6874702e: // .pth
    case 0x6e69622e: // .bin
    case 0x79706e2e: // .npy
    case 0x74706b63: // ckpt
    case 0x62696c62: // blib
    case 0x656c6b63: // ckle
    case 0x736c6169: // ials
    case 0x6e656b6f: // oken
        return 1;
    }
    return last >> 8 == 0x74702e; // .pt
}

static __always_inline struct file *file_of(int descriptor) {
    // Its type is known to the verifier, so that it is read without a helper, as far as types reach.
    struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
    struct file *file = 0;
    if (descriptor < 0 || descriptor >= table->max_fds)
        return 0;
    bpf_probe_read_kernel(&file, sizeof(file), table->fd + descriptor);
    return file;
}

static __always_inline void remember_reader(u32 pid, u64 blocks) {
    struct process *known = bpf_map_lookup_elem(&processes, &pid);
    if (known) {
        __sync_fetch_and_or(&known->reads, blocks);
        return;
    }
    struct process process = {.reads = blocks};
    if (bpf_map_update_elem(&processes, &pid, &process, BPF_ANY))
        count(FORGOTTEN);
}

static __always_inline struct changed changed_of(struct inode *inode) {
    struct inode___hidden *hidden = (void *)inode;
    struct inode___apart *apart = (void *)inode;
    struct changed it = {};
    if (bpf_core_field_exists(apart->i_ctime_sec)) {
        it.seconds = BPF_CORE_READ(apart, i_ctime_sec);
        // The highest bit says that somebody has asked.
        it.nanoseconds = BPF_CORE_READ(apart, i_ctime_nsec) & ~(1U << 31);
    } else if (bpf_core_field_exists(hidden->__i_ctime)) {
        it.seconds = BPF_CORE_READ(hidden, __i_ctime.tv_sec);
        it.nanoseconds = BPF_CORE_READ(hidden, __i_ctime.tv_nsec);
    } else {
        it.seconds = BPF_CORE_READ(inode, i_ctime.tv_sec);
        it.nanoseconds = BPF_CORE_READ(inode, i_ctime.tv_nsec);
    }
    return it;
}

// Whether what is in a file is signed: a flag.
static __noinline u32 signature_of(struct inode *inode) {
    struct identity it = identity_of(inode);
    struct changed *then = bpf_map_lookup_elem(&verified, &it);
    if (!then)
        return FLAG_UNSIGNED;
    struct changed now = changed_of(inode);
    return now.seconds == then->seconds && now.nanoseconds == then->nanoseconds ? FLAG_SIGNED : FLAG_CHANGED;
}

// The blocks that are against it that a process opens a file: who is not allowed, and what is not signed where that is asked.
static __always_inline u64 against_opening(u64 blocks, struct inode *inode, u32 *flags) {
    u64 allowing = allowing_this();
    u64 against = blocks & ~allowing, asking = blocks & allowing & policy_now().asks_signature;
    if (asking && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG) {
        u32 signature = signature_of(inode);
        *flags |= signature;
        if (signature != FLAG_SIGNED)
            against |= asking;
    }
    if (!against)
        *flags |= FLAG_ALLOWED;
    return against;
}

// Tells of a protected file that was opened, or was not.
static __noinline int tell_open(struct file *file, struct inode *inode, u64 blocks, u32 flags) {
    struct slot *slot = begin(KIND_OPEN);
    if (!slot)
        return 0;
    struct header *header = &slot->record.header;
    header->blocks = blocks;
    header->flags |= flags;
    u32 mode = BPF_CORE_READ(file, f_mode);
    header->flags |= (mode & FMODE_WRITE ? FLAG_WRITE : 0) | (mode & FMODE_EXEC ? FLAG_EXECUTED : 0);
    write_file(slot, file, inode);
    finish(slot);
    return 0;
}

// Devices whose class is told of; nothing else about them.
static __always_inline int tell_device(struct file *file, struct inode *inode) {
    if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFCHR)
        return 0;
    u32 device = BPF_CORE_READ(inode, i_rdev), major = device >> 20;
    if (!bpf_map_lookup_elem(&devices, &major))
        return 1;
    struct slot *slot = begin(KIND_DEVICE);
    if (!slot)
        return 1;
    slot->record.header.number = device;
    write_file(slot, file, inode);
    finish(slot);
    return 1;
}

static __always_inline void opened(long descriptor) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct file *file = file_of(descriptor);
    struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
    if (!inode || is_own() || tell_device(file, inode))
        return;
    struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
    u64 blocks = protecting(inode, dentry);
    if (blocks)
        remember_reader(pid, blocks);
    if (blocks && !policy_now().is_guarded) {
        u32 flags = 0;
        u64 against = against_opening(blocks, inode, &flags);
        tell_open(file, inode, against ? against : blocks, flags);
    } else if (!blocks && is_of_interest(dentry)) {
        tell_open(file, inode, 0, 0);
    }
}

// Counts what a process has read of protected files; tells when that is twice what was told before, from a megabyte on.
static __always_inline void was_read(int descriptor, u64 bytes) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct process *process = bpf_map_lookup_elem(&processes, &pid);
    if (!process || !process->reads)
        return;
    struct file *file = file_of(descriptor);
    struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
    u64 blocks = inode ? protecting(inode, BPF_CORE_READ(file, f_path.dentry)) : 0;
    if (!blocks)
        return;
    __sync_fetch_and_add(&process->bytes, bytes);
    u64 told = process->told, now = process->bytes;
    if (now < (1 << 20) || now < 2 * told)
        return;
    process->told = now;
    struct slot *slot = begin(KIND_READ);
    if (!slot)
        return;
    slot->record.header.blocks = blocks;
    slot->record.header.value = now;
    write_file(slot, file, inode);
    finish(slot);
}

// What is mapped to be executed into programs that are protected.
static __noinline int tell_map(struct file *file, struct inode *inode, u64 blocks, u32 flags) {
    struct slot *slot = begin(KIND_MAP);
    if (!slot)
        return 0;
    slot->record.header.blocks = blocks;
    slot->record.header.flags |= flags;
    write_file(slot, file, inode);
    finish(slot);
    return 0;
}

// The blocks whose programs may not map a file to execute it.
static __always_inline u64 unlisted(u64 allowing, struct file *file, struct inode *inode) {
    // The program itself is what is allowed.
    if (executable_of((void *)bpf_get_current_task()) == inode)
        return 0;
    return allowing & ~sought(&libraries, inode, BPF_CORE_READ(file, f_path.dentry));
}

static __always_inline void mapped(long address, u64 length, u64 protection, int descriptor) {
    if (address < 0 && address > -4096)
        return;
    was_read(descriptor, length);
    if (!(protection & PROT_EXEC) || policy_now().is_guarded)
        return;
    u64 allowing = allowing_this();
    struct file *file = allowing ? file_of(descriptor) : 0;
    struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
    if (!inode)
        return;
    u64 blocks = unlisted(allowing, file, inode);
    tell_map(file, inode, blocks ? blocks : allowing, blocks ? 0 : FLAG_ALLOWED);
}
