/* Crashes after it has changed all memory that a file also has, or that begins as zero. */
#include <stdlib.h>
#include <string.h>

int data_word = 0x600dda7a;
char data_text[24] = "as-the-file-has-it";
const char *const relro[2] = {"one", "two"};
int zero_word;
char zero_text[4096];
static __thread int thread_word = 0x71717171;
int *heap;
const int constant = 0x0c0ffee0;
#ifdef TEXTREL
/* An instruction that the loader has to change, in the segment that cannot be written. */
__asm__(".text\n.skip 0x20000\n.globl moved\nmoved: .long data_word\n.previous");
#endif

__attribute__((noinline)) int fall(int depth) {
  volatile int here = depth * 3 + 0x1000;
  int *where = 0;
  data_word = 0x0badda7a;
  strcpy(data_text, "as-it-was-changed");
  zero_word = 0x0bad0b55;
  memset(zero_text, 'Z', sizeof zero_text);
  heap = malloc(1 << 20);
  memset(heap, 0x5a, 1 << 20);
  thread_word = 0x0bad0715;
  *where = here + thread_word;
  return here;
}

int main(int argc, char **argv) {
  (void)argv;
  return fall(argc);
}
