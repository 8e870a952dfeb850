/* A function that gcc remakes for its one caller: it takes numbers in place of the pointer that it
   had, whose value the call site alone tells. It has a static variable in an inner block. */
#include <stdint.h>
#include <string.h>

struct box {
  int kind, size;
  union {
    double wide;
    struct {
      int x, y;
    };
  };
};

volatile int sink;
void *volatile kept;

__attribute__((noinline)) static int use(const struct box *box, int level) {
  int near[4] = {level, level + box->size};
  kept = near;
  {
    static long calls = 9;
    calls += near[1];
    sink += calls;
    for (int i = 0; i < 3; i++) {
      if (i == 2) {
        volatile int *bad = (volatile int *)(uintptr_t)(level - 4);
        sink = *bad;
      }
    }
  }
  return near[0] + sink;
}

__attribute__((noinline)) static int call(int count) {
  struct box boxes[2];
  memset(boxes, 0, sizeof boxes);
  boxes[1].size = 7 + count;
  kept = boxes;
  return use(&boxes[count], count + 3) + boxes[0].size + count;
}

int main(int argc, char **argv) {
  (void)argv;
  return call(argc);
}
