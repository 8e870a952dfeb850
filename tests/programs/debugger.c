/* Programs that trace their own children, for the tests of `run`: debugger KIND. */
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bounded.h"

static void stop_here(void) { for (;;) pause(); }
static int killed_by(int status, int number) { return WIFSIGNALED(status) && WTERMSIG(status) == number; }

static int wait_for(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

/* A debugger: its child's crash is its own to see, and it takes the signal away. */
static int debugger(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(50);
        raise(SIGSEGV);
        _exit(8);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSEGV) return 1;
    ptrace(PTRACE_CONT, pid, 0, 0);
    return WEXITSTATUS(wait_for(pid)) == 8 ? 5 : 2;
}

static int attaching(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) stop_here();
    if (ptrace(PTRACE_ATTACH, pid, 0, 0)) return 1;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 2;
    ptrace(PTRACE_DETACH, pid, 0, 0);
    kill(pid, SIGTERM);
    return killed_by(wait_for(pid), SIGTERM) ? 5 : 3;
}

int main(int count, char **words)
{
    return count > 1 && !strcmp(words[1], "attaching") ? attaching() : debugger();
}
