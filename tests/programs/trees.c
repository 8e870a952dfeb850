/* Trees of processes for the tests of `run`: trees KIND. Each kind ends with a status that tells
   whether it saw what it would have seen without a tracer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bounded.h"

extern char **environ;
static char *self;

static int *volatile nowhere;
static void crash(void) { *nowhere = 1; abort(); }
static void stop_here(void) { for (;;) pause(); }
static int killed_by(int status, int number) { return WIFSIGNALED(status) && WTERMSIG(status) == number; }

static int wait_for(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) { }
    return status;
}

/* Runs one of the kinds in a process of its own. */
static pid_t start(const char *kind)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, kind, (char *)0);
        _exit(99);
    }
    return pid;
}

static int do_crash(void) { crash(); return 0; }
static int do_abort(void) { abort(); }
static int do_seven(void) { return 7; }

static int forked(void)
{
    pid_t pid = fork();
    if (pid == 0) crash();
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int all_is_well(void) { return WEXITSTATUS(wait_for(start("seven"))) == 7 ? 5 : 1; }
static int executed(void) { return killed_by(wait_for(start("abort")), SIGABRT) ? 5 : 1; }

static int vfork_executes(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl(self, self, "crash", (char *)0);
        _exit(99);
    }
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int vfork_crashes(void)
{
    pid_t pid = vfork();
    if (pid == 0) crash();
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int spawned(void)
{
    pid_t pid;
    char *words[] = {self, "crash", 0};
    take_child();
    if (posix_spawn(&pid, self, 0, 0, words, environ)) return 2;
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int by_system(void)
{
    char line[4096];
    snprintf(line, sizeof line, "%s crash 2>/dev/null; %s seven", self, self);
    take_child();
    return WEXITSTATUS(system(line)) == 7 ? 5 : 1;
}

static int by_popen(void)
{
    char line[4096];
    snprintf(line, sizeof line, "exec %s abort", self);
    take_child();
    FILE *stream = popen(line, "r");
    return killed_by(pclose(stream), SIGABRT) ? 5 : 1;
}

static int grandchild(void) { return WEXITSTATUS(wait_for(start("forked"))) == 5 ? 5 : 1; }

/* The crashing process has no parent left; the pipe's end tells that it is gone. */
static int orphan(void)
{
    int ends[2];
    char byte;
    if (pipe(ends)) return 2;
    pid_t pid = fork();
    if (pid == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            close(ends[0]);
            while (getppid() == parent) usleep(1000);
            crash();
        }
        _exit(0);
    }
    close(ends[1]);
    wait_for(pid);
    return read(ends[0], &byte, 1) == 0 ? 5 : 1;
}

static int daemon_crashes(void)
{
    int ends[2];
    char byte;
    if (pipe(ends)) return 2;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0) {
            close(ends[0]);
            if (chdir("/")) _exit(3);
            crash();
        }
        _exit(0);
    }
    close(ends[1]);
    wait_for(pid);
    return read(ends[0], &byte, 1) == 0 ? 5 : 1;
}

/* A shell's job control: it must see its child stop and go on, once each, and nothing else. */
static int job(void)
{
    int status, ends[2];
    char byte;
    if (pipe(ends)) return 7;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        raise(SIGSTOP);
        if (read(ends[0], &byte, 1) == 1) crash(); /* not before it is seen to go on */
        _exit(8);
    }
    if (waitpid(pid, &status, WUNTRACED | WCONTINUED) != pid || !WIFSTOPPED(status)) return 1;
    if (waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG) != 0) return 2;
    kill(pid, SIGCONT);
    if (waitpid(pid, &status, WUNTRACED | WCONTINUED) != pid || !WIFCONTINUED(status)) return 3;
    if (write(ends[1], "", 1) != 1) return 9;
    if (waitpid(pid, &status, WUNTRACED | WCONTINUED) != pid) return 4;
    return killed_by(status, SIGSEGV) ? 5 : 6;
}

/* No stop of a crashing child is to be seen while it is dumped. */
static int seen_by_parent(void)
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) abort();
    memset(&info, 0, sizeof info);
    if (waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT)) return 1;
    if (info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED) return 2;
    return info.si_status == SIGABRT && killed_by(wait_for(pid), SIGABRT) ? 5 : 3;
}

