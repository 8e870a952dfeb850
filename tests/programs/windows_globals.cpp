// Globals of a program for Windows, without any library; each function crashes by one that is null.
struct Mesh { int id; int count; Mesh *next; };
namespace app {
Mesh *shared_mesh;
Mesh shared_value;
static Mesh *own_mesh;
template <class T> struct Holder { static T *item; };
template <class T> T *Holder<T>::item;
__attribute__((noinline)) int read_global() { return shared_mesh->count; }
__attribute__((noinline)) int read_in_global() { return shared_value.next->count; }
__attribute__((noinline)) int read_own() { return own_mesh->count; }
__attribute__((noinline)) int read_held() { return Holder<Mesh>::item->count; }
}
extern "C" int start(Mesh *mesh) {
    app::own_mesh = mesh;
    return app::read_global() + app::read_in_global() + app::read_own() + app::read_held();
}
