// Exceptions of every kind; what is printed is what any compiler's program prints.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <variant>
#include <vector>
#include <any>

struct Trace {
    const char *name;
    explicit Trace(const char *name) : name(name) { std::printf("  +%s\n", name); }
    ~Trace() { std::printf("  -%s%s\n", name, std::uncaught_exceptions() ? " (unwinding)" : ""); }
};

struct Base { virtual ~Base() = default; virtual const char *what() const { return "base"; } int a = 1; };
struct Other { virtual ~Other() = default; long b = 2; };
struct Derived : Other, Base { const char *what() const override { return "derived"; } };
struct Virtual : virtual Base { int c = 3; };

__attribute__((noinline)) static void thrower(int kind) {
    Trace trace("thrower");
    switch (kind) {
    case 0: return;
    case 1: throw 42;
    case 2: throw std::runtime_error("runtime");
    case 3: throw Derived();
    case 4: throw Virtual();
    case 5: throw "text";
    case 6: throw 2.5;
    case 7: { static Derived derived; throw &derived; }
    case 8: throw std::string("a string");
    case 9: throw nullptr;
    case 10: throw 1LL << 40;
    }
}

static void kinds() {
    for (int kind = 0; kind <= 11; kind++) {
        try {
            Trace trace("try");
            thrower(kind);
            std::puts("  nothing thrown");
        } catch (int n) {
            std::printf("  int %d\n", n);
        } catch (const std::exception &e) {
            std::printf("  exception %s\n", e.what());
        } catch (const Base &b) {
            std::printf("  Base %s %d\n", b.what(), b.a);
        } catch (Base *b) {
            std::printf("  Base* %s %d\n", b ? b->what() : "none", b ? b->a : 0);
        } catch (const char *text) {
            std::printf("  text %s\n", text);
        } catch (double d) {
            std::printf("  double %g\n", d);
        } catch (...) {
            std::puts("  something");
        }
    }
}

static void rethrow() {
    try {
        try {
            Trace trace("inner");
            throw std::out_of_range("far");
        } catch (const std::logic_error &e) {
            std::printf("  logic %s\n", e.what());
            Trace trace("handler");
            throw;
        }
    } catch (const std::out_of_range &e) {
        std::printf("  again %s\n", e.what());
    }
    try {
        try { throw 1; } catch (int) { throw std::string("another"); }
    } catch (const std::string &s) {
        std::printf("  %s\n", s.c_str());
    }
}

struct Member { Member(int n) { std::printf("  member %d\n", n); if (n == 2) throw n; } ~Member() { std::puts("  ~member"); } };
struct Whole {
    Trace trace{"whole"}; Member first{1}, second;
    explicit Whole(int n) try : second(n) { std::puts("  whole"); } catch (int e) { std::printf("  function try %d\n", e); }
    ~Whole() { std::puts("  ~whole"); }
};

static void constructors() {
    for (int n : {1, 2}) {
        try { auto whole = std::make_unique<Whole>(n); } catch (int e) { std::printf("  caught %d\n", e); }
    }
    try {
        static int count; struct Element { int n; Element() : n(count++) { if (n == 3) throw n; } ~Element() { std::printf("  ~%d\n", n); } };
        delete[] new Element[5];
    } catch (int n) { std::printf("  element %d\n", n); }
}

static int function_try(int n) try { thrower(n); return 0; } catch (...) { return 7; }

struct Cleanup { ~Cleanup() { try { throw 9; } catch (int n) { std::printf("  inside a destructor %d\n", n); } } };

static void nested() {
    try { Cleanup cleanup; throw std::runtime_error("outer"); } catch (std::exception &e) { std::printf("  %s\n", e.what()); }
    try {
        try { throw std::runtime_error("cause"); } catch (...) { std::throw_with_nested(std::logic_error("effect")); }
    } catch (const std::exception &e) {
        std::printf("  %s\n", e.what());
        try { std::rethrow_if_nested(e); } catch (const std::exception &e) { std::printf("  because of %s\n", e.what()); }
    }
    std::printf("  uncaught now: %d\n", std::uncaught_exceptions());
}

static void pointers() {
    std::exception_ptr kept;
    try { thrower(2); } catch (...) { kept = std::current_exception(); }
    for (int i = 0; i < 2; i++)
        try { std::rethrow_exception(kept); } catch (const std::runtime_error &e) { std::printf("  kept %s\n", e.what()); }
    std::exception_ptr made = std::make_exception_ptr(Derived());
    try { std::rethrow_exception(made); } catch (const Base &b) { std::printf("  made %s\n", b.what()); }
    std::printf("  %d %d\n", kept != nullptr, std::current_exception() == nullptr);
}

