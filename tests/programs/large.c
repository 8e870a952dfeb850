/* A process that is large in every way: large SIZE_IN_GIB THREADS DEPTH_IN_KIB. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile int *volatile nowhere;

static void *idle(void *unused) { pause(); return unused; }

__attribute__((noinline)) static int descend(long kib)
{
    volatile char block[1000];
    memset((void *)block, 'd', sizeof block);
    if (kib <= 0) *nowhere = 1;
    return descend(kib - 1) + block[0];
}

int main(int count, char **arguments)
{
    if (count < 4) return 98;
    size_t size = strtoul(arguments[1], 0, 10) << 30;
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 97;
    for (size_t at = 0; at < size; at += size / 64) memory[at] = 'm';
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int left = atoi(arguments[2]); left > 0; left--) {
        pthread_t thread;
        if (pthread_create(&thread, &small, idle, 0)) return 96;
    }
    return descend(atol(arguments[3]));
}
