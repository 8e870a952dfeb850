// More ways to crash, in the shapes that C++20 programs have: `crash_shapes WAY`. Chains of lambdas and
// std::function, tail calls, calls that never return, frames of every size, coroutines, contexts, signals in
// signals, exceptions that meet noexcept, objects that are gone, ends of threads and of the program.
#include <alloca.h>
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <coroutine>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#define KEPT __attribute__((noinline, noclone))
#define HERE __asm__ volatile("" ::: "memory")  // keeps a call from becoming a jump

static volatile int zero;
static int *volatile nowhere;

namespace shapes {

KEPT static int fall(int depth)
{
    *nowhere = depth;
    HERE;
    return depth;
}
KEPT static int step(int depth) { int sum = fall(depth + 1) + 1; HERE; return sum; }

// Lambdas and function objects.
template <typename Inner> static auto twice(Inner inner)
{
    return [inner](auto value) { return inner(value) + inner(value + 1); };
}
KEPT static void lambda_chain()
{
    auto call = twice(twice(twice([](int value) { return step(value) + 2; })));
    zero = call(zero);
    HERE;
}
KEPT static void function_chain()
{
    std::function<int(int)> inner = [](int value) { int sum = step(value); HERE; return sum; };
    std::function<int(int)> middle = [inner](int value) { int sum = inner(value) + 1; HERE; return sum; };
    std::function<int(const std::string &)> outer = [middle](const std::string &text) {
        int sum = middle(static_cast<int>(text.size())) + 1;
        HERE;
        return sum;
    };
    zero = outer("some text that does not fit");
    HERE;
}
struct Worker {
    int base = 3;
    KEPT int work(int a, double b, const std::string &c) { int sum = step(base + a + int(b) + int(c.size())); HERE; return sum; }
};
KEPT static void bound_member()
{
    Worker worker;
    auto call = std::bind(&Worker::work, &worker, std::placeholders::_1, 2.5, std::string("abc"));
    std::function<int(int)> function = call;
    zero = function(zero);
    HERE;
}
template <int N> struct Nested {
    static int run(int value) { return Nested<N - 1>::run(value + N) + 1; }
};
template <> struct Nested<0> {
    static int run(int value) { return step(value); }
};
KEPT static void nested_templates() { zero = Nested<20>::run(zero); HERE; }
KEPT static void visitor()
{
    std::variant<int, std::string, double> value = std::string("abc");
    zero = std::visit([](const auto &held) { int sum = step(int(sizeof held)); HERE; return sum; }, value);
    HERE;
}
KEPT static void comparer()
{
    std::vector<std::string> names{"d", "b", "a", "c", "e"};
    std::sort(names.begin(), names.end(), [](const std::string &a, const std::string &b) {
        zero = step(int(a.size()));
        HERE;
        return a < b;
    });
    HERE;
}

// Calls that leave no frame, and calls that never return.
KEPT static int last(int depth) { int sum = step(depth); HERE; return sum; }
KEPT static int second(int depth) { return last(depth * 2); }
KEPT static int first(int depth) { return second(depth + 3); }
KEPT static void tail_calls() { zero = first(zero); HERE; }
[[noreturn]] KEPT static void leave_for_good(int depth) { step(depth); abort(); }
KEPT static int ends_in_call(int depth)
{
    if (depth > 100) return depth;
    leave_for_good(depth);
}
KEPT static void never_returns() { zero = ends_in_call(zero); HERE; }
[[noreturn]] __attribute__((cold)) KEPT static void complain(const char *text)
{
    step(int(strlen(text)));
    throw std::runtime_error(text);
}
KEPT static int checked(const std::vector<int> &numbers, size_t index)
{
    if (index >= numbers.size()) complain("too far");
    int sum = 0;
    for (size_t i = 0; i < index; i++) sum += numbers[i];
    return sum;
}
KEPT static void cold_part() { zero = checked({1, 2, 3}, 5 + static_cast<size_t>(zero)); HERE; }
KEPT static void failed_assertion()
{
    int number = zero;
    if (number != 1) __assert_fail("number == 1", "crash_shapes.cpp", 1, "failed_assertion");
}
typedef int (*Call)(int);
static Call volatile no_call;
KEPT static int jump_on(int value) { Call call = no_call; return call(value); }
KEPT static void jump_to_null() { zero = jump_on(1); HERE; }
KEPT static void call_of_null() { zero = no_call(1) + 1; HERE; }
KEPT static void call_of_heap()
{
    void *volatile block = malloc(64);
    zero = reinterpret_cast<Call>(block)(1) + 1;
    HERE;
}
KEPT static void call_of_stack()
{
    char room[64];
    memset(room, 0x90, sizeof room);
    void *volatile place = room;
    zero = reinterpret_cast<Call>(place)(1) + 1;
    HERE;
}
static int global_data[16];
KEPT static void call_of_own_data()
{
    void *volatile place = global_data;
    zero = reinterpret_cast<Call>(place)(1) + 1;
    HERE;
}

// Frames of every size.
KEPT static int use(char *room, size_t size)
{
    memset(room, 1, size);
    int sum = step(room[size / 2]);
    HERE;
    return sum;
}
KEPT static int with_array(int size)
{
    char room[static_cast<size_t>(size)];
    int sum = use(room, static_cast<size_t>(size)) + room[1];
    HERE;
    return sum;
}
KEPT static void variable_array() { zero = with_array(777 + zero); HERE; }
KEPT static void alloca_in_loop()
{
    char *rooms[8];
    for (int i = 0; i < 8; i++) {
        rooms[i] = static_cast<char *>(alloca(static_cast<size_t>(16 * i + 8 + zero)));
        rooms[i][0] = char(i);
    }
    HERE;
    zero = use(rooms[7], 100) + rooms[3][0];
    HERE;
}
KEPT static void big_frame()
{
    char room[50000];
    HERE;
    zero = use(room, sizeof room) + room[3];
    HERE;
}
struct Large { int values[300]; };
KEPT static int by_value(int a, Large large, int b) { int sum = step(a + large.values[17] + b); HERE; return sum; }
KEPT static void large_argument()
{
    Large large = {};
    large.values[17] = 4;
    zero = by_value(1, large, 2) + by_value(2, large, 3);
    HERE;
}
KEPT static int with_many(int a, long b, int c, double d, int e, char f, int g, long long h, int i, int j, int k, int l)
{
    int sum = step(a + int(b) + c + int(d) + e + f + g + int(h) + i + j + k + l);
    HERE;
    return sum;
}
KEPT static void many_arguments()
{
    zero = with_many(1, 2, 3, 4, 5, 6, zero, zero + 1, zero + 2, 10, 11, 12)
        + with_many(zero, 2, 3, 4.5, 5, 6, 7, 8, 9, with_many(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 11, 12);
    HERE;
}
KEPT static int add_up(int count, ...)
{
    va_list list;
    va_start(list, count);
    int sum = 0;
    for (int i = 0; i < count; i++) sum += va_arg(list, int);
    sum += step(sum);
    va_end(list);
    HERE;
    return sum;
}
KEPT static void variadic() { zero = add_up(9, 1, 2, 3, 4, 5, 6, 7, 8, 9) + 1; HERE; }
KEPT static int ping(int depth, const char *outer);
KEPT static int pong(int depth, const char *outer)
{
    char room[100];
    memset(room, depth, sizeof room);
    int sum = ping(depth + 1, room) + room[depth % 100] + (outer ? outer[0] : 0);
    HERE;
    return sum;
}
KEPT static int ping(int depth, const char *outer)
{
    char room[300];
    memset(room, depth, sizeof room);
    int sum = pong(depth + 1, room) + room[depth % 300] + (outer ? outer[0] : 0);
    HERE;
    return sum;
}
KEPT static void mutual_recursion()
{
    std::thread thread([] { zero = ping(0, nullptr); HERE; });
    thread.join();
}
KEPT static void deep_regex()
{
    std::thread thread([] {
        std::string text(2000000, 'a');
        std::regex pattern("(a|b)*c");
        zero = std::regex_match(text, pattern);
        HERE;
    });
    thread.join();
}
KEPT static void own_thread_stack()
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    void *room = mmap(nullptr, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_setstack(&attributes, room, 1 << 17);
    pthread_create(&thread, &attributes, [](void *) -> void * { zero = step(2); HERE; return nullptr; }, nullptr);
    pthread_join(thread, nullptr);
}

// Coroutines and contexts.
struct Task {
    struct promise_type {
        std::coroutine_handle<> outer;
        Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct Final {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> handle) noexcept
            {
                auto outer = handle.promise().outer;
                return outer ? outer : std::noop_coroutine();
            }
            void await_resume() noexcept {}
        };
        Final final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> outer)
    {
        handle.promise().outer = outer;
        return handle;
    }
    void await_resume() {}
};
static Task inner_task(int depth) { zero = step(depth); HERE; co_return; }
static Task middle_task(int depth) { std::string text("kept over the suspension"); co_await inner_task(depth + int(text.size())); }
static Task outer_task() { co_await middle_task(4); HERE; }
static Task second_half() { co_await std::suspend_always{}; zero = step(9); HERE; }
static Task throwing_task() { throw std::logic_error("in a coroutine"); co_return; }
KEPT static void nested_coroutines() { outer_task().handle.resume(); HERE; }
KEPT static void resumed_coroutine()
{
    Task task = second_half();
    task.handle.resume();
    std::thread thread([task] { task.handle.resume(); HERE; });
    thread.join();
}
KEPT static void throwing_coroutine() { throwing_task().handle.resume(); HERE; }
KEPT static void destroyed_coroutine()
{
    Task task = second_half();
    task.handle.resume();
    void *frame = task.handle.address();
    task.handle.destroy();
    memset(frame, 0x41, 48);
    HERE;
    task.handle.resume();
    HERE;
}
static ucontext_t main_context, one_context, two_context;
KEPT static void two_body(int a, int b) { zero = step(a + b); HERE; }
KEPT static void one_body(int a, int b, int c)
{
    zero = a + b + c;
    swapcontext(&one_context, &two_context);
    HERE;
    zero = step(1);
    HERE;
}
static void prepare(ucontext_t &context, ucontext_t *link)
{
    getcontext(&context);
    context.uc_stack.ss_sp = mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    context.uc_stack.ss_size = 1 << 16;
    context.uc_link = link;
}
KEPT static void nested_contexts()
{
    prepare(one_context, &main_context);
    prepare(two_context, nullptr);
    makecontext(&one_context, reinterpret_cast<void (*)()>(one_body), 3, 1, 2, 3);
    makecontext(&two_context, reinterpret_cast<void (*)()>(two_body), 2, 4, 5);
    swapcontext(&main_context, &one_context);
    HERE;
}
KEPT static void back_body(int) { swapcontext(&one_context, &main_context); HERE; }
KEPT static void back_in_main_context()
{
    prepare(one_context, nullptr);
    makecontext(&one_context, reinterpret_cast<void (*)()>(back_body), 1, 1);
    swapcontext(&main_context, &one_context);
    HERE;
    zero = step(3);
    HERE;
}

// Signals.
static void on_inner(int number) { zero = step(number); HERE; }
static void on_outer(int, siginfo_t *, void *) { raise(SIGUSR2); HERE; }
static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(number, &action, nullptr);
}
KEPT static void signal_in_signal()
{
    struct sigaction action = {};
    action.sa_sigaction = on_outer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGUSR1, &action, nullptr);
    handle(SIGUSR2, on_inner, SA_RESTART);
    raise(SIGUSR1);
    HERE;
}
static sigjmp_buf jump_back;
static void on_jump(int) { siglongjmp(jump_back, 1); }
KEPT static void jump_out_of_signal()
{
    handle(SIGSEGV, on_jump, 0);
    if (!sigsetjmp(jump_back, 1)) zero = step(1);
    signal(SIGSEGV, SIG_DFL);
    zero = step(2);
    HERE;
}
KEPT static unsigned leaf(unsigned value) { HERE; return value * 3; }
KEPT static unsigned busy(unsigned value, std::string &text)
{
    text.assign("a");
    unsigned sum = leaf(value) + static_cast<unsigned>(strlen(text.c_str()));
    HERE;
    return sum;
}
KEPT static void interrupted_anywhere()
{
    std::string text;
    struct itimerval soon = {{0, 0}, {0, 3000}};
    handle(SIGVTALRM, on_inner, 0);
    setitimer(ITIMER_VIRTUAL, &soon, nullptr);
    for (;;) zero = int(busy(static_cast<unsigned>(zero), text));
}
KEPT static void divided() { zero = 5 / zero; HERE; }
KEPT static void bus_error()
{
    FILE *file = tmpfile();
    if (ftruncate(fileno(file), 4096)) return;
    char *room = static_cast<char *>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fileno(file), 0));
    if (ftruncate(fileno(file), 0)) return;
    zero = room[100];
    HERE;
}
KEPT static int overflow_and_tell(int depth, const char *outer) { return ping(depth, outer) + 1; }
static void tell(int) { zero = step(0); abort(); }
KEPT static void handler_of_overflow()
{
    static char room[1 << 16];
    stack_t stack = {};
    stack.ss_sp = room;
    stack.ss_size = sizeof room;
    sigaltstack(&stack, nullptr);
    handle(SIGSEGV, tell, SA_ONSTACK);
    zero = overflow_and_tell(0, nullptr);
    HERE;
}

