/* Built as kernels are: sections of its own, alternatives, no library, at the top of memory. */
#define __init __attribute__((section(".init.text"), cold))
#define __always_inline inline __attribute__((always_inline))
typedef unsigned long u64;
typedef unsigned int u32;
struct list { struct list *next, *prev; };
struct task { struct list run; u64 runtime, weight; u32 flags, state; char comm[16]; void (*wake)(struct task *); };
struct queue { struct list tasks; u32 lock, count; u64 clock, load[5]; } queues[8];
extern u64 fast_copy(void *to, const void *from, u64 size), entry_count;
extern void switch_to(struct task *from, struct task *to);

static __always_inline void lock(u32 *word) {
    u32 old = 1;
    while (__atomic_exchange_n(word, old, __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
}
static __always_inline void unlock(u32 *word) { __atomic_store_n(word, 0, __ATOMIC_RELEASE); }
static __always_inline u64 read_clock(void) {
    u32 low, high;
    __asm__ volatile("661: rdtsc\n662: .skip -((6651f-6641f)-(662b-661b) > 0)*((6651f-6641f)-(662b-661b)), 0x90\n663:\n"
                     ".pushsection .altinstructions,\"a\"\n .long 661b - .\n .long 6641f - .\n .byte 662b-661b, 6651f-6641f\n .popsection\n"
                     ".pushsection .altinstr_replacement,\"ax\"\n6641: lfence\n rdtsc\n6651:\n .popsection"
                     : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}
static __always_inline void list_add(struct list *entry, struct list *head) {
    entry->next = head->next;
    entry->prev = head;
    head->next->prev = entry;
    head->next = entry;
}
static __always_inline void list_del(struct list *entry) {
    entry->next->prev = entry->prev;
    entry->prev->next = entry->next;
}
#define WARN_ON(what) \
    ({ int bad = !!(what); if (__builtin_expect(bad, 0)) { __asm__ volatile("1: ud2\n.pushsection __bug_table,\"aw\"\n.long 1b - .\n.long %c0\n.popsection" ::"i"(__LINE__)); } bad; })

#define DRIVER(number, shift, mask) \
    static noinline_##number u64 hash_##number(const unsigned char *text, u64 size) { \
        u64 sum = number; \
        for (u64 at = 0; at < size; at++) sum = (sum << shift ^ sum >> 3) + (text[at] & mask); \
        return sum; \
    } \
    void driver_##number(struct task *task) { \
        struct queue *queue = &queues[number % 8]; \
        lock(&queue->lock); \
        if (!WARN_ON(task->state > number + 3)) { \
            task->runtime += read_clock() - queue->clock; \
            list_add(&task->run, &queue->tasks); \
            queue->load[number % 5] += hash_##number((unsigned char *)task->comm, sizeof task->comm); \
            queue->count++; \
        } \
        unlock(&queue->lock); \
        if (task->wake) task->wake(task); \
    } \
    int __init driver_##number##_init(void) { \
        for (int at = 0; at < 5; at++) queues[number % 8].load[at] = hash_##number((void *)&entry_count, at * 8ul); \
        return queues[number % 8].count ? -number : 0; \
    }
#define noinline_1
#define noinline_2 __always_inline
#define noinline_3
#define noinline_4 __attribute__((noinline, cold))
#define noinline_5 __attribute__((noinline))
#define noinline_6
#define noinline_7 __always_inline
#define noinline_8
#define noinline_9 __attribute__((noinline, cold))
#define noinline_10 __attribute__((noinline))
#define noinline_11
#define noinline_12 __always_inline
#define noinline_13
#define noinline_14 __attribute__((noinline, cold))
#define noinline_15 __attribute__((noinline))
#define noinline_16
#define noinline_17 __always_inline
#define noinline_18
#define noinline_19 __attribute__((noinline, cold))
#define noinline_20 __attribute__((noinline))
#define noinline_21
#define noinline_22 __always_inline
#define noinline_23
#define noinline_24 __attribute__((noinline, cold))
DRIVER(1, 2, 0x7f)
DRIVER(2, 3, 0x3f)
DRIVER(3, 4, 0x1f)
DRIVER(4, 5, 0xff)
DRIVER(5, 6, 0x7f)
DRIVER(6, 7, 0x3f)
DRIVER(7, 8, 0x1f)
DRIVER(8, 9, 0xff)
DRIVER(9, 10, 0x7f)
DRIVER(10, 11, 0x3f)
DRIVER(11, 12, 0x1f)
DRIVER(12, 13, 0xff)
DRIVER(13, 1, 0x7f)
DRIVER(14, 2, 0x3f)
DRIVER(15, 3, 0x1f)
DRIVER(16, 4, 0xff)
DRIVER(17, 5, 0x7f)
DRIVER(18, 6, 0x3f)
DRIVER(19, 7, 0x1f)
DRIVER(20, 8, 0xff)
DRIVER(21, 9, 0x7f)
DRIVER(22, 10, 0x3f)
DRIVER(23, 11, 0x1f)
DRIVER(24, 12, 0xff)

static void (*const drivers[])(struct task *) = {
    driver_1, driver_2, driver_3, driver_4, driver_5, driver_6,
    driver_7, driver_8, driver_9, driver_10, driver_11, driver_12,
    driver_13, driver_14, driver_15, driver_16, driver_17, driver_18,
    driver_19, driver_20, driver_21, driver_22, driver_23, driver_24,
};

struct task *pick(struct queue *queue) {
    struct task *best = 0;
    for (struct list *at = queue->tasks.next; at != &queue->tasks; at = at->next) {
        struct task *task = (struct task *)at;
        if (!best || task->runtime * best->weight < best->runtime * task->weight) best = task;
    }
    if (best) list_del(&best->run);
    return best;
}
void schedule(struct task *now) {
    for (int cpu = 0; cpu < 8; cpu++) {
        struct queue *queue = &queues[cpu];
        lock(&queue->lock);
        struct task *next = pick(queue);
        queue->clock = read_clock();
        unlock(&queue->lock);
        if (!next || next == now) continue;
        struct task saved;
        fast_copy(&saved, next, sizeof saved);
        drivers[saved.flags % 24](next);
        switch_to(now, next);
    }
}
int __init start_kernel(void) {
    for (int cpu = 0; cpu < 8; cpu++) queues[cpu].tasks.next = queues[cpu].tasks.prev = &queues[cpu].tasks;
    return driver_1_init() + driver_2_init() + driver_3_init() + driver_4_init()
           + driver_5_init() + driver_6_init() + driver_7_init() + driver_8_init()
           + driver_9_init() + driver_10_init() + driver_11_init() + driver_12_init()
           + driver_13_init() + driver_14_init() + driver_15_init() + driver_16_init()
           + driver_17_init() + driver_18_init() + driver_19_init() + driver_20_init()
           + driver_21_init() + driver_22_init() + driver_23_init() + driver_24_init();
}
