/* One program, many ways to end: crash KIND. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bounded.h"

extern char **environ;
static char *self;
static sigjmp_buf back;
static volatile int zero;
static volatile int *volatile nowhere;

static void null_write(void) { *nowhere = 1; }
static void do_abort(void) { abort(); }
static void do_assert(void) { assert(zero == 1); }
static void fpe(void) { zero = 1000 / zero; }
static void ill(void) { __builtin_trap(); }
static void trap(void) { __asm__ volatile("int3"); }
static void call_null(void) { ((void (*)(void))(uintptr_t)zero)(); }
static void wild_jump(void) { ((void (*)(void))0x12345670)(); }
static void wild_write(void) { *(volatile char *)(UINTPTR_MAX / 2 + 4096) = 1; }
static void do_raise(void) { raise(SIGSEGV); }
static void quit(void) { kill(getpid(), SIGQUIT); }
static void sigsys(void) { kill(getpid(), SIGSYS); }
static void term(void) { kill(getpid(), SIGTERM); }
static void killed(void) { kill(getpid(), SIGKILL); }
static void seven(void) { exit(7); }

static void lost_stack(void)
{
#ifdef __x86_64__
    __asm__ volatile("mov $64, %rsp\n\tpush %rax");
#else
    __asm__ volatile("mov $64, %esp\n\tpush %eax");
#endif
}

static int overflow_at(int depth)
{
    volatile char block[4096];
    block[0] = (char)depth;
    return depth == -1 ? 0 : overflow_at(depth + 1) + block[0];
}

static void overflow(void) { zero = overflow_at(0); }

static void bus(void)
{
    char name[] = "/tmp/crash-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    if (ftruncate(file, 8192)) exit(99);
    char *data = mmap(0, 8192, PROT_READ, MAP_SHARED, file, 0);
    if (ftruncate(file, 0)) exit(99);
    zero = data[4096];
}

static void file_limit(void)
{
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (ftruncate(fileno(tmpfile()), 1)) exit(99);
}

static void recover(int number) { (void)number; siglongjmp(back, 1); }

static void own_handler_recovers(void)
{
    signal(SIGSEGV, recover);
    for (int i = 0; i < 100; i++)
        if (!sigsetjmp(back, 1)) null_write();
    exit(3);
}

static void rethrow(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void own_handler_rethrows(void)
{
    signal(SIGSEGV, rethrow);
    null_write();
}

static void own_handler_crashes(void)
{
    signal(SIGSEGV, (void (*)(int))null_write);
    null_write();
}

static void overflow_with_handler(void)
{
    signal(SIGSEGV, rethrow); /* no alternate stack: the kernel cannot call it */
    overflow();
}

/* Deep in calls; the handler runs on another stack. */
static void climb(int left)
{
    if (left == 0) null_write();
    climb(left - 1);
    zero = 0; /* no tail call */
}

static void abort_in_handler(int number) { (void)number; abort(); }

static void alternate_stack(void)
{
    stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
    struct sigaction action = {.sa_handler = abort_in_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&other, 0);
    sigaction(SIGSEGV, &action, 0);
    climb(200);
}

static void ignored_signal(void)
{
    signal(SIGSEGV, SIG_IGN);
    kill(getpid(), SIGSEGV);
    exit(4);
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    null_write();
}

static void blocked_fault(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    null_write();
}

static void *idle(void *unused) { pause(); return unused; }
static void *spin(void *unused) { for (;;) zero = 0; return unused; }
static void *do_crash(void *unused) { null_write(); return unused; }

static void start(void *(*function)(void *), int count)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &small, function, 0)) exit(99);
    }
}

static void threads(void)
{
    start(idle, 200);
    start(spin, 2);
    start(do_crash, 1);
    pause();
}

static void crowd(void)
{
    start(idle, 10);
    start(do_crash, 20); /* all at once */
    pause();
}

static void *nothing(void *unused) { return unused; }

static void *come_and_go(void *unused)
{
    for (;;) {
        pthread_t thread;
        if (!pthread_create(&thread, 0, nothing, 0)) pthread_join(thread, 0);
    }
    return unused;
}

static void churn(void)
{
    start(come_and_go, 4);
    usleep(20000);
    null_write();
}

static void wait_for_all(void)
{
    for (int i = 0; i < 3; i++)
        if (!fork()) _exit(0);
    int seen = 0;
    while (wait(0) > 0) seen++;
    exit(errno == ECHILD && seen == 3 ? 5 : 99);
}

