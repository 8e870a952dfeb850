/* Crashes whose variable is known. Each case says what may be told of it, as `access: pointer` by
   the words of the source, several where several are right; `none` where nothing may be told. */
#include <stdlib.h>
#include <string.h>

#define CASE(name) __attribute__((noinline, noclone)) static int name(void *given, long number)
#define KEEP __attribute__((noinline, noclone))

struct verts { int count; int *data; int small[8]; };
struct mesh { long id; struct verts verts; struct mesh *next; char letters[16]; };
struct ops { int (*open)(int); int (*draw)(struct mesh *, int); };
struct tail { struct mesh *head; short low; unsigned char high; double weight; };
union either { int *first; long second; };
struct holder { union either either; struct tail tail; };

static void *volatile nothing = 0;
static volatile long far = 0x10000000000;
static int sink;
KEEP static void *hide(void *pointer) { __asm__ volatile("" : "+r"(pointer) : : "memory"); return pointer; }
KEEP static long hide_number(long number) { __asm__ volatile("" : "+r"(number) : : "memory"); return number; }

struct mesh *shared_mesh; struct mesh shared_value; int *shared_numbers;
static struct mesh *own_mesh;

/* reads shared_mesh->verts.count: shared_mesh */
CASE(null_global) { (void)given; (void)number; return shared_mesh->verts.count; }
/* reads shared_value.next->id, reads *shared_value.next: shared_value.next */
CASE(null_in_global) { (void)given; (void)number; return (int)shared_value.next->id; }
/* reads own_mesh->verts.small[2]: own_mesh */
CASE(null_of_file) {
    if (number > 99) own_mesh = hide(given);
    return own_mesh->verts.small[2];
}
/* writes shared_numbers[3]: shared_numbers */
CASE(null_numbers) { (void)given; shared_numbers[3] = (int)number; return 1; }
/* reads p->verts.count: p; reads shared_mesh->verts.count: shared_mesh */
CASE(null_copied) { struct mesh *p = shared_mesh; (void)given; (void)number; return p->verts.count; }
/* reads *p: p */
CASE(null_int) { int *p = given; return *p + (int)number; }
/* writes *p: p */
CASE(null_write) { int *p = given; *p = (int)number; return 1; }
/* reads mesh->verts.count: mesh */
CASE(null_struct) { struct mesh *mesh = given; return mesh->verts.count; }
/* reads mesh->verts.small[3]: mesh */
CASE(null_array_in_struct) { struct mesh *mesh = given; return mesh->verts.small[3]; }
/* reads mesh->verts.data[5], reads local->verts.data[5]: mesh->verts.data, local->verts.data */
CASE(null_member) {
    struct mesh *mesh = calloc(1, sizeof *mesh);
    struct mesh *local = hide(mesh);
    (void)given;
    return local->verts.data[5] + (int)number;
}
/* reads mesh->next->id, reads third->id: mesh->next, third */
CASE(null_in_chain) {
    struct mesh here = {0};
    struct mesh *mesh = hide(&here);
    (void)given; (void)number;
    return (int)mesh->next->id;
}
/* reads here.next->id, reads *here.next: here.next */
CASE(null_in_local) {
    struct mesh here;
    memset(&here, 0, sizeof here);
    hide(&here);
    (void)given; (void)number;
    return (int)here.next->id;
}
/* reads p[1099511627776]: p */
CASE(far_index) { int *p = hide(malloc(64)); (void)given; return p[far] + (int)number; }
/* reads p[-268435456], reads p[i]: p */
CASE(negative_index) {
    int *p = hide(malloc(64)); int i = (int)hide_number(-268435456); (void)given;
    return p[i] + (int)number;
}
/* reads meshes[1099511627776].verts.count: meshes */
CASE(far_struct_index) {
    struct mesh *meshes = hide(malloc(640)); (void)given; (void)number;
    return meshes[far].verts.count;
}
/* none; writes letters[1099511627776]: letters */
CASE(far_letter) {
    char *letters = hide(malloc(64)); (void)given;
    letters[far] = (char)number; return 1;
}
/* none */
CASE(far_local_array) {
    int table[16]; hide(table); (void)given; (void)number;
    return table[far];
}
/* reads p->verts.count: p */
CASE(freed_pattern) {
    struct mesh *p = hide((void *)0xfeeefeeefeeefeee); (void)given; (void)number;
    return p->verts.count;
}
/* reads holder->tail.head->id: holder->tail.head */
CASE(uninitialised_pattern) {
    struct holder *holder = hide(malloc(sizeof *holder)); (void)given; (void)number;
    memset(holder, 0xcd, sizeof *holder); hide(holder);
    return (int)holder->tail.head->id;
}
/* none */
KEEP static int overflow(int depth) {
    volatile char room[4096]; room[0] = (char)depth;
    return overflow(depth + 1) + room[0];
}
/* none */
CASE(stack_overflow) { (void)given; return overflow((int)number); }
/* none */
KEEP static int overflow_by_pointer(struct mesh *mesh, int depth) {
    struct mesh here; here.id = mesh->id + depth; here.verts.count = (int)mesh->id;
    hide(&here);
    return overflow_by_pointer(&here, depth + 1) + here.verts.count;
}
/* none */
CASE(stack_overflow_pointers) {
    struct mesh here = {0}; (void)given; return overflow_by_pointer(&here, (int)number);
}
/* none; calls call: call */
CASE(null_call) { int (*call)(int) = (int (*)(int))hide(given); return call(7) + (int)number; }
/* calls ops->draw: ops->draw */
CASE(null_member_call) {
    struct ops here = {0}; struct ops *ops = hide(&here); (void)number;
    return ops->draw(given, 3) + 1;
}
/* calls here.open: here.open */
CASE(null_local_call) {
    struct ops here = {0}; hide(&here); (void)number; (void)given;
    return here.open(3) + 1;
}
KEEP static int jump_on(struct ops *ops) { return ops->draw(0, 1); }
/* none; calls ops->draw: ops->draw */
CASE(null_tail_call) {
    struct ops here = {0}; struct ops *volatile kept = &here; (void)number; (void)given;
    return jump_on(kept) + 1;
}
KEEP static int jump_from_table(struct mesh *mesh, int number) {
    int (**table)(struct mesh *, int) = hide(nothing ? 0 : calloc(4, 8));
    return table[number](mesh, number);
}
/* none; calls table[2]: table[2] */
CASE(jump_behind_good_call) {
    struct ops here = {0, jump_from_table}; struct ops *ops = hide(&here); (void)number;
    return ops->draw(given, 2) + 1;
}
/* reads **p: *p */
CASE(null_behind_pointer) {
    int *inner = given; int **p = hide(&inner); (void)number; return **p;
}
/* reads *pp, reads **pp: pp */
CASE(null_pointer_pointer) { int **pp = given; (void)number; return **pp; }
/* reads (*p)->id: *p */
CASE(null_struct_behind_pointer) {
    struct mesh *inner = given; struct mesh **p = hide(&inner); (void)number; return (int)(*p)->id;
}
/* reads holder->either, reads *holder->either.first, reads *holder, reads holder + 0x0, reads *first: holder, holder->either.first, first */
CASE(null_union) { struct holder *holder = given; (void)number; return *holder->either.first; }
/* none; reads *first: first */
CASE(union_member) {
    struct holder here = {0}; struct holder *holder = hide(&here); (void)given; (void)number;
    return *holder->either.first;
}
/* reads list->next, reads list->id: list */
CASE(broken_list) {
    struct mesh first = {0}, second = {0}; int total = 0; (void)given;
    first.next = &second; second.next = (struct mesh *)0x41414141; hide(&first);
    for (struct mesh *list = &first; list; list = list->next) total += (int)list->id + (int)number;
    return total;
}
/* none; reads *p: p */
CASE(post_increment) {
    int total = 0; int *p = hide(given); int n = 3;
    while (n--) total += *p++;
    return total + (int)number;
}
/* writes tail->high: tail */
CASE(narrow_member) { struct tail *tail = given; tail->high = (unsigned char)number; return 1; }
/* reads tail->weight: tail */
CASE(float_member) { struct tail *tail = given; (void)number; return tail->weight > 1; }
/* reads and writes mesh->id, reads mesh->id: mesh */
CASE(increment) { struct mesh *mesh = given; mesh->id += number; return 1; }
/* none; reads p + 0x24: p */
CASE(cast_pointer) { void *p = given; (void)number; return ((struct mesh *)p)->verts.small[3] * 2; }
/* none; reads *d: d */
CASE(chosen_of_two) {
    int here = 1; int *a = given, *b = hide(&here);
    int *c = hide_number(number) ? a : b;
    int *d = hide(c);
    return *(number == 12345 ? b : d);
}
/* reads *left, reads *right: left, right */
CASE(first_of_two) { int *left = given, *right = hide(given); int value = *left; return value + *right + (int)number; }
/* reads *right: right */
CASE(second_of_two) { int here = 1; int *left = hide(&here), *right = hide(given); int value = *left; return value + *right + (int)number; }
/* reads source->id, reads *source, reads source->verts, reads source->letters: source */
CASE(struct_copy) { struct mesh here; struct mesh *source = hide(given); here = *source; hide(&here); return (int)number; }
/* none; writes target->id, writes *target, writes target->letters, writes target->verts, writes target->verts.count: target */
CASE(struct_fill) { struct mesh *target = hide(given); (void)number; memset(target, 0, sizeof *target); return 1; }
/* reads mesh->verts.count: mesh */
CASE(in_switch) {
    struct mesh *mesh = hide(given);
    switch (hide_number(number)) {
    case 0: return 3; case 1: return hide_number(9) + 4; case 2: hide(mesh); return 8;
    case 3: case 4: sink++; /* fall through */
    case 5: return mesh->verts.count; case 6: return 1; case 7: sink = 3; return 4;
    default: return 0;
    }
}
/* writes *here: here */
CASE(null_static) {
    static int *here;
    here = hide(given);
    hide(&here);
    *here = (int)number;
    return 1;
}
/* reads text[0], reads *text: text */
CASE(text_of_null) { const char *text = hide(given); (void)number; return text[0] == 'a'; }
/* writes text[0], writes *text: text */
CASE(constant_text) { char *text = hide((void *)"constant"); (void)given; text[0] = (char)number; return 1; }
/* reads (*grid)[2], reads grid[0][2]: grid */
CASE(row_pointer) { int (*grid)[4] = hide(given); (void)number; return (*grid)[2]; }
/* reads grid[1099511627776][2]: grid */
CASE(far_row) { int (*grid)[4] = hide(malloc(64)); (void)number; (void)given; return grid[far][2]; }

