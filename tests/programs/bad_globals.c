/* Crashes by global variables, of code of 32 and of 64 bits; what may be told of each is said as in
   bad_pointers.c. */
#include <string.h>

#define CASE(name) __attribute__((noinline, noclone)) static int name(void *given, long number)
#define KEEP __attribute__((noinline, noclone))

struct mesh { long id; int count; struct mesh *next; int small[4]; };
struct ops { int (*open)(int); int (*draw)(int); };

static void *volatile nothing = 0;
static int sink;
KEEP static void *hide(void *pointer) { __asm__ volatile("" : "+r"(pointer) : : "memory"); return pointer; }

struct mesh *shared_mesh; struct mesh shared_value; struct ops *shared_ops; int (*hook)(int);
static struct mesh *own_mesh;

/* reads shared_mesh->count: shared_mesh */
CASE(null_global) { (void)given; return shared_mesh->count + (int)number; }
/* reads shared_value.next->id, reads *shared_value.next: shared_value.next */
CASE(null_in_global) { (void)given; return (int)shared_value.next->id + (int)number; }
/* none; reads own_mesh->small[2]: own_mesh */
CASE(null_of_file) { if (number > 99) own_mesh = hide(given); return own_mesh->small[2]; }
/* reads shared_ops->draw: shared_ops */
CASE(null_table) { (void)given; return shared_ops->draw((int)number) + 1; }
/* none; calls hook: hook */
CASE(null_hook) { (void)given; return hook((int)number) + 1; }
/* none; reads lists[i]->id, reads lists[1]->id: lists[i], lists[1] */
CASE(overwritten_index) {
    struct mesh *lists[4] = {0}; long i = number & 3; (void)given; hide(lists);
    i = (long)lists[i];
    return (int)((struct mesh *)i)->id;
}

#define ROW(name) {#name, name}
static const struct { const char *name; int (*run)(void *, long); } CASES[] = {
    ROW(null_global), ROW(null_in_global), ROW(null_of_file), ROW(null_table), ROW(null_hook),
    ROW(overwritten_index),
};

int main(int argc, char **argv) {
    for (unsigned i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (argc > 1 && !strcmp(argv[1], CASES[i].name)) return CASES[i].run(nothing, 5 + sink);
    return 99;
}
