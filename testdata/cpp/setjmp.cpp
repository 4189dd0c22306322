// longjmp in C++, over frames that have nothing to destroy.
#include <csetjmp>
#include <cstdio>
#include <vector>

namespace {

std::jmp_buf target;

struct Visitor {
    virtual ~Visitor() = default;
    virtual void visit(int value) const = 0;
};

struct Stopper : Visitor {
    void visit(int value) const override {
        if (value == 3)
            std::longjmp(target, value);
        std::printf("visited %d\n", value);
    }
};

void each(const std::vector<int> &values, const Visitor &visitor) {
    for (int value : values)
        visitor.visit(value);
}

} // namespace

int main() {
    const std::vector<int> values = {1, 2, 3, 4};
    const Stopper stopper;
    if (int value = setjmp(target))
        std::printf("stopped at %d\n", value);
    else
        each(values, stopper);
    return 0;
}