/* none; reads *chosen: chosen */
CASE(conditional) {
    int here = 1; int *a = hide(given), *b = hide(&here);
    return *(hide_number(number) ? a : b);
}
/* none; reads left->id: left */
CASE(swapped) {
    struct mesh here = {0}; struct mesh *left = hide(&here), *right = hide(given), *other = left;
    left = right; right = other; (void)number;
    return (int)left->id + (int)right->verts.count;
}
/* none; reads last->verts.count, reads *p: last */
CASE(end_of_list) {
    struct mesh here = {0}; struct mesh *p = hide(&here), *last = given; (void)number;
    while (p->id) { last = p; p = p->next; }
    return last->verts.count;
}
/* none; reads from[0], reads *from, reads from[i]: from */
CASE(two_arrays) {
    int room[64]; int *to = hide(room), *from = hide(given); long n = hide_number(9 + number);
    for (long i = 0; i < n; i++) to[i] = from[i] + 1;
    return to[2];
}
/* none; writes to[0], writes *to: to */
CASE(two_arrays_back) {
    int room[64] = {0}; int *to = hide(given), *from = hide(room); long n = hide_number(9 + number);
    for (long i = 0; i < n; i++) to[i] = from[i] + 1;
    return from[2];
}
/* none; reads second->verts.count: second */
CASE(computed_goto) {
    struct mesh here = {0}; struct mesh *first = hide(&here), *second = hide(given), *p = first;
    static void *const steps[] = {&&one, &&two, &&three};
    goto *steps[hide_number(number) % 3];
one:
    p = first;
two:
    sink++;
three:
    return second->verts.count + (int)p->id;
}
/* none; reads a->id, reads b->id, reads p->id: p */
CASE(joined) {
    struct mesh here = {0}; struct mesh *a = hide(given), *b = hide(&here), *p;
    if (hide_number(number)) { p = a; sink += 1; } else { p = b; sink += 2; }
    return (int)p->id;
}
/* reads (&table)->rows[4].head->id, reads table.rows[4].head->id, reads head->id: table.rows[4].head, head */
CASE(null_in_array) {
    struct { long count; struct tail rows[6]; } table;
    memset(&table, 0, sizeof table); hide(&table); (void)given; (void)number;
    return (int)table.rows[4].head->id;
}

