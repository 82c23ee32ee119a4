// What the programs read of the kernel's own types: the fields alone, by name. The loader finds where they are in the kernel that
// runs (CO-RE), so that the order and the size here mean nothing.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;

#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
    u32 s_dev;
    unsigned long s_magic;
};

struct timespec64 {
    s64 tv_sec;
    long tv_nsec;
};

struct inode {
    u16 i_mode;
    unsigned int i_nlink;
    u32 i_rdev;
    unsigned long i_ino;
    struct super_block *i_sb;
    struct timespec64 i_ctime;
};

// The same, as later kernels have the time of the last change: from 6.6, and from 6.11.
struct inode___hidden {
    struct timespec64 __i_ctime;
};

struct inode___apart {
    s64 i_ctime_sec;
    u32 i_ctime_nsec;
};

struct qstr {
    u32 len;
    const unsigned char *name;
};

struct dentry {
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
};

struct vfsmount {
    struct dentry *mnt_root;
};

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
    unsigned int f_mode;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct mm_struct {
    struct file *exe_file;
    unsigned long arg_start, arg_end, env_start, env_end;
};

typedef struct {
    u32 val;
} kuid_t;

struct cred {
    kuid_t uid, euid;
};

struct ns_common {
    unsigned int inum;
};

struct mnt_namespace {
    struct ns_common ns;
};

struct nsproxy {
    struct mnt_namespace *mnt_ns;
};

typedef struct {
    int counter;
} atomic_t;

struct signal_struct {
    atomic_t live;
};

struct task_struct {
    unsigned int ptrace;
    int tgid;
    int exit_code;
    struct task_struct *real_parent;
    struct mm_struct *mm;
    struct files_struct *files;
    struct nsproxy *nsproxy;
    const struct cred *cred;
    struct signal_struct *signal;
};

struct linux_binprm {
    struct file *file;
};

struct vm_area_struct {
    struct file *vm_file;
};

struct sockaddr {
    u16 sa_family;
};

struct socket {
    short type;
};

struct msghdr {
    void *msg_name;
    int msg_namelen;
};

// The arguments of system calls as the processor has them: x86-64 only.
struct pt_regs {
    unsigned long orig_ax, di, si, dx, r10, r8;
};

#pragma clang attribute pop

// Network addresses are what programs of users see, and the same everywhere.
struct address_v4 {
    u16 family;
    __be16 port;
    __be32 address;
};

struct address_v6 {
    u16 family;
    __be16 port;
    u32 flow;
    __be32 address[4];
};

enum { SOCK_DGRAM = 2, SOCK_RAW = 3, IPPROTO_SCTP = 132 };
enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17 };
enum { S_IFMT = 0170000, S_IFCHR = 0020000, S_IFREG = 0100000 };
enum { PROT_EXEC = 4, FMODE_WRITE = 2, FMODE_EXEC = 32 };
enum { PTRACE_MODE_ATTACH = 2 };
enum { PROC_SUPER_MAGIC = 0x9fa0 };
enum { EPERM = 1, EBADF = 9, EINVAL = 22 };

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
