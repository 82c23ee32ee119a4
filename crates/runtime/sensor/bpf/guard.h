// What is denied, where the kernel lets programs of this kind say no (BPF LSM): by what is opened, not by the name it is opened under.
#pragma once

#include "files.h"
#include "network.h"

// The answer to what blocks are against.
static __always_inline int refusal_of(u64 blocks) {
    if (!(blocks & policy_now().enforces))
        return 0;
    count(DENIED);
    return -EPERM;
}

static __noinline int was_opened(struct file *file) {
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    u64 blocks = protecting(inode, BPF_CORE_READ(file, f_path.dentry));
    if (!blocks || is_own())
        return 0;
    u32 flags = 0;
    u64 against = against_opening(blocks, inode, &flags);
    // Marked, it stays protected under names that lie elsewhere.
    struct identity it = identity_of(inode);
    bpf_map_update_elem(&protected, &it, &blocks, BPF_NOEXIST);
    int refusal = refusal_of(against);
    tell_open(file, inode, against ? against : blocks, flags | (refusal ? FLAG_DENIED : 0));
    return refusal;
}

SEC("lsm/file_open")
int BPF_PROG(guard_open, struct file *file, int before) {
    return before ? before : was_opened(file);
}

// A descriptor that another process hands over is an open that was not asked about.
SEC("lsm/file_receive")
int BPF_PROG(guard_receive, struct file *file, int before) {
    return before ? before : was_opened(file);
}

// What a process holds already, but may not have: marked files alone, and told where it is refused.
static __noinline int was_held(struct file *file) {
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    struct identity it = identity_of(inode);
    u64 *blocks = bpf_map_lookup_elem(&protected, &it);
    if (!blocks || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG || is_own())
        return 0;
    u64 against = *blocks & ~allowed_by((void *)bpf_get_current_task());
    if (!against || !refusal_of(against))
        return 0;
    tell_open(file, inode, against, FLAG_DENIED);
    return -EPERM;
}

// A file that was open before another program was executed, or before the sensor began, is asked about at each read.
SEC("lsm/file_permission")
int BPF_PROG(guard_read, struct file *file, int mask, int before) {
    return before ? before : was_held(file);
}

SEC("lsm/mmap_file")
int BPF_PROG(guard_map, struct file *file, unsigned long requested, unsigned long protection, unsigned long flags, int before) {
    if (before || !file)
        return before;
    int held = was_held(file);
    struct task_struct *task = (void *)bpf_get_current_task();
    u64 allowing = protection & PROT_EXEC ? allowed_by(task) : 0;
    if (held || !allowing)
        return held;
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    u64 against = unlisted(task, allowing, file, inode);
    int refusal = refusal_of(against);
    tell_map(file, inode, against ? against : allowing, (against ? 0 : FLAG_ALLOWED) | (refusal ? FLAG_DENIED : 0));
    return refusal;
}

// What lies among protected files is data. And a program that is allowed is not executed under somebody's hand.
SEC("lsm/bprm_check_security")
int BPF_PROG(guard_execute, struct linux_binprm *bprm, int before) {
    if (before)
        return before;
    struct task_struct *task = (void *)bpf_get_current_task();
    struct file *file = BPF_CORE_READ(bprm, file);
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    struct identity it = identity_of(inode);
    u64 *allowing = bpf_map_lookup_elem(&programs, &it), against;
    if (allowing)
        against = BPF_CORE_READ(task, ptrace) ? *allowing : 0;
    else
        against = protecting(inode, BPF_CORE_READ(file, f_path.dentry));
    if (!against)
        return 0;
    int refusal = refusal_of(against);
    tell_open(file, inode, against, FLAG_EXECUTED | (refusal ? FLAG_DENIED : 0));
    return refusal;
}

enum change { CHANGE_CREATE = 1, CHANGE_LINK, CHANGE_RENAME, CHANGE_REMOVE, CHANGE_ATTRIBUTES };

// Names in protected folders, and those of protected files, are changed by allowed programs alone.
static __noinline int was_changed(struct inode *inode, struct dentry *dentry, u32 change) {
    u64 blocks = inode ? protecting(inode, dentry) : 0;
    if (!blocks || is_own())
        return 0;
    u64 against = blocks & ~allowed_by((void *)bpf_get_current_task());
    int refusal = refusal_of(against);
    struct slot *slot = begin(KIND_CHANGE);
    if (!slot)
        return refusal;
    struct header *header = &slot->record.header;
    struct identity it = identity_of(inode);
    header->blocks = against ? against : blocks;
    header->inode = it.inode;
    header->device = it.device;
    header->number = change;
    header->flags |= (against ? 0 : FLAG_ALLOWED) | (refusal ? FLAG_DENIED : 0);
    write_path(slot, 0, dentry);
    finish(slot);
    return refusal;
}

