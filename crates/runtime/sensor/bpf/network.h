// Whom processes call.
#pragma once

#include "tables.h"

// Where clouds give out credentials: 169.254.169.254, 169.254.170.2 and 169.254.170.23 (tasks and pods of AWS), 100.100.100.200
// (Alibaba), fd00:ec2::254, fd00:ec2::23 (AWS) and fd20:ce::254 (Google). What is never a peer by chance.
static __always_inline int is_metadata(const u8 *address) {
    const u32 *words = (const u32 *)address;
    if (words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff))
        return words[3] == bpf_htonl(0xa9fea9fe) || words[3] == bpf_htonl(0xa9feaa02) || words[3] == bpf_htonl(0xa9feaa17) || words[3] == bpf_htonl(0x646464c8);
    if (words[1] != 0 || words[2] != 0)
        return 0;
    return (words[0] == bpf_htonl(0xfd000ec2) && (words[3] == bpf_htonl(0x254) || words[3] == bpf_htonl(0x23))) ||
           (words[0] == bpf_htonl(0xfd2000ce) && words[3] == bpf_htonl(0x254));
}

static __always_inline int is_loopback(const u8 *address) {
    const u32 *words = (const u32 *)address;
    if (words[0] == 0 && words[1] == 0)
        return (words[2] == bpf_htonl(0xffff) && address[12] == 127) || (words[2] == 0 && words[3] == bpf_htonl(1));
    return 0;
}

// The blocks that say of an address that their programs may call it.
static __always_inline u64 declaring(const u8 *address, __be16 port) {
    struct peer peer = {.prefix = 32 + 128, .port = port};
    __builtin_memcpy(peer.address, address, sizeof(peer.address));
    u64 *of_port = bpf_map_lookup_elem(&egress, &peer);
    peer.port = 0;
    u64 *of_any = bpf_map_lookup_elem(&egress, &peer);
    return (of_port ? *of_port : 0) | (of_any ? *of_any : 0);
}

// Where a block does not say whom its programs call, they call anybody; but the service of a cloud that gives out credentials
// only where it says so.
static __always_inline int called_peer(const u8 *address, __be16 port, u16 family, u32 flags) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct process *process = bpf_map_lookup_elem(&processes, &pid);
    u64 workload = process ? process->workload : 0, asked = 0, undeclared = 0;
    int of_cloud = is_metadata(address);
    struct policy policy = policy_now();
    if (workload && !is_loopback(address))
        asked = workload & (of_cloud ? ~0ULL : policy.has_egress);
    if (asked)
        undeclared = asked & ~declaring(address, port);
    u64 refusing = undeclared & policy.enforces;
    if (refusing)
        count(DENIED);
    // Datagrams are too many to tell of each, but for those that matter.
    if (flags & FLAG_DATAGRAM && !undeclared && !of_cloud)
        return 1;
    struct slot *slot = begin(KIND_CONNECT);
    if (slot) {
        struct header *header = &slot->record.header;
        header->blocks = undeclared;
        header->flags |= flags | (asked && !undeclared ? FLAG_ALLOWED : 0) | (refusing ? FLAG_DENIED : 0);
        header->port = bpf_ntohs(port);
        header->family = family;
        __builtin_memcpy(header->address, address, sizeof(header->address));
        finish(slot);
    }
    return !refusing;
}

static __always_inline int called_v4(struct bpf_sock_addr *context, u32 flags) {
    u32 words[4] = {0, 0, bpf_htonl(0xffff), context->user_ip4};
    return called_peer((const u8 *)words, context->user_port, AF_INET, flags);
}

static __always_inline int called_v6(struct bpf_sock_addr *context, u32 flags) {
    u32 words[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]};
    return called_peer((const u8 *)words, context->user_port, AF_INET6, flags);
}

SEC("cgroup/connect4")
int connect_v4(struct bpf_sock_addr *context) {
    return called_v4(context, context->type == SOCK_DGRAM ? FLAG_DATAGRAM : 0);
}

SEC("cgroup/connect6")
int connect_v6(struct bpf_sock_addr *context) {
    return called_v6(context, context->type == SOCK_DGRAM ? FLAG_DATAGRAM : 0);
}

SEC("cgroup/sendmsg4")
int send_v4(struct bpf_sock_addr *context) {
    return called_v4(context, FLAG_DATAGRAM);
}

SEC("cgroup/sendmsg6")
int send_v6(struct bpf_sock_addr *context) {
    return called_v6(context, FLAG_DATAGRAM);
}
