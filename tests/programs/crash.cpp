// C++ ways to end: crash_cpp KIND.
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

struct Base {
    virtual ~Base() = default;
    virtual int value() = 0;
};

int main(int count, char **arguments)
{
    const char *kind = count > 1 ? arguments[1] : "";
    if (!std::strcmp(kind, "uncaught")) throw std::runtime_error("nobody catches this");
    if (!std::strcmp(kind, "at")) std::thread([] { std::vector<int>(3).at(5); }).join();
    if (!std::strcmp(kind, "null_object")) return static_cast<Base *>(nullptr)->value();
    return 98;
}
