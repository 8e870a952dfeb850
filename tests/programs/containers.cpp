// Types of the standard library with known contents, held still for a reader of this process.
#include <any>
#include <array>
#include <atomic>
#include <complex>
#include <cstdio>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stack>
#include <string>
#include <string_view>
#include <bitset>
#include <cstring>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>
#include <unistd.h>

struct Point { int x, y; };

static size_t *words_of(void *object) { return (size_t *)object; }

// What a crash in the middle of a change, or a stray write, leaves behind.
struct Nothing {};

static void spoil() {
#ifdef __GLIBCXX__
  static std::list<int> shorter{1, 2}, longer{1, 2}, ring{1, 2, 3};
  static std::map<int, int> counted{{1, 1}, {2, 2}};
  static std::unordered_set<int> hashed{1, 2};
  static std::deque<int> unbounded{1, 2};
  static std::vector<int> reversed{1, 2}, roomless{1, 2}, unset;
  static std::string cramped = "abc", crowded(40, 'c');
  static std::bitset<10> beyond;
  static std::variant<int, double> strange{1};
  words_of(&shorter)[2] = 1;
  words_of(&longer)[2] = 99;
  *(size_t *)words_of(&ring)[0] = words_of(&ring)[0];
  words_of(&counted)[5] = 1000;
  words_of(&hashed)[3] = 5000;
  words_of(&unbounded)[1] = 0;
  words_of(&roomless)[2] -= 4;
  memset((void *)&unset, 0xcc, sizeof unset);
  words_of(&cramped)[1] = 16;
  words_of(&crowded)[2] = 39;
  words_of(&beyond)[0] = 1 << 10;
  words_of(&reversed)[1] = words_of(&reversed)[0] - 4;
  ((char *)&strange)[8] = 9;
#endif
  std::puts("ready");
  std::fflush(stdout);
  pause();
}

int main() {
  static std::string brief = "brief", lengthy(40, 'l'), empty;
  static std::wstring wide = L"wide";
  static std::string_view view = lengthy;
  static std::vector<int> numbers{1, 2, 3}, none;
  static std::vector<std::string> words{"x", "a text that is too long to be inside"};
  static std::unique_ptr<Point> sole(new Point{4, 5}), null;
  static std::shared_ptr<int> shared = std::make_shared<int>(6);
  static std::optional<int> some = 7, nothing;
  static std::map<std::string, int> ages{{"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}};
  static std::map<char, long double> exact{{'a', 1.5L}, {'b', 2.5L}};
  static std::set<int> sorted{5, 3, 9, 1};
  static std::array<short, 3> triple{{7, 8, 9}};
  static std::list<int> chain{1, 2};
  static std::unordered_map<int, int> table{{7, 8}};
  static std::unordered_set<std::string> hashes{"h"};
  static std::deque<int> queue(300, 1), unused;
  for (int i = 0; i < 299; i++) queue.pop_front();
  queue.push_back(2);
  static std::forward_list<int> forward{1, 2, 3}, nowhere;
  static std::vector<bool> bits{true, false, true}, many_bits(70, true);
  static std::variant<int, double, std::string> first{3}, last{std::string("text")};
  static std::tuple<int, std::string, double> tuple{1, "t", 2.5};
  static std::tuple<int, Nothing> half{6, {}};
  static std::bitset<10> flags("0001010011");
  static std::function<int(int)> callable;
  static std::any anything;
  static std::stack<int> stack;
  stack.push(4);
  static std::priority_queue<int> heap;
  heap.push(5);
  static std::complex<double> number(1, -2);
  static std::atomic<int> atomic{6};
  static std::array<int, 0> nobody{};
  static std::weak_ptr<int> alive = shared, dead;
  dead = std::make_shared<int>(3);
  static std::string moved(40, 'm'), taken = std::move(moved);
  static char escapes[] = "a\\b\xff\n";
  spoil();
  return int(numbers.size() + words.size() + view.size() + sorted.size() + brief.size()) +
         empty.size() + wide.size() + none.size() + sole->x + !null + *shared + *some +
         nothing.has_value() + ages.size() + exact.size() + triple[0] + chain.size() + table.size() +
         hashes.size() + queue.size() + unused.size() + !forward.empty() + nowhere.empty() + bits.size() +
         many_bits.size() + first.index() + last.index() + std::get<0>(tuple) + std::get<0>(half) + flags.count() + !callable +
         anything.has_value() + stack.size() + heap.size() + (int)number.real() + atomic + nobody.size() +
         alive.expired() + dead.expired() + taken.size() + escapes[0];
}
