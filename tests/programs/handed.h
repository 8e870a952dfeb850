/* A program and a library of it that call one another: what each hands over is lost in registers. */
typedef struct { int width, height; } Size;
typedef int Visit(int code, float ratio, const Size *size);
extern volatile int zero;
int work(int count, double weight, const char *label, Size size, Visit *visit);
int visit(int code, float ratio, const Size *size);
int last(int code, double half, short low);
