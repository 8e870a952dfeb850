// Crashes whose variable is known; see bad_pointers.c.
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#define KEEP __attribute__((noinline))
#define CASE(name) KEEP static int name(void *given, long number)

static void *volatile nothing = nullptr;
static volatile long far_away = 0x10000000000;
template <typename T> KEEP T *hide(T *pointer) { asm volatile("" : "+r"(pointer) : : "memory"); return pointer; }

struct Verts { int count = 0; int *data = nullptr; };
struct Node { long id = 0; Node *next = nullptr; Verts verts; };
struct Named { std::string name; };
struct Mesh : Named, Node {
    int flags = 0;
    KEEP int sum(int n) { return flags + n; }
    KEEP int chain(int n) { return next->verts.count + n; }
    KEEP int own() { return sum(1) + verts.data[2]; }
};
struct Shape { virtual ~Shape() = default; virtual int area() const { return 1; } long size = 3; };
struct Square : Shape { KEEP int area() const override { return (int)size; } };
struct Owner { Shape *shape = nullptr; Node &node; explicit Owner(Node &n) : node(n) {} };

// reads this->flags, reads mesh->flags: this, mesh
CASE(null_this) { auto *mesh = static_cast<Mesh *>(given); return mesh->sum((int)number); }
// reads this->next->verts.count: this->next
CASE(null_in_this) { Mesh mesh; return hide(&mesh)->chain((int)number); (void)given; }
// reads this->verts.data[2]: this->verts.data
CASE(null_in_base) { Mesh mesh; (void)given; (void)number; return hide(&mesh)->own(); }
// reads shape->_vptr.Shape, reads shape->_vptr$Shape, reads square->_vptr.Shape, reads square->_vptr$Shape: shape
CASE(null_virtual) { auto *shape = hide(static_cast<Shape *>(given)); (void)number; return shape->area(); }
// reads *shape->_vptr.Shape, reads shape->_vptr.Shape[2], reads shape->_vptr$Shape[2]: shape->_vptr.Shape, shape->_vptr$Shape
CASE(freed_virtual) {
    Square square; auto *shape = hide(static_cast<Shape *>(&square)); (void)given; (void)number;
    memset((void *)shape, 0xdd, sizeof(void *)); hide(shape);
    return shape->area();
}
// reads node.verts.count: node
KEEP static int read_node(const Node &node) { return node.verts.count; }
// reads node.verts.count, reads given + 0x10: node, given
CASE(null_reference) { (void)number; return read_node(*static_cast<Node *>(given)); }
// writes total: total
KEEP static void add_to(int &total, int n) { total = n; }
// writes total: total
CASE(null_number_reference) { add_to(*static_cast<int *>(given), (int)number); return 1; }
// reads owner->shape->size: owner->shape
CASE(null_in_owner) {
    Node node; Owner here(node); auto *owner = hide(&here); (void)given; (void)number;
    return (int)owner->shape->size;
}
// reads owner->node.id: owner->node
CASE(null_reference_member) {
    Owner here(*static_cast<Node *>(given)); auto *owner = hide(&here); (void)number;
    return (int)owner->node.id;
}
// none; reads node.get()->id: node.get()
CASE(null_unique) {
    std::unique_ptr<Node> node; hide(&node); (void)given; (void)number;
    return (int)node->id;
}
// none; reads node.get()->id: node.get()
CASE(null_shared) {
    std::shared_ptr<Node> node; hide(&node); (void)given; (void)number;
    return (int)node->id;
}
// none; reads values.data()[1099511627776], reads this->data()[1099511627776]: values.data(), this->data()
CASE(far_vector) {
    std::vector<int> values(3); hide(&values); (void)given; (void)number;
    return values[far_away];
}
// none; reads *values.data(), reads *this->data(): values.data(), this->data()
CASE(empty_vector_front) {
    std::vector<int> values; hide(&values); (void)given; (void)number;
    return values.front();
}
// reads node->verts.count: node
CASE(in_lambda) {
    auto *node = hide(static_cast<Node *>(given));
    auto read = [](Node *node) KEEP { return node->verts.count; };
    return read(node) + (int)number;
}
// none; reads node->verts.count, reads this->node->verts.count: node, this->node
CASE(captured) {
    auto *node = hide(static_cast<Node *>(given));
    auto read = [&]() KEEP { return node->verts.count; };
    return read() + (int)number;
}
// reads base->id, reads *base, reads derived->id, reads this->id: base, derived, this
CASE(down_cast) { auto *base = hide(static_cast<Node *>(given)); (void)number; return (int)base->id; }
// none; reads node + 0x20, reads node + 0x30, reads node - 0x20, reads derived->flags, reads node + 0x28: node, derived
CASE(member_of_derived) {
    auto *node = hide(reinterpret_cast<Node *>(0x100)); (void)number; (void)given;
    return static_cast<Mesh *>(node)->flags;
}
// none; calls (this->*method), calls method: method
CASE(null_method) {
    Mesh mesh; int (Mesh::*method)(int) = nullptr; hide(&method); (void)given;
    return (hide(&mesh)->*method)((int)number);
}
// calls handler: handler
CASE(null_handler) { auto *handler = reinterpret_cast<int (*)(long)>(hide(given)); return handler(number) + 1; }
struct Table { int (*slots[4])(long); };
// calls table->slots[2]: table->slots[2]
CASE(null_slot) { Table here{}; auto *table = hide(&here); (void)given; return table->slots[2](number) + 1; }
// reads pair.first->id: pair.first
KEEP static long read_pair(std::pair<Node *, long> pair) { return pair.first->id + pair.second; }
// reads pair.first->id, reads *given: pair.first, given
CASE(null_in_pair) { return (int)read_pair({static_cast<Node *>(given), number}); }
// writes view.data[3]: view.data
struct View { int *data; long size; };
KEEP static void fill(View view) { view.data[3] = (int)view.size; }
// writes view.data[3]: view.data
CASE(null_in_view) { fill({static_cast<int *>(given), number}); return 1; }
KEEP static int visit(Node *node, int depth) {
    if (depth == 0) return node->verts.count;
    return visit(node->next, depth - 1) + (int)node->id;
}
// reads node->verts.count, reads node->next: node
CASE(null_in_recursion) { Node node; (void)given; (void)number; return visit(hide(&node), 3); }
// reads inner->verts.count: inner
static inline int read_inner(Node *inner) { return inner->verts.count; }
// reads inner->verts.count, reads outer->verts.count: inner, outer
CASE(null_in_inlined) { auto *outer = hide(static_cast<Node *>(given)); (void)number; return read_inner(outer); }
// none; reads node->next: node
CASE(caught) {
    Node *node = nullptr; Node here; node = hide(&here);
    try { if (number) throw 3; } catch (int) { node = hide(static_cast<Node *>(given)); }
    return node->next != nullptr;
}
struct Flags { unsigned low : 3; unsigned mid : 9; unsigned rest : 20; };
// none; reads flags + 0x0, reads *flags, reads flags + 0x1: flags
CASE(null_bits) { auto *flags = hide(static_cast<Flags *>(given)); (void)number; return (int)flags->mid; }
// reads (*node)->id: *node
CASE(reference_to_pointer) { Node *held = static_cast<Node *>(given); Node **node = hide(&held); (void)number; return (int)(*node)->id; }

#define ROW(name) {#name, name}
static const struct { const char *name; int (*run)(void *, long); } CASES[] = {
    ROW(null_this), ROW(null_in_this), ROW(null_in_base), ROW(null_virtual), ROW(freed_virtual),
    ROW(null_reference), ROW(null_number_reference), ROW(null_in_owner),
    ROW(null_reference_member), ROW(null_unique), ROW(null_shared), ROW(far_vector),
    ROW(empty_vector_front), ROW(in_lambda), ROW(captured), ROW(down_cast),
    ROW(member_of_derived), ROW(null_method), ROW(null_handler), ROW(null_slot),
    ROW(null_in_pair), ROW(null_in_view), ROW(null_in_recursion), ROW(null_in_inlined),
    ROW(caught), ROW(null_bits), ROW(reference_to_pointer),
};

int main(int argc, char **argv) {
    for (auto &row : CASES)
        if (argc > 1 && !strcmp(argv[1], row.name)) return row.run(nothing, 5);
    return 99;
}
