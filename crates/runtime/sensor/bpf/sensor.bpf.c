// What Casemate loads into the kernel. `src/live` loads each program by itself, and says which ones this kernel takes.
#include "kernel.h"

#include "calls.h"
#include "guard.h"
#include "network.h"
#include "processes.h"

// Helpers that the kernel has for programs under this licence alone are used.
char LICENSE[] SEC("license") = "Dual MIT/GPL";
