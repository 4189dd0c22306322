// Constructors and destructors of globals, virtual functions, containers, algorithms, streams.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Announcer {
    explicit Announcer(const char *name) : name(name) { std::printf("%s is made\n", name); }
    ~Announcer() { std::printf("%s is gone\n", name); }
    const char *name;
};

Announcer first("first"), second("second");
const std::map<std::string, int> numbers = {{"one", 1}, {"two", 2}, {"three", 3}};

class Shape {
public:
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual std::string name() const { return "shape"; }
};

class Square : public Shape {
public:
    explicit Square(double side) : side(side) {}
    double area() const override { return side * side; }
    std::string name() const override { return "square"; }

private:
    double side;
};

class Circle : public Shape {
public:
    explicit Circle(double radius) : radius(radius) {}
    double area() const override { return 3.14159265358979 * radius * radius; }

private:
    double radius;
};

template <typename T> T sum(const std::vector<T> &values) {
    return std::accumulate(values.begin(), values.end(), T());
}

Announcer &local_static() {
    static Announcer late("late");
    return late;
}

} // namespace

int main() {
    for (const auto &[name, value] : numbers)
        std::cout << name << " is " << value << '\n';

    std::vector<std::unique_ptr<Shape>> shapes;
    shapes.push_back(std::make_unique<Square>(1.5));
    shapes.push_back(std::make_unique<Circle>(2));
    for (const auto &shape : shapes) {
        std::cout << shape->name() << std::fixed << std::setprecision(4) << ' ' << shape->area();
        if (dynamic_cast<Square *>(shape.get()))
            std::cout << " with corners";
        std::cout << '\n';
    }

    std::vector<int> values(20);
    std::iota(values.begin(), values.end(), 1);
    std::sort(values.begin(), values.end(), [](int a, int b) { return a % 7 < b % 7 || (a % 7 == b % 7 && a < b); });
    for (int value : values)
        std::cout << value << ' ';
    std::cout << "\nsum " << sum(values) << ' ' << sum(std::vector<std::string>{"a", "b", "c"}) << '\n';

    std::istringstream input("the cat the dog the end 3.25 0x1f");
    std::unordered_map<std::string, int> words;
    for (std::string word; input >> word;)
        words[word]++;
    std::map<std::string, int> ordered(words.begin(), words.end());
    for (const auto &[word, count] : ordered)
        std::cout << word << ':' << count << ' ';
    std::cout << '\n' << std::hex << std::showbase << std::stoi("255") << std::dec << ' ' << std::stod("2.5e3") << '\n';

    std::function<int(int)> factorial = [&](int n) { return n < 2 ? 1 : n * factorial(n - 1); };
    std::cout << factorial(10) << std::endl;
    local_static();
    return 0;
}
