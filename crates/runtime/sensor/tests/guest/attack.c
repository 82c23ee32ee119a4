// Says that it is another program, and opens a file: attack PROGRAM FILE. What it is executed from is unmapped first, since the kernel asks for
// that, and so it goes on in memory of its own. Prints what came of both.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct plan {
    unsigned long begin, length;
    int program;
    char file[128], said[32];
};

static inline long ask(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return result;
}

__attribute__((section("moved"), noinline)) void go_on(struct plan *plan) {
    ask(SYS_munmap, plan->begin, plan->length, 0, 0, 0);
    long said = ask(SYS_prctl, PR_SET_MM, PR_SET_MM_EXE_FILE, plan->program, 0, 0);
    long opened = ask(SYS_open, (long)plan->file, O_RDONLY, 0, 0, 0);
    char *to = plan->said;
    *to++ = said < 0 ? 'n' : 'y';
    *to++ = opened == -1 ? 'd' : opened < 0 ? 'e' : 'o';
    *to++ = '\n';
    ask(SYS_write, 1, (long)plan->said, 3, 0, 0);
    ask(SYS_exit_group, 0, 0, 0, 0, 0);
}

extern char __start_moved[], __stop_moved[], __executable_start[], _end[];

int main(int count, char **words) {
    if (count < 3)
        return 2;
    struct plan *plan = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, __start_moved, __stop_moved - __start_moved);
    plan->begin = (unsigned long)__executable_start & ~4095UL;
    plan->length = (((unsigned long)_end + 4095) & ~4095UL) - plan->begin;
    plan->program = open(words[1], O_RDONLY);
    strncpy(plan->file, words[2], sizeof(plan->file) - 1);
    ((void (*)(struct plan *))(code + ((char *)go_on - __start_moved)))(plan);
    return 9;
}