static void *crash_in_thread(void *unused) { crash(); return unused; }

static int thread_of_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t threads[8];
        for (int i = 0; i < 7; i++) pthread_create(&threads[i], 0, (void *(*)(void *))stop_here, 0);
        pthread_create(&threads[7], 0, crash_in_thread, 0);
        stop_here();
    }
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static void *fork_in_thread(void *result)
{
    pid_t pid = fork();
    if (pid == 0) crash();
    *(int *)result = wait_for(pid);
    return 0;
}

static int child_of_thread(void)
{
    int status = 0;
    pthread_t thread;
    pthread_create(&thread, 0, fork_in_thread, &status);
    pthread_join(thread, 0);
    return killed_by(status, SIGSEGV) ? 5 : 1;
}

static void *exec_in_thread(void *unused)
{
    execl(self, self, "crash", (char *)0);
    return unused;
}

static int thread_of_child_executes(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, exec_in_thread, 0);
        stop_here();
    }
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int eight_at_once(void)
{
    pid_t pids[8];
    int good = 0;
    for (int i = 0; i < 8; i++) pids[i] = start(i % 2 ? "abort" : "crash");
    for (int i = 0; i < 8; i++) good += killed_by(wait_for(pids[i]), i % 2 ? SIGABRT : SIGSEGV);
    return good == 8 ? 5 : 1;
}

static int chain_of(int left)
{
    if (left == 0) crash();
    pid_t pid = fork();
    if (pid == 0) _exit(chain_of(left - 1));
    int status = wait_for(pid);
    return left == 1 ? (killed_by(status, SIGSEGV) ? 5 : 1) : WEXITSTATUS(status);
}

static int ten_generations(void) { return chain_of(9); }

static int both(void)
{
    wait_for(start("crash"));
    abort();
}

static int both_abort(void)
{
    wait_for(start("abort"));
    abort();
}

/* Each of its processes starts others as long as it may; none ends when it is asked to. */
static int multiplies(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < MAX_CHILDREN / 2; i++)
        if (fork() == 0) {
            usleep(1000 * i);
            if (i % 3 == 0 && __atomic_load_n(children_left, __ATOMIC_SEQ_CST) > 10 && fork() == 0) stop_here();
            stop_here();
        } else usleep(20000);
    stop_here();
    return 0;
}

static void recover(int number) { (void)number; _exit(4); }

static int handled(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, recover);
        crash();
    }
    return WEXITSTATUS(wait_for(pid)) == 4 ? 5 : 1;
}

static int terminated(void)
{
    pid_t one = fork();
    if (one == 0) stop_here();
    pid_t other = fork();
    if (other == 0) stop_here();
    kill(one, SIGTERM);
    kill(other, SIGKILL);
    return killed_by(wait_for(one), SIGTERM) && killed_by(wait_for(other), SIGKILL) ? 5 : 1;
}

static int watchdog(void)
{
    pid_t pid = fork();
    if (pid == 0) stop_here();
    kill(pid, SIGABRT);
    return killed_by(wait_for(pid), SIGABRT) ? 5 : 1;
}

static int ends_ignored(void)
{
    signal(SIGCHLD, SIG_IGN);
    if (fork() == 0) crash();
    return waitpid(-1, 0, 0) < 0 && errno == ECHILD ? 5 : 1;
}

static volatile sig_atomic_t told;
static void count_end(int number) { (void)number; told++; }

static int told_once(void)
{
    sigset_t mask, old;
    struct sigaction action = {.sa_handler = count_end, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, &old);
    pid_t pid = fork();
    if (pid == 0) crash();
    sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, 0);
    int status = wait_for(pid);
    return told == 1 && killed_by(status, SIGSEGV) ? 5 : 1;
}

