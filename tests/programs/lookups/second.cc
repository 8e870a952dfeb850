#include <deque>
#include <list>
#include <set>
#include <string>
#include "shared.h"
template <int N> struct Step {
    static int go(int n) { return peek(n + N) + Step<N - 1>::go(n ^ N); }
};
template <> struct Step<0> { static int go(int n) { return peek(n); } };
static std::set<std::string> names;
int second(int n) {
    std::deque<int> queue(n, 1);
    std::list<std::string> all;
    for (int value : queue) all.push_back(std::to_string(value + Step<12>::go(value)));
    all.sort();
    for (const auto &text : all) names.insert(text);
    return (int)names.size() + Step<9>::go(n);
}
namespace app { namespace {
struct Mesh {
    int marks[64];
    int area(int n) const {
        int sum = 0;
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < n; i++) sum += marks[i % 64] * peek(i);
        return sum;
    }
};
} }
__attribute__((used)) int third(int n) {
    app::Mesh mesh = {{n, peek(n)}};
    return mesh.area(n);
}