// Exceptions.
KEPT static void throw_it() { throw std::runtime_error("first"); }
KEPT static void pass_on()
{
    try {
        throw_it();
    } catch (...) {
        HERE;
        throw;
    }
}
KEPT static void let_nothing_out() noexcept { pass_on(); HERE; }
KEPT static void rethrown_through_noexcept() { let_nothing_out(); HERE; }
KEPT static void thrown_in_thread() { std::thread thread([] { pass_on(); HERE; }); thread.join(); }
KEPT static void stored_exception()
{
    std::exception_ptr kept;
    try {
        throw_it();
    } catch (...) {
        kept = std::current_exception();
    }
    std::rethrow_exception(kept);
}
KEPT static void from_future()
{
    auto result = std::async(std::launch::async, [] { throw_it(); return 1; });
    zero = result.get();
    HERE;
}
KEPT static void in_async()
{
    auto result = std::async(std::launch::async, [](int value) { int sum = step(value); HERE; return sum; }, 3);
    zero = result.get();
    HERE;
}
KEPT static void in_catch()
{
    try {
        pass_on();
    } catch (const std::exception &problem) {
        zero = step(problem.what()[0]);
        HERE;
    }
}
struct Falls { ~Falls() { zero = step(8); HERE; } };
KEPT static void unwound() { Falls falls; throw_it(); HERE; }
KEPT static void in_unwinding()
{
    try {
        unwound();
    } catch (...) {
        HERE;
    }
}
static void on_terminate() { zero = step(5); abort(); }
KEPT static void own_terminate() { std::set_terminate(on_terminate); let_nothing_out(); HERE; }
KEPT static void no_memory() { std::vector<char> much(static_cast<size_t>(-1) / 4 + static_cast<size_t>(zero)); HERE; }
KEPT static void on_no_memory() { zero = step(6); HERE; }
KEPT static void new_handler()
{
    std::set_new_handler(on_no_memory);
    void *volatile room = operator new(static_cast<size_t>(-1) / 4);
    HERE;
    (void)room;
}
KEPT static void empty_optional() { std::optional<int> number; if (zero) number = 1; zero = number.value(); HERE; }
KEPT static void bad_cast() { std::any any = 1.5; zero = std::any_cast<int>(any); HERE; }

