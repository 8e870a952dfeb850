#include "handed.h"

__attribute__((noinline)) static int begin(int number) {
  Size size = {3, 4};
  zero = number > 9;
  return work(5, 0.5, "label", size, visit) + zero;
}

int main(void) {
  zero = begin(6);
  return 0;
}
