// Processes: what they run, and whose programs they come from.
#pragma once

#include "tables.h"

// What has no name in any folder: memfd_create, or a file that was removed.
static __always_inline int is_in_memory(struct inode *inode) {
    return BPF_CORE_READ(inode, i_nlink) == 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task, int old_pid, struct linux_binprm *bprm) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct inode *inode = executable_of(task);
    u64 mask = inode ? allowing_program(inode) : 0;
    struct process *known = bpf_map_lookup_elem(&processes, &pid);
    if (known) {
        __sync_fetch_and_or(&known->workload, mask);
        known->runs = mask;
    } else if (mask) {
        struct process process = {.workload = mask, .runs = mask};
        if (bpf_map_update_elem(&processes, &pid, &process, BPF_ANY))
            count(FORGOTTEN);
    }
    struct slot *slot = begin(KIND_EXEC);
    if (!slot)
        return 0;
    struct header *header = &slot->record.header;
    struct file *file = BPF_CORE_READ(task, mm, exe_file);
    write_file(slot, file, inode);
    if (is_in_memory(inode))
        header->flags |= FLAG_MEMORY;
    if (BPF_CORE_READ(task, cred, uid.val) != BPF_CORE_READ(task, cred, euid.val))
        header->flags |= FLAG_SETUID;
    header->arguments_length = write_memory(slot, BPF_CORE_READ(task, mm, arg_start), BPF_CORE_READ(task, mm, arg_end));
    if (mask) {
        header->flags |= FLAG_ALLOWED;
        header->environment_length = write_memory(slot, BPF_CORE_READ(task, mm, env_start), BPF_CORE_READ(task, mm, env_end));
    }
    finish(slot);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(forked, struct task_struct *parent, struct task_struct *child) {
    u32 from = BPF_CORE_READ(parent, tgid), pid = BPF_CORE_READ(child, tgid);
    struct process *known = bpf_map_lookup_elem(&processes, &from);
    if (from == pid)
        return 0;
    if (known && known->workload) {
        struct process process = {.workload = known->workload, .runs = known->runs};
        if (bpf_map_update_elem(&processes, &pid, &process, BPF_ANY))
            count(FORGOTTEN);
    }
    struct slot *slot = begin(KIND_FORK);
    if (!slot)
        return 0;
    slot->record.header.number = pid;
    finish(slot);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task) {
    // A process ends with the last of its threads, which need not be the first.
    if (BPF_CORE_READ(task, signal, live.counter) != 0)
        return 0;
    u32 pid = BPF_CORE_READ(task, tgid), key = 0;
    // Its number is given to others, who may not open everything.
    struct policy *rules = bpf_map_lookup_elem(&policy, &key);
    if (rules && rules->own == pid)
        rules->own = 0;
    struct process *known = bpf_map_lookup_elem(&processes, &pid);
    struct slot *slot = begin(KIND_EXIT);
    if (slot) {
        struct header *header = &slot->record.header;
        header->number = BPF_CORE_READ(task, exit_code);
        if (known) {
            header->value = known->bytes;
            header->blocks = known->reads;
        }
        finish(slot);
    }
    if (known)
        bpf_map_delete_elem(&processes, &pid);
    return 0;
}
