extern "C" {
int _fltused;
void *memset(void *to, int value, __SIZE_TYPE__ size) {
  for (volatile char *at = (char *)to; size--;) *at++ = (char)value;
  return to;
}
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size) {
  const char *byte = (const char *)from;
  for (volatile char *at = (char *)to; size--;) *at++ = *byte++;
  return to;
}
void __chkstk() {}
void _chkstk() {}
long long _alldiv(long long a, long long) { return a; }
long long _allrem(long long a, long long) { return a; }
}