static __always_inline int was_made(struct dentry *dentry) {
    struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
    struct inode *folder = BPF_CORE_READ(parent, d_inode);
    return was_changed(folder, dentry, CHANGE_CREATE);
}

SEC("lsm/inode_create")
int BPF_PROG(guard_create, struct inode *folder, struct dentry *dentry, u16 mode, int before) {
    return before ? before : was_made(dentry);
}

SEC("lsm/inode_mknod")
int BPF_PROG(guard_mknod, struct inode *folder, struct dentry *dentry, u16 mode, u32 device, int before) {
    return before ? before : was_made(dentry);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(guard_mkdir, struct inode *folder, struct dentry *dentry, u16 mode, int before) {
    return before ? before : was_made(dentry);
}

SEC("lsm/inode_symlink")
int BPF_PROG(guard_symlink, struct inode *folder, struct dentry *dentry, const char *name, int before) {
    return before ? before : was_made(dentry);
}

SEC("lsm/inode_link")
int BPF_PROG(guard_link, struct dentry *from, struct inode *folder, struct dentry *to, int before) {
    int refusal = before ? before : was_changed(BPF_CORE_READ(from, d_inode), from, CHANGE_LINK);
    return refusal ? refusal : was_made(to);
}

SEC("lsm/inode_rename")
int BPF_PROG(guard_rename, struct inode *folder, struct dentry *from, struct inode *to_folder, struct dentry *to, int before) {
    int refusal = before ? before : was_changed(BPF_CORE_READ(from, d_inode), from, CHANGE_RENAME);
    return refusal ? refusal : was_made(to);
}

SEC("lsm/inode_unlink")
int BPF_PROG(guard_unlink, struct inode *folder, struct dentry *dentry, int before) {
    return before ? before : was_changed(BPF_CORE_READ(dentry, d_inode), dentry, CHANGE_REMOVE);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(guard_rmdir, struct inode *folder, struct dentry *dentry, int before) {
    return before ? before : was_changed(BPF_CORE_READ(dentry, d_inode), dentry, CHANGE_REMOVE);
}

static __always_inline int was_accessed(u32 pid, u64 against) {
    int refusal = refusal_of(against);
    struct slot *slot = begin(KIND_ACCESS);
    if (slot) {
        slot->record.header.number = pid;
        slot->record.header.blocks = against;
        slot->record.header.flags |= refusal ? FLAG_DENIED : 0;
        finish(slot);
    }
    return refusal;
}

// Only to attach: who lists processes reads, and may.
SEC("lsm/ptrace_access_check")
int BPF_PROG(guard_access, struct task_struct *child, unsigned int mode, int before) {
    if (before || !(mode & PTRACE_MODE_ATTACH))
        return before;
    u64 against = allowed_by(child);
    u32 pid = BPF_CORE_READ(child, tgid);
    return against && bpf_get_current_pid_tgid() >> 32 != pid ? was_accessed(pid, against) : 0;
}

// Who asks to be traced, and is a program that is allowed.
SEC("lsm/ptrace_traceme")
int BPF_PROG(guard_traceme, struct task_struct *parent, int before) {
    u64 against = allowed_by((void *)bpf_get_current_task());
    return before || !against ? before : was_accessed(bpf_get_current_pid_tgid() >> 32, against);
}

// Addresses as they are called, from the kernel's copy of them. Here and not in `network.h` the refusal outlives the sensor.
static __noinline int was_called(struct sockaddr *address, int length, u32 flags) {
    u16 family = BPF_CORE_READ(address, sa_family);
    int may = 1;
    if (family == AF_INET && length >= (int)sizeof(struct address_v4)) {
        struct address_v4 it = {};
        bpf_probe_read_kernel(&it, sizeof(it), address);
        u32 words[4] = {0, 0, bpf_htonl(0xffff), it.address};
        may = called_peer((const u8 *)words, it.port, family, flags);
    } else if (family == AF_INET6 && length >= (int)sizeof(struct address_v6)) {
        struct address_v6 it = {};
        bpf_probe_read_kernel(&it, sizeof(it), address);
        may = called_peer((const u8 *)it.address, it.port, family, flags);
    }
    return may ? 0 : -EPERM;
}

SEC("lsm/socket_connect")
int BPF_PROG(guard_connect, struct socket *socket, struct sockaddr *address, int length, int before) {
    return before ? before : was_called(address, length, BPF_CORE_READ(socket, type) == SOCK_DGRAM ? FLAG_DATAGRAM : 0);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(guard_send, struct socket *socket, struct msghdr *message, int size, int before) {
    struct sockaddr *address = BPF_CORE_READ(message, msg_name);
    if (before || !address)
        return before;
    return was_called(address, BPF_CORE_READ(message, msg_namelen), FLAG_DATAGRAM);
}