static void library() {
    auto attempt = [](const char *name, auto &&work) {
        try { work(); std::printf("  %s: nothing\n", name); }
        catch (const std::bad_alloc &) { std::printf("  %s: bad_alloc\n", name); }
        catch (const std::bad_cast &) { std::printf("  %s: bad_cast\n", name); }
        catch (const std::bad_typeid &) { std::printf("  %s: bad_typeid\n", name); }
        catch (const std::out_of_range &) { std::printf("  %s: out_of_range\n", name); }
        catch (const std::length_error &) { std::printf("  %s: length_error\n", name); }
        catch (const std::invalid_argument &) { std::printf("  %s: invalid_argument\n", name); }
        catch (const std::bad_function_call &) { std::printf("  %s: bad_function_call\n", name); }
        catch (const std::exception &) { std::printf("  %s: exception\n", name); }
    };
    attempt("at", [] { std::vector<int>(3).at(5); });
    attempt("map", [] { std::map<int, int>().at(1); });
    attempt("substr", [] { std::string("abc").substr(9); });
    attempt("stoi", [] { (void)std::stoi("x"); });
    attempt("stoi far", [] { (void)std::stoi("99999999999999999999"); });
    attempt("reserve", [] { std::string().reserve(std::string().max_size() + 1); });
    attempt("new", [] { volatile std::size_t n = 0x7fffff00; std::size_t all = sizeof(void *) == 8 ? std::size_t(-1) / 2 : n; ::operator delete(::operator new(all)); });
    attempt("dynamic_cast", [] { Derived d; Base &b = d; (void)dynamic_cast<Virtual &>(b); });
    attempt("typeid", [] { Base *volatile b = nullptr; (void)typeid(*b).name(); });
    attempt("function", [] { std::function<void()>()(); });
    attempt("variant", [] { std::variant<int, double> v = 1; (void)std::get<double>(v); });
    attempt("optional", [] { (void)std::optional<int>().value(); });
    attempt("any", [] { (void)std::any_cast<int>(std::any(1.5)); });
}

static int compare(const void *a, const void *b) {
    int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
    if (x == 13 || y == 13) throw 13;
    return x - y;
}

// Through a function of C's library that knows nothing of exceptions.
static void callbacks() {
    int numbers[] = {5, 13, 1, 2};
    try { std::qsort(numbers, 4, sizeof(int), compare); } catch (...) { std::puts("  out of qsort"); }
}

static std::jmp_buf target;
__attribute__((noinline)) static void jump(int n) { if (n) std::longjmp(target, n); }
__attribute__((noinline)) static void jump_or_throw(int n) { if (n == 2) throw n; jump(n); }

static void jumps() {
    for (volatile int i = 0; i < 3; i = i + 1) {
        try {
            if (int n = setjmp(target)) std::printf("  jumped %d\n", n);
            else { jump_or_throw(i); std::printf("  passed %d\n", i); }
        } catch (int n) { std::printf("  threw %d\n", n); }
    }
}

static void quiet() noexcept { try { throw 1; } catch (int) { std::puts("  within noexcept"); } }

static long many() {
    long sum = 0;
    for (int i = 0; i < 10000; i++)
        try { if (i % 3 == 0) throw i; if (i % 3 == 1) throw long(i); sum += 1; } catch (int n) { sum += n; } catch (long n) { sum -= n; }
    return sum;
}

static int depth(int n) { Trace *none = nullptr; if (n == 0) throw 77; struct G { int &k; ~G() { k++; } }; static int k; G g{k}; (void)none; return depth(n - 1) + k; }

int main() {
    struct { const char *name; void (*run)(); } parts[] = {{"kinds", kinds}, {"rethrow", rethrow}, {"constructors", constructors}, {"nested", nested}, {"pointers", pointers}, {"library", library}, {"callbacks", callbacks}, {"jumps", jumps}, {"noexcept", quiet}};
    for (auto &part : parts) { std::printf("%s\n", part.name); part.run(); }
    int none = function_try(0), some = function_try(6);
    std::printf("function try %d %d\n", none, some);
    std::printf("many %ld\n", many());
    try { depth(100); } catch (int n) { std::printf("depth %d\n", n); }
    std::set_terminate([] { std::puts("terminate"); std::fflush(stdout); std::_Exit(3); });
    Trace *kept = new Trace("last");
    (void)kept;
    [](int n) noexcept { thrower(n); }(1);
}
