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
    // Whoever may write an allowed program may open what it may.
    if (BPF_CORE_READ(file, f_mode) & FMODE_WRITE && !is_own()) {
        u64 written = allowing_program(inode);
        int refusal = refusal_of(written);
        if (written)
            tell_open(file, inode, written, refusal ? FLAG_DENIED : 0);
        if (refusal)
            return refusal;
    }
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
    u64 against = *blocks & ~allowing_this();
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

static __noinline int was_mapped(struct file *file) {
    u64 allowing = allowing_this();
    if (!allowing)
        return 0;
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    u64 against = unlisted(allowing, file, inode);
    int refusal = refusal_of(against);
    tell_map(file, inode, against ? against : allowing, (against ? 0 : FLAG_ALLOWED) | (refusal ? FLAG_DENIED : 0));
    return refusal;
}

SEC("lsm/mmap_file")
int BPF_PROG(guard_map, struct file *file, unsigned long requested, unsigned long protection, unsigned long flags, int before) {
    if (before || !file)
        return before;
    int held = was_held(file);
    return held || !(protection & PROT_EXEC) ? held : was_mapped(file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(guard_protect, struct vm_area_struct *area, unsigned long requested, unsigned long protection, int before) {
    struct file *file = BPF_CORE_READ(area, vm_file);
    return before || !file || !(protection & PROT_EXEC) ? before : was_mapped(file);
}

// What lies among protected files is data. And a program that is allowed is not executed under somebody's hand.
SEC("lsm/bprm_check_security")
int BPF_PROG(guard_execute, struct linux_binprm *bprm, int before) {
    if (before)
        return before;
    struct task_struct *task = (void *)bpf_get_current_task();
    struct file *file = BPF_CORE_READ(bprm, file);
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    u64 allowing = allowing_program(inode), against;
    if (allowing)
        against = BPF_CORE_READ(task, ptrace) ? allowing : 0;
    else
        against = protecting(inode, BPF_CORE_READ(file, f_path.dentry));
    if (!against)
        return 0;
    int refusal = refusal_of(against);
    tell_open(file, inode, against, FLAG_EXECUTED | (refusal ? FLAG_DENIED : 0));
    return refusal;
}

enum change { CHANGE_CREATE = 1, CHANGE_LINK, CHANGE_RENAME, CHANGE_REMOVE, CHANGE_CONTENT };

// Names in protected folders, and those of protected files, are changed by allowed programs alone.
static __noinline int was_changed(struct inode *inode, struct dentry *dentry, u32 change) {
    u64 blocks = inode ? protecting(inode, dentry) : 0;
    if (!blocks || is_own())
        return 0;
    u64 against = blocks & ~allowing_this();
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
    // A number is given to another file once nobody calls this one by a name.
    if (!refusal && change == CHANGE_REMOVE && BPF_CORE_READ(inode, i_nlink) == 1)
        bpf_map_delete_elem(&protected, &it);
    return refusal;
}

static __always_inline int was_made(struct dentry *dentry) {
    struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
    struct inode *folder = BPF_CORE_READ(parent, d_inode);
    return was_changed(folder, dentry, CHANGE_CREATE);
}

// What gets a name in a protected folder is marked, whatever other names it has.
static __always_inline int was_brought(struct dentry *from, struct dentry *to) {
    int refusal = was_made(to);
    struct inode *inode = BPF_CORE_READ(from, d_inode);
    struct dentry *parent = BPF_CORE_READ(to, d_parent);
    u64 blocks = protecting(BPF_CORE_READ(parent, d_inode), parent);
    if (!refusal && blocks && inode) {
        struct identity it = identity_of(inode);
        bpf_map_update_elem(&protected, &it, &blocks, BPF_NOEXIST);
    }
    return refusal;
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
    return refusal ? refusal : was_brought(from, to);
}

SEC("lsm/inode_rename")
int BPF_PROG(guard_rename, struct inode *folder, struct dentry *from, struct inode *to_folder, struct dentry *to, int before) {
    int refusal = before ? before : was_changed(BPF_CORE_READ(from, d_inode), from, CHANGE_RENAME);
    // What it takes the place of is removed.
    if (!refusal)
        refusal = was_changed(BPF_CORE_READ(to, d_inode), to, CHANGE_REMOVE);
    return refusal ? refusal : was_brought(from, to);
}

SEC("lsm/inode_unlink")
int BPF_PROG(guard_unlink, struct inode *folder, struct dentry *dentry, int before) {
    return before ? before : was_changed(BPF_CORE_READ(dentry, d_inode), dentry, CHANGE_REMOVE);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(guard_rmdir, struct inode *folder, struct dentry *dentry, int before) {
    return before ? before : was_changed(BPF_CORE_READ(dentry, d_inode), dentry, CHANGE_REMOVE);
}

SEC("lsm/path_truncate")
int BPF_PROG(guard_truncate, struct path *path, int before) {
    struct dentry *dentry = BPF_CORE_READ(path, dentry);
    struct inode *inode = BPF_CORE_READ(dentry, d_inode);
    int refusal = before ? before : was_changed(inode, dentry, CHANGE_CONTENT);
    return refusal || !inode || is_own() ? refusal : refusal_of(allowing_program(inode));
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
    u32 pid = BPF_CORE_READ(child, tgid);
    struct policy rules = policy_now();
    // Whoever steers the sensor may open everything.
    u64 against = pid == rules.own ? rules.enforces : allowing_process(pid);
    return against && bpf_get_current_pid_tgid() >> 32 != pid ? was_accessed(pid, against) : 0;
}

// Who asks to be traced, and is a program that is allowed.
SEC("lsm/ptrace_traceme")
int BPF_PROG(guard_traceme, struct task_struct *parent, int before) {
    u64 against = allowing_this();
    return before || !against ? before : was_accessed(bpf_get_current_pid_tgid() >> 32, against);
}

// Addresses as they are called, from the kernel's copy of them. Here and not in `network.h` the refusal outlives the sensor.
static __noinline int was_called(struct sockaddr *address, int length, u32 flags) {
    u16 family = BPF_CORE_READ(address, sa_family);
    int may = 1;
    // Who sends need not say that an address is one of version 4.
    if ((family == AF_INET || (family == AF_UNSPEC && flags & FLAG_DATAGRAM)) && length >= (int)sizeof(struct address_v4)) {
        struct address_v4 it = {};
        bpf_probe_read_kernel(&it, sizeof(it), address);
        u32 words[4] = {0, 0, bpf_htonl(0xffff), it.address};
        may = called_peer((const u8 *)words, it.port, AF_INET, flags);
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

// What passes by everything above: frames and packets that a program makes itself, and associations that have many addresses.
SEC("lsm/socket_create")
int BPF_PROG(guard_socket, int family, int type, int protocol, int of_kernel, int before) {
    int is_raw = family == AF_PACKET || (type & 0xf) == SOCK_RAW || protocol == IPPROTO_SCTP;
    if (before || of_kernel || !is_raw)
        return before;
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct process *process = bpf_map_lookup_elem(&processes, &pid);
    return process ? refusal_of(process->workload & policy_now().has_egress) : 0;
}