// Objects that are gone.
struct Base {
    virtual ~Base() {}
    virtual int speak(int value) = 0;
    KEPT int ask(int value) { int sum = speak(value); HERE; return sum; }
    Base() { if (zero == 0) zero = early(); }
    KEPT int early() { int sum = ask(1); HERE; return sum; }
};
struct Derived : Base { KEPT int speak(int value) override { return step(value); } };
KEPT static void pure_virtual() { Derived derived; HERE; }
struct Animal {
    virtual ~Animal() {}
    virtual int speak(int value) { return value; }
    long room[6] = {};
};
struct Dog : Animal { int speak(int value) override { return step(value); } };
KEPT static void freed_object()
{
    Animal *volatile animal = new Dog;
    Animal *kept = animal;
    delete animal;
    memset(static_cast<void *>(kept), 0x5a, sizeof *kept);
    HERE;
    zero = kept->speak(1) + 1;
    HERE;
}
KEPT static void vtable_of_text()
{
    static char text[256];
    memset(text, 'A', sizeof text);
    void *object[2] = {text, nullptr};
    Animal *volatile animal = reinterpret_cast<Animal *>(object);
    zero = animal->speak(1) + 1;
    HERE;
}

// Ends of threads and of the program, and callbacks of the C library.
struct AtEnd { int number = 0; ~AtEnd() { if (number) zero = step(number); HERE; } };
static thread_local AtEnd thread_end;
static AtEnd program_end;
KEPT static void end_of_thread() { std::thread thread([] { thread_end.number = 3; HERE; }); thread.join(); }
KEPT static void end_of_program() { program_end.number = 4; exit(0); }
KEPT static void in_quick_exit() { at_quick_exit([] { zero = step(1); HERE; }); quick_exit(0); }
KEPT static void key_destructor()
{
    pthread_key_t key;
    pthread_key_create(&key, [](void *value) { zero = step(static_cast<int *>(value)[0]); HERE; });
    std::thread thread([key] { pthread_setspecific(key, global_data); HERE; });
    thread.join();
}
static std::once_flag once;
KEPT static void called_once() { std::call_once(once, [](int value) { zero = step(value); HERE; }, 3); HERE; }
KEPT static void over_libraries()
{
    dl_iterate_phdr([](dl_phdr_info *, size_t size, void *) { int sum = step(int(size)); HERE; return sum; }, nullptr);
    HERE;
}
KEPT static void over_files()
{
    nftw("/etc/passwd", [](const char *, const struct stat *, int flag, FTW *) { int sum = step(flag); HERE; return sum; }, 4, 0);
    HERE;
}
KEPT static void in_bsearch()
{
    int key = 3;
    zero = bsearch(&key, global_data, 16, sizeof key, [](const void *, const void *) { int sum = step(1); HERE; return sum; }) != nullptr;
    HERE;
}
KEPT static void in_printf() { printf("%s and %d\n", reinterpret_cast<const char *>(8L + zero), zero); HERE; }
KEPT static void in_stream()
{
    std::ostringstream stream;
    stream << "text " << *reinterpret_cast<std::string *>(16L + zero) << 3;
    HERE;
}
KEPT static void in_map()
{
    std::map<std::string, int> map;
    map["a"] = 1;
    std::string *text = reinterpret_cast<std::string *>(32L + zero);
    zero = map[*text];
    HERE;
}
KEPT static void in_accumulate()
{
    std::vector<int> numbers(5, 1);
    zero = std::accumulate(numbers.begin(), numbers.end(), 0, [](int sum, int number) { return sum + step(number); });
    HERE;
}
KEPT static void locked_twice()
{
    std::unique_ptr<std::mutex> mutex;
    std::lock_guard<std::mutex> guard(*mutex);
    HERE;
}
#if defined(__x86_64__) || defined(__i386__)
KEPT static void pushed_by_hand()
{
#ifdef __x86_64__
    __asm__ volatile("sub $128, %%rsp\n push %%rbx\n push %%rbx\n call *%0\n add $144, %%rsp"
                     : : "r"(&on_no_memory) : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
#else
    __asm__ volatile("push %%ebx\n push %%ebx\n push %%ebx\n call *%0\n add $12, %%esp"
                     : : "r"(&on_no_memory) : "ecx", "edx", "memory", "cc");
#endif
    HERE;
}
#endif

static const struct {
    const char *name;
    void (*run)();
} ways[] = {
#define WAY(name) {#name, name}
    WAY(lambda_chain), WAY(function_chain), WAY(bound_member), WAY(nested_templates), WAY(visitor), WAY(comparer),
    WAY(tail_calls), WAY(never_returns), WAY(cold_part), WAY(failed_assertion), WAY(jump_to_null), WAY(call_of_null),
    WAY(call_of_heap), WAY(call_of_stack), WAY(call_of_own_data), WAY(variable_array), WAY(alloca_in_loop),
    WAY(big_frame), WAY(large_argument), WAY(many_arguments), WAY(variadic), WAY(mutual_recursion), WAY(deep_regex),
    WAY(own_thread_stack), WAY(nested_coroutines), WAY(resumed_coroutine), WAY(throwing_coroutine),
    WAY(destroyed_coroutine), WAY(nested_contexts), WAY(back_in_main_context), WAY(signal_in_signal),
    WAY(jump_out_of_signal), WAY(interrupted_anywhere), WAY(divided), WAY(bus_error), WAY(handler_of_overflow),
    WAY(rethrown_through_noexcept), WAY(thrown_in_thread), WAY(stored_exception), WAY(from_future), WAY(in_async),
    WAY(in_catch), WAY(in_unwinding), WAY(own_terminate), WAY(no_memory), WAY(new_handler), WAY(empty_optional),
    WAY(bad_cast), WAY(pure_virtual), WAY(freed_object), WAY(vtable_of_text), WAY(end_of_thread), WAY(end_of_program),
    WAY(in_quick_exit), WAY(key_destructor), WAY(called_once), WAY(over_libraries), WAY(over_files), WAY(in_bsearch),
    WAY(in_printf), WAY(in_stream), WAY(in_map), WAY(in_accumulate), WAY(locked_twice), WAY(pushed_by_hand),
};

// Before main: the constructors of the program's own objects.
__attribute__((constructor)) static void before_main(int count, char **arguments)
{
    if (count > 1 && !strcmp(arguments[1], "before_main")) zero = step(1);
    HERE;
}

}  // namespace shapes

int main(int count, char **arguments)
{
    if (count == 1) puts("before_main");
    for (const auto &way : shapes::ways) {
        if (count == 1) puts(way.name);
        else if (!strcmp(arguments[1], way.name)) way.run();
    }
    HERE;
    return count == 1 ? 0 : 3;
}
