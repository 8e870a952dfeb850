// Ways to crash that make a stack hard to walk: `crash_kinds WAY`. Each way calls `fall` through
// functions that are not merged, so that a debugger and a stack walker must agree on the chain.
// Where there is no C++ library (musl-gcc), -DC_LIBRARY_ONLY leaves its ways out, and coroutines.
#include <dlfcn.h>
#ifndef C_LIBRARY_ONLY
#include <linux/filter.h>
#include <linux/seccomp.h>
#endif
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef C_LIBRARY_ONLY
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#endif

#define KEPT __attribute__((noinline, noclone))
#define HERE __asm__ volatile("" ::: "memory")  // keeps a call from becoming a jump

static volatile int zero;
static int *volatile nowhere;
static char *volatile text;

KEPT static int fall(int depth)
{
    *nowhere = depth;
    HERE;
    return depth;
}

KEPT static int step(int depth)
{
    int sum = fall(depth + 1) + 1;
    HERE;
    return sum;
}

// Exceptions that nobody catches.
#ifndef C_LIBRARY_ONLY
struct Guard {
    KEPT void complain() { throw std::runtime_error("in a destructor"); }
    ~Guard() noexcept { complain(); }
};
KEPT static void terminate() { Guard guard; HERE; }
KEPT static void uncaught() { throw 7; }
KEPT static void out_of_range() { std::string("ab").at(9 + zero); HERE; }
#endif

// Stacks: overflow on a thread, alternate signal stacks, coroutines, large and realigned frames.
KEPT static int dive(int depth, const char *outer)
{
    char room[256];
    memset(room, depth, sizeof room);
    int sum = dive(depth + 1, room) + room[depth % 256] + (outer ? outer[0] : 0);
    HERE;
    return sum;
}
static void *dive_on_thread(void *) { return reinterpret_cast<void *>(static_cast<long>(dive(0, nullptr))); }
KEPT static void thread_overflow()
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    pthread_create(&thread, &small, dive_on_thread, nullptr);
    pthread_join(thread, nullptr);
    HERE;
}
KEPT static void on_signal(int number) { step(number); HERE; }
KEPT static void alternate_stack()
{
    stack_t stack = {};
    struct sigaction action = {};
    stack.ss_sp = malloc(1 << 16);
    stack.ss_size = 1 << 16;
    sigaltstack(&stack, nullptr);
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
    HERE;
}
KEPT static int spin(int turns)
{
    volatile int left = turns;
    while (left) HERE;
    return left;
}
KEPT static void asynchronous_signal()
{
    struct sigaction action = {};
    struct itimerval soon = {{0, 0}, {0, 20000}};
    action.sa_handler = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGALRM, &action, nullptr);
    setitimer(ITIMER_REAL, &soon, nullptr);
    spin(1);
    HERE;
}
static void give_up(int) { abort(); }
KEPT static void abort_in_handler() { signal(SIGSEGV, give_up); step(2); HERE; }
#ifndef C_LIBRARY_ONLY
static ucontext_t outer_context, inner_context;
KEPT static void coroutine_body() { step(3); HERE; }
KEPT static void coroutine()
{
    getcontext(&inner_context);
    inner_context.uc_stack.ss_sp = malloc(1 << 16);
    inner_context.uc_stack.ss_size = 1 << 16;
    inner_context.uc_link = &outer_context;
    makecontext(&inner_context, coroutine_body, 0);
    swapcontext(&outer_context, &inner_context);
    HERE;
}
#endif
KEPT static int with_room(int size)
{
    char *room = static_cast<char *>(__builtin_alloca(static_cast<size_t>(size) * 64));
    memset(room, 1, static_cast<size_t>(size) * 64);
    int sum = step(room[size]) + room[0];
    HERE;
    return sum;
}
KEPT static void large_frame() { with_room(40 + zero); HERE; }
typedef int Vector __attribute__((vector_size(32)));
KEPT static int use_vector(Vector *vector) { int sum = step((*vector)[1]); HERE; return sum; }
KEPT static int with_vector(int size)
{
    Vector vector = {size, 1, 2, 3};
    char *room = static_cast<char *>(__builtin_alloca(static_cast<size_t>(size) * 16));
    room[0] = 1;
    HERE;
    int sum = use_vector(&vector) + room[0] + vector[2];
    HERE;
    return sum;
}
KEPT static void realigned_frame() { with_vector(6 + zero); HERE; }
KEPT static int recurse(int depth)
{
    int sum = depth ? recurse(depth - 1) + 1 : step(depth);
    HERE;
    return sum;
}
KEPT static void deep_recursion() { recurse(2500); HERE; }
static jmp_buf jump_back;
KEPT static void leap() { longjmp(jump_back, 1); }
KEPT static void after_longjmp()
{
    if (!setjmp(jump_back)) leap();
    step(1);
    HERE;
}