static void spawn_many(void)
{
    for (int i = 0; i < 50; i++) {
        char *arguments[] = {self, "seven", 0};
        pid_t child;
        int status;
        take_child();
        if (posix_spawn(&child, self, 0, 0, arguments, environ)) exit(99);
        if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) exit(99);
        if (!(child = vfork())) _exit(8);
        if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 8) exit(99);
        /* a process cloned with no exit signal at all */
        take_child();
        if (!(child = check_child(syscall(SYS_clone, 0, 0, 0, 0, 0)))) _exit(9);
        if (waitpid(child, &status, __WALL) != child || WEXITSTATUS(status) != 9) exit(99);
    }
    null_write();
}

static void child_crashes(void)
{
    int status;
    pid_t child = fork();
    if (!child) null_write();
    waitpid(child, &status, 0);
    exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 6 : 99);
}

static void closes_all(void)
{
    for (int i = 0; i < 1024; i++) close(i);
    null_write();
}

static void new_session(void)
{
    setsid();
    null_write();
}

static void daemonizes(void)
{
    take_child();
    if (daemon(0, 0)) exit(99);
    alarm(MAX_SECONDS);
    usleep(50000);
    exit(0);
}

static void executes(void)
{
    char *arguments[] = {self, "null", 0};
    execve(self, arguments, (char *[]){0});
}

static void *execute_in_thread(void *unused) { executes(); return unused; }

static void thread_executes(void)
{
    start(idle, 3);
    start(execute_in_thread, 1);
    pause();
}

static void *later(void *unused) { usleep(20000); null_write(); return unused; }

static void undumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    null_write();
}

static void changes_user(void)
{
    if (setgid(65534) || setuid(65534)) exit(99);
    null_write();
}

static void main_thread_gone(void)
{
    start(later, 1);
    pthread_exit(0);
}

static void count_environment(void)
{
    int count = 0;
    while (environ[count]) count++;
    for (int i = 3; i < 1024; i++)
        if (fcntl(i, F_GETFD) != -1) count += 100;
    sigset_t mask;
    sigprocmask(SIG_BLOCK, 0, &mask);
    for (int i = 1; i < 32; i++)
        if (sigismember(&mask, i) || signal(i, SIG_DFL) == SIG_IGN) count += 50;
    printf("%d\n", count);
    exit(0);
}

static void echo(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) fputs(line, stdout);
    fputs("bye\n", stderr);
    exit(0);
}

static void count_signal(int number)
{
    (void)number;
    zero++;
}

/* Says "ready", counts each SIGTERM and SIGINT for a while, exits with their number. */
static void counts_signals(void)
{
    signal(SIGTERM, count_signal);
    signal(SIGINT, count_signal);
    puts("ready");
    fflush(stdout);
    while (!zero) pause();
    for (int i = 0; i < 10; i++) usleep(50000);
    exit(10 + zero);
}

static void waits(void)
{
    puts("ready");
    fflush(stdout);
    for (;;) pause();
}

static struct { const char *name; void (*function)(void); } kinds[] = {
    {"null", null_write}, {"abort", do_abort}, {"assert", do_assert}, {"fpe", fpe}, {"ill", ill},
    {"trap", trap}, {"call_null", call_null}, {"wild_jump", wild_jump}, {"wild_write", wild_write},
    {"raise", do_raise}, {"quit", quit}, {"sys", sigsys}, {"term", term}, {"killed", killed},
    {"seven", seven}, {"lost_stack", lost_stack}, {"overflow", overflow}, {"bus", bus},
    {"file_limit", file_limit}, {"own_handler_recovers", own_handler_recovers},
    {"own_handler_rethrows", own_handler_rethrows}, {"own_handler_crashes", own_handler_crashes},
    {"overflow_with_handler", overflow_with_handler}, {"alternate_stack", alternate_stack}, {"ignored_signal", ignored_signal},
    {"ignored_fault", ignored_fault}, {"blocked_fault", blocked_fault}, {"threads", threads},
    {"crowd", crowd}, {"churn", churn}, {"wait_for_all", wait_for_all}, {"spawn_many", spawn_many},
    {"child_crashes", child_crashes}, {"closes_all", closes_all}, {"new_session", new_session},
    {"daemonizes", daemonizes}, {"executes", executes}, {"changes_user", changes_user}, {"undumpable", undumpable}, {"thread_executes", thread_executes},
    {"main_thread_gone", main_thread_gone}, {"count_environment", count_environment},
    {"echo", echo}, {"counts_signals", counts_signals}, {"waits", waits},
};

int main(int count, char **arguments)
{
    self = arguments[0];
    for (size_t i = 0; count > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(arguments[1], kinds[i].name)) kinds[i].function();
    return 98;
}
