/* No program of the tests can take its machine down, whatever a tracer does to it: MAX_CHILDREN for
   it and all that it forks together, an end after MAX_SECONDS for each, and no fork that fails goes
   unnoticed, since kill(-1, SIGKILL) would reach everybody.

   fork() and vfork() are counted where they are called; other ways to a new process (clone,
   posix_spawn, system) call take_child() before. The budget is shared by what is forked, and anew
   in what is executed. */
#ifndef BOUNDED_H
#define BOUNDED_H
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_CHILDREN 200
#define MAX_SECONDS 300
#define OVER_BUDGET 97 /* the exit status */
#define NOT_FORKED 96

static int *children_left;

static inline void take_child(void)
{
    if (!children_left || __atomic_sub_fetch(children_left, 1, __ATOMIC_SEQ_CST) < 0) _exit(OVER_BUDGET);
}

static inline pid_t check_child(pid_t pid)
{
    if (pid < 0) _exit(NOT_FORKED);
    if (pid == 0) alarm(MAX_SECONDS); /* a child has none of its parent's */
    return pid;
}

__attribute__((constructor)) static void set_bounds(void)
{
    void *page = mmap(0, sizeof *children_left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(NOT_FORKED);
    children_left = page;
    *children_left = MAX_CHILDREN;
    alarm(MAX_SECONDS);
}

#define fork() (take_child(), check_child(fork()))
#define vfork() (take_child(), check_child(vfork()))
#endif
