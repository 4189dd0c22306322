extern "C" int answer();

int main() { return answer() != 42; }