static int odd_signal(void)
{
    take_child();
    pid_t pid = check_child(syscall(SYS_clone, 0, 0, 0, 0, 0));
    if (pid == 0) crash();
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

/* As glibc's posix_spawn does from 2.34 on; sandboxes that do not know the call say ENOSYS. */
static int by_clone3(void)
{
    unsigned long long words[8] = {[4] = SIGCHLD}; /* struct clone_args: exit_signal */
    take_child();
    pid_t pid = syscall(435, words, sizeof words);
    if (pid < 0 && errno == ENOSYS) pid = fork();
    if (check_child(pid) == 0) crash();
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int crash_in_clone(void *unused) { (void)unused; crash(); return 0; }

static int shared_memory(void)
{
    static char stack[65536] __attribute__((aligned(64)));
    take_child();
    pid_t pid = clone(crash_in_clone, stack + sizeof stack, CLONE_VM | SIGCHLD, 0);
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int bare(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *words[] = {self, "crash", 0}, *none[] = {0};
        for (int number = 3; number < 1024; number++) close(number);
        execve(self, words, none);
        _exit(99);
    }
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int reaper(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) crash();
        _exit(6);
    }
    int status, good = 0;
    while ((pid = wait(&status)) > 0) good += killed_by(status, SIGSEGV) || WEXITSTATUS(status) == 6;
    return good == 2 ? 5 : 1;
}

static int dies_with_parent(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            stop_here();
        }
        crash();
    }
    return killed_by(wait_for(pid), SIGSEGV) ? 5 : 1;
}

static int crash_after_crash(void)
{
    int good = 0;
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) crash();
        good += killed_by(wait_for(pid), SIGSEGV);
    }
    return good == 5 ? 5 : 1;
}

static int time_limit(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGXCPU);
        _exit(3);
    }
    return killed_by(wait_for(pid), SIGXCPU) ? 5 : 1;
}

/* What lives on: it tells its number, and ends when the pipe that it reads does. */
static int outlived(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        setsid();
        close(1);
        close(2);
        if (read(0, &byte, 1) == 1 && byte == 'c') crash();
        _exit(0);
    }
    printf("%d\n", pid);
    fflush(stdout);
    return 5;
}

/* Fifty processes, ten of which crash. */
static int fifty(void)
{
    pid_t pids[49];
    int good = 0;
    for (int i = 0; i < 49; i++) pids[i] = i % 5 ? start("seven") : start(i % 2 ? "abort" : "crash");
    for (int i = 0; i < 49; i++) {
        int status = wait_for(pids[i]);
        good += i % 5 ? WEXITSTATUS(status) == 7 : killed_by(status, i % 2 ? SIGABRT : SIGSEGV);
    }
    return good == 49 ? 5 : 1;
}

static int hangs(void)
{
    start("waits");
    puts("ready");
    fflush(stdout);
    wait(0);
    return 6;
}

static int waits(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, (void *(*)(void *))stop_here, 0);
    stop_here();
    return 0;
}

static int stubborn(void)
{
    signal(SIGTERM, SIG_IGN);
    return hangs();
}

static const struct {
    const char *name;
    int (*run)(void);
} KINDS[] = {
    {"crash", do_crash}, {"abort", do_abort}, {"seven", do_seven}, {"forked", forked},
    {"all_is_well", all_is_well}, {"executed", executed}, {"vfork_executes", vfork_executes},
    {"vfork_crashes", vfork_crashes}, {"spawned", spawned}, {"by_system", by_system},
    {"by_popen", by_popen}, {"grandchild", grandchild}, {"orphan", orphan},
    {"daemon_crashes", daemon_crashes}, {"job", job}, {"seen_by_parent", seen_by_parent},
    {"thread_of_child", thread_of_child}, {"child_of_thread", child_of_thread},
    {"thread_of_child_executes", thread_of_child_executes}, {"eight_at_once", eight_at_once},
    {"ten_generations", ten_generations}, {"both", both}, {"both_abort", both_abort}, {"multiplies", multiplies}, {"handled", handled},
    {"terminated", terminated}, {"watchdog", watchdog},
    {"ends_ignored", ends_ignored}, {"told_once", told_once},
    {"by_clone3", by_clone3}, {"odd_signal", odd_signal}, {"shared_memory", shared_memory}, {"bare", bare},
    {"reaper", reaper}, {"dies_with_parent", dies_with_parent},
    {"crash_after_crash", crash_after_crash}, {"time_limit", time_limit}, {"outlived", outlived},
    {"fifty", fifty}, {"hangs", hangs}, {"waits", waits}, {"stubborn", stubborn},
};

int main(int count, char **words)
{
    self = "/proc/self/exe";
    if (count > 1) self = words[0];
    for (size_t i = 0; count > 1 && i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(KINDS[i].name, words[1])) return KINDS[i].run();
    return 98;
}