// Libraries that call back, and that are gone.
KEPT static int compare(const void *left, const void *right)
{
    int sum = step(*static_cast<const int *>(left) - *static_cast<const int *>(right));
    HERE;
    return sum;
}
KEPT static void callback_of_qsort()
{
    int numbers[] = {5, 3, 4, 1, 2};
    qsort(numbers, 5, sizeof *numbers, compare);
    HERE;
}
KEPT static void at_exit() { step(4); HERE; }
KEPT static void in_atexit() { atexit(at_exit); exit(0); }
#ifndef C_LIBRARY_ONLY
KEPT static void on_thread(int depth)
{
    std::vector<int> numbers(3);
    std::function<int(int)> call = [&](int value) { int sum = step(value + numbers[0]); HERE; return sum; };
    call(depth);
    HERE;
}
KEPT static void thread_and_lambda() { std::thread thread(on_thread, 5); thread.join(); HERE; }
#endif
KEPT static void clean_up(void *) { step(6); HERE; }
KEPT static void *wait_for_end(void *)
{
    pthread_cleanup_push(clean_up, nullptr);
    sleep(30);
    pthread_cleanup_pop(0);
    return nullptr;
}
KEPT static void cancelled_thread()
{
    pthread_t thread;
    pthread_create(&thread, nullptr, wait_for_end, nullptr);
    usleep(50000);
    pthread_cancel(thread);
    pthread_join(thread, nullptr);
    HERE;
}
KEPT static void in_child()
{
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    step(7);
    HERE;
}

// Code without unwind rules: generated, hand-written, or no code at all.
#ifdef __x86_64__
typedef int (*Trampoline)(int (*)(int), int);
KEPT static int called_back(int depth) { int sum = step(depth); HERE; return sum; }
KEPT static Trampoline generate(const unsigned char *code, size_t size)
{
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, size);
    return reinterpret_cast<Trampoline>(page);
}
KEPT static void generated_code()
{
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3};
    generate(code, sizeof code)(called_back, 1);
    HERE;
}
KEPT static void generated_code_without_frame()
{
    static const unsigned char code[] = {0x48, 0x83, 0xec, 0x28, 0x48, 0x89, 0xf8, 0x89, 0xf7, 0xff, 0xd0,
                                         0x48, 0x83, 0xc4, 0x28, 0xc3};
    generate(code, sizeof code)(called_back, 1);
    HERE;
}
KEPT static void crash_in_generated_code()
{
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x31, 0xc0, 0x89, 0x30, 0x5d, 0xc3};
    generate(code, sizeof code)(called_back, 1);
    HERE;
}
extern "C" int by_hand(int (*)(int), int);
__asm__(".text\n.type by_hand,@function\n"
        "by_hand: push %rbx\n sub $48, %rsp\n mov %rdi, %rax\n mov %esi, %edi\n call *%rax\n"
        " add $48, %rsp\n pop %rbx\n ret\n.size by_hand, . - by_hand\n");
