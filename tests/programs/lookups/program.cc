#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
#include "shared.h"
namespace app { namespace {
struct Local {
    int v;
    explicit Local(int x) : v(x) { where = x; }
    ~Local() { where = -v; }
    int operator()(int k) const { return v * k + peek(k); }
    bool operator<(const Local &other) const { return v < other.v; }
};
std::string spell(const std::map<std::string, std::vector<int>> &all) {
    std::ostringstream text;
    for (const auto &[name, values] : all) {
        text << name << ": ";
        for (int value : values) text << value << (value % 2 ? "," : ";");
    }
    return text.str();
}
int helper(int n) {
    std::vector<int> all;
    for (int i = 0; i < n; i++) all.push_back(peek(i));
    std::stable_sort(all.begin(), all.end(), [](int a, int b) { return peek(a) < peek(b); });
    std::map<std::string, std::vector<int>> by_name;
    for (int i : all) by_name[std::to_string(i % 7)].push_back(i);
    puts(spell(by_name).c_str());
    std::unordered_map<long, std::shared_ptr<Local>> kept;
    for (int i : all) kept[i] = std::make_shared<Local>(i);
    return std::accumulate(all.begin(), all.end(), (int)kept.size());
}
template <class T> __attribute__((noinline)) T grow(T a, int n) {
    struct Inner { static T go(T x) { return x + peek((int)x); } };
    for (int i = 0; i < n; i++) a = Inner::go(a);
    return a;
}
}
struct Engine {
    virtual ~Engine() {}
    virtual int run(int n);
};
int Engine::run(int n) {
    Local local(n);
    auto outer = [&](int q) {
        auto inner = [&](int r) { return local(r) + q + peek(r); };
        return inner(q) + inner(q + 1);
    };
    std::function<int(int)> kept = outer;
    return kept(n) + helper(n) + (int)grow<long>(n, n) + (int)grow<double>(1.5, n);
}
}
volatile int where;
int unused(int n) { return peek(n) + 1; }
__attribute__((cold, noinline)) void cold(int n) { where = n; throw std::to_string(n); }
int main(int argc, char **) {
    if (argc > 100) cold(argc);
    return app::Engine().run(argc) + second(argc);
}