#define ROW(name) {#name, name}
static const struct { const char *name; int (*run)(void *, long); } CASES[] = {
    ROW(null_int), ROW(null_write), ROW(null_struct), ROW(null_array_in_struct), ROW(null_member),
    ROW(null_in_chain), ROW(null_in_local), ROW(far_index), ROW(negative_index),
    ROW(far_struct_index), ROW(far_letter), ROW(far_local_array), ROW(freed_pattern),
    ROW(uninitialised_pattern), ROW(stack_overflow), ROW(stack_overflow_pointers), ROW(null_call),
    ROW(null_member_call), ROW(null_local_call), ROW(null_tail_call), ROW(jump_behind_good_call),
    ROW(null_behind_pointer), ROW(null_pointer_pointer), ROW(null_struct_behind_pointer),
    ROW(null_union), ROW(union_member), ROW(broken_list), ROW(post_increment), ROW(narrow_member),
    ROW(float_member), ROW(increment), ROW(cast_pointer), ROW(chosen_of_two), ROW(first_of_two),
    ROW(second_of_two), ROW(struct_copy), ROW(struct_fill), ROW(in_switch), ROW(null_static),
    ROW(text_of_null), ROW(constant_text), ROW(row_pointer), ROW(far_row), ROW(conditional),
    ROW(swapped), ROW(end_of_list), ROW(two_arrays), ROW(two_arrays_back), ROW(computed_goto),
    ROW(joined), ROW(null_in_array), ROW(null_global), ROW(null_in_global), ROW(null_of_file),
    ROW(null_numbers), ROW(null_copied),
};

int main(int argc, char **argv) {
    for (unsigned i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (argc > 1 && !strcmp(argv[1], CASES[i].name)) return CASES[i].run(nothing, 5 + sink);
    return 99;
}