KEPT static void assembly_without_rules() { by_hand(called_back, 1); HERE; }
#endif
KEPT static void call_of_data()
{
    auto call = reinterpret_cast<int (*)(int)>(0x123456789aULL);
    printf("%d", call(zero));
    HERE;
}
KEPT static void call_of_no_address()
{
    auto call = reinterpret_cast<int (*)(int)>(static_cast<unsigned long>(0xbad0000000000000ULL));
    printf("%d", call(zero));
    HERE;
}

// The C library's own code on top.
KEPT static void in_memcpy() { char room[64]; memcpy(text + 64, room, static_cast<size_t>(2000 + zero)); HERE; }
KEPT static void in_strlen() { printf("%zu", strlen(text + 3)); HERE; }
KEPT static void in_clock() { clock_gettime(CLOCK_MONOTONIC, reinterpret_cast<timespec *>(8L + zero)); HERE; }
KEPT static void double_free()
{
    char *volatile block = static_cast<char *>(malloc(40));
    free(block);
    HERE;
    free(block);
    HERE;
}
KEPT static void damaged_heap()
{
    char *volatile block = static_cast<char *>(malloc(24));
    for (int i = 0; i < 200; i++) block[i] = 'A';
    char *second = static_cast<char *>(malloc(5000));
    free(block);
    free(second);
    HERE;
}
KEPT static void in_time() { time_t (*ask)(time_t *) = time; ask(reinterpret_cast<time_t *>(16L + zero)); HERE; }
KEPT static void overwritten_stack()
{
    char room[8];
    volatile int size = 64;
    memset(room, 1, static_cast<size_t>(size));
    __asm__ volatile("" : : "r"(room) : "memory");
    step(room[0]);
}
#ifndef C_LIBRARY_ONLY
KEPT static void forbidden_call()
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, rules};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    getppid();
    HERE;
}
#endif
KEPT static void illegal() { __builtin_trap(); }
KEPT static void breakpoint() { raise(SIGTRAP); step(1); HERE; }
KEPT static void null_pointer() { step(1); HERE; }
KEPT static void library_that_is_gone()
{
    void *library = dlopen("./libgone.so", RTLD_NOW);
    auto call = reinterpret_cast<int (*)(int)>(dlsym(library, "gone"));
    call(0);
    dlclose(library);
    call(1);
    HERE;
}
KEPT static void library_whose_constructor_crashes() { dlopen("./libfaulty.so", RTLD_NOW); HERE; }

static const struct {
    const char *name;
    void (*run)();
} ways[] = {
#define WAY(name) {#name, name}
#ifndef C_LIBRARY_ONLY
    WAY(terminate), WAY(uncaught), WAY(out_of_range), WAY(coroutine), WAY(thread_and_lambda), WAY(forbidden_call),
#endif
    WAY(thread_overflow), WAY(alternate_stack), WAY(asynchronous_signal), WAY(abort_in_handler),
    WAY(large_frame), WAY(realigned_frame), WAY(deep_recursion), WAY(after_longjmp), WAY(callback_of_qsort),
    WAY(in_atexit), WAY(cancelled_thread), WAY(in_child),
#ifdef __x86_64__
    WAY(generated_code), WAY(generated_code_without_frame), WAY(crash_in_generated_code),
    WAY(assembly_without_rules),
#endif
    WAY(call_of_data), WAY(call_of_no_address), WAY(in_memcpy), WAY(in_strlen), WAY(in_clock),
    WAY(in_time), WAY(double_free), WAY(overwritten_stack), WAY(damaged_heap), WAY(illegal), WAY(breakpoint),
    WAY(null_pointer), WAY(library_that_is_gone), WAY(library_whose_constructor_crashes),
};

int main(int count, char **arguments)
{
    for (const auto &way : ways) {
        if (count == 1) puts(way.name);
        else if (!strcmp(arguments[1], way.name)) way.run();
    }
    HERE;
    return count == 1 ? 0 : 3;
}
