// Types of the standard library with known contents, held still for a reader of this process.
#include <array>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include <unistd.h>

struct Point { int x, y; };

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
  std::puts("ready");
  std::fflush(stdout);
  pause();
  return int(numbers.size() + words.size() + view.size() + sorted.size() + brief.size()) +
         empty.size() + wide.size() + none.size() + sole->x + !null + *shared + *some +
         nothing.has_value() + ages.size() + exact.size() + triple[0] + chain.size() + table.size();
}
