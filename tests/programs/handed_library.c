#include "handed.h"

volatile int zero;
Visit *volatile last_visit;

int work(int count, double weight, const char *label, Size size, Visit *visit) {
  Size larger = {size.width + count, size.height};
  zero = label[0] - 'l' + (weight > 9);
  int found = visit(77, 2.5f, &larger);
  last_visit = visit;
  return found + zero;
}
