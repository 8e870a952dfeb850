/* Crashes in a second thread, or with -DIN_MAIN in the first, with variables that each has. */
#include <pthread.h>

#ifndef ALIGNMENT
#define ALIGNMENT 64
#endif
#ifndef SPACE
#define SPACE 1
#endif

struct large {
  _Alignas(ALIGNMENT) char head[ALIGNMENT];
  int number;
};

__attribute__((noinline, noclone)) void crash(int seed) {
  static __thread short counter = 3;
  static __thread long zero;
  static __thread struct large large = {{1}, 77};
  static __thread unsigned char bytes[5];
  static __thread int *volatile pointer;
  static __thread volatile char space[SPACE];
  counter += seed;
  zero = seed * 3;
  large.number += seed;
  bytes[1] = (unsigned char)seed;
  space[0] = 1;
  __asm__ volatile("" ::: "memory");
  *pointer = counter + zero + large.number + bytes[seed & 3];
}

#ifndef LIBRARY
static void *run(void *seed) {
  crash(*(int *)seed);
  return 0;
}

int main(int argc, char **argv) {
  int seed = 40 + argc;
  (void)argv;
#ifdef IN_MAIN
  run(&seed);
#else
  pthread_t thread;
  pthread_create(&thread, 0, run, &seed);
  pthread_join(thread, 0);
#endif
  return 0;
}
#endif
