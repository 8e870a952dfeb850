#include "handed.h"

int visit(int code, float ratio, const Size *size) {
  zero = code > 100 || ratio > 10 || size->width > 50;
  return last(-9, 6.25, -3) + zero;
}

int last(int code, double half, short low) {
  zero = code > 100 || half > 100 || low > 100;
  if (!zero) *(volatile int *volatile)0 = 1;
  return zero;
}
