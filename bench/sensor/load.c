// What is measured: opens files, or starts programs, so many times. Prints the processor time that it took itself.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
    if (count < 4)
        return 2;
    long times = atol(words[2]);
    struct timeval begin, end;
    gettimeofday(&begin, 0);
    for (long at = 0; at < times; at++) {
        if (!strcmp(words[1], "open")) {
            int file = open(words[3], O_RDONLY);
            if (file < 0)
                return 1;
            close(file);
        } else {
            pid_t child = vfork();
            if (!child) {
                execl(words[3], words[3], (char *)0);
                _exit(127);
            }
            waitpid(child, 0, 0);
        }
    }
    gettimeofday(&end, 0);
    printf("%.6f %.6f\n", seconds(RUSAGE_SELF) + seconds(RUSAGE_CHILDREN),
           end.tv_sec - begin.tv_sec + (end.tv_usec - begin.tv_usec) / 1e6);
    return 0;
}
