// All of the work is in constructors of static objects, so that --preinit=ctors leaves nothing but main and the
// destructors.
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#ifdef WIZER
#include "initialize.h"
static void nothing() {}
INITIALIZE(nothing)
#endif

// Zero before any constructor runs: whoever runs twice is counted twice.
static int constructed;
static int destroyed;

struct Counted {
    std::string name;
    explicit Counted(const char *name) : name(std::string("a long name that is kept in the heap: ") + name) {
        constructed++;
        std::fprintf(stderr, "initialized\n");
    }
    ~Counted() {
        destroyed++;
        std::cout << "destroyed " << name << ", " << destroyed << " so far" << std::endl;
    }
};

static Counted first("first");

struct Table {
    std::map<std::string, std::vector<int>> ordered;
    std::unordered_map<int, std::string> hashed;
    std::ostringstream text;
    Table() {
        constructed++;
        for (int i = 0; i < 5000; i++) {
            ordered["key " + std::to_string(i % 700)].push_back(i);
            hashed[i * 31] = "value " + std::to_string(i);
        }
        text << std::hex << 48879 << ' ' << std::scientific << 2.5 << ' ' << std::boolalpha << true;
    }
};

static Table table;

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};

struct Square : Shape {
    double side;
    explicit Square(double side) : side(side) {}
    double area() const override { return side * side; }
};

struct Circle : Shape {
    double radius;
    explicit Circle(double radius) : radius(radius) {}
    double area() const override { return radius * radius * 3; }
};

static std::vector<std::unique_ptr<Shape>> shapes = [] {
    std::vector<std::unique_ptr<Shape>> made;
    for (int i = 1; i <= 50; i++) {
        if (i % 2)
            made.push_back(std::make_unique<Square>(i));
        else
            made.push_back(std::make_unique<Circle>(i));
    }
    return made;
}();

static Counted &inner() {
    static Counted within("within a function");
    return within;
}

// Makes the object within the function before main does.
static const std::string &borrowed = inner().name;

static Counted last("last");

int main(int, char **) {
    std::cout << "constructed " << constructed << ", destroyed " << destroyed << '\n';
    std::cout << first.name << '\n' << borrowed << '\n' << inner().name << '\n' << last.name << '\n';
    long sum = 0;
    for (const auto &[key, values] : table.ordered)
        sum += static_cast<long>(key.size()) * values.back();
    std::cout << table.ordered.size() << ' ' << table.hashed.size() << ' ' << sum << ' ' << table.hashed[31 * 4711]
              << ' ' << table.text.str() << '\n';
    table.text << " more";
    double area = 0;
    for (const auto &shape : shapes)
        area += shape->area();
    std::cout << area << ' ' << table.text.str() << '\n';
    std::cout << "constructed " << constructed << std::endl;
}
