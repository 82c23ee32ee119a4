"""Runs one command and writes what it cost, as JSON, to a file descriptor.

    python3 -I -S once.py DESCRIPTOR LIMIT_SECONDS MEMORY_BYTES COMMAND…     (0: no limit)

A process of its own, and a small one: what Linux gives as the peak of a child is at least the peak of the process it was
forked from, so a launcher that has made large files would lend its own size to every command. This one takes 10 MiB.
"""
import os
import resource
import signal
import sys
import time

said, limit, memory = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
command = sys.argv[4:]
if memory:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
begin = time.monotonic()
child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0, file_actions=[(os.POSIX_SPAWN_CLOSE, said)])
late = []


def stop(*_):
    late.append(True)
    os.killpg(child, signal.SIGKILL)


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, limit)
_, status, usage = os.wait4(child, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
end = '"timeout"' if late else os.waitstatus_to_exitcode(status)
os.write(said, (
    f'{{"exit": {end}, "cpu_s": {usage.ru_utime + usage.ru_stime:.4f}, "wall_s": {time.monotonic() - begin:.4f}, '
    f'"peak_mib": {usage.ru_maxrss / 1024:.1f}}}').encode())
