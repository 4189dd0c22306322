//! What the linker knew, used: objects that nothing writes or reads are found, and no others. Nothing that is wrong is
//! believed.

use std::path::{Path, PathBuf};
use std::process::Command;

use wbuild::binaryen::{Imports, Level, Outcome, Request, optimize};
use wbuild::oracle::Random;
use wbuild::toolchain::{self, Toolchain};
use wbuild_passes::link::{Addresses, IMPORTED_FROM, place, settle};

use crate::rust::{output, text};

/// `part.c` and `main.c`, of which `main` calls `sched_yield` where COND holds, which it never does.
struct Case<'a> {
    name: &'a str,
    part: &'a str,
    main: &'a str,
    words: &'a [&'a str],
}

const fn case<'a>(name: &'a str, part: &'a str, main: &'a str) -> Case<'a> {
    Case { name, part, main, words: &[] }
}

/// Here the linker knows that the condition never holds.
const NEVER: &[Case<'_>] = &[
    case("nothing writes it", "int x;", "extern int x; MAIN(x)"),
    case("it is constant", "extern const int x[3]; const int x[3] = {0};", "extern const int x[3]; MAIN(x[1])"),
    case(
        "it is constant, and its address goes elsewhere",
        "extern const int x[3]; const int x[3] = {0}; int sum(const int *p) { return p[0] + p[2]; }",
        "extern const int x[3]; int sum(const int *); MAIN((sum(x), x[1]))",
    ),
    case("a function gives its address", "static int x; int *at(void) { return &x; }", "int *at(void); MAIN(*at())"),
    case(
        "what stands beside it is written",
        "struct s { int a, b; } s; void set(int n) { s.a = n; }",
        "extern struct s { int a, b; } s; void set(int); MAIN((set(n), s.b))",
    ),
    case("a pointer to it is never read", "int x; int *p = &x;", "extern int x; MAIN(x)"),
    case(
        "its address is stored where nobody reads",
        "int x; int *p; void keep(void) { p = &x; }",
        "extern int x; void keep(void); MAIN((keep(), x))",
    ),
];

/// Here it may hold, as far as the linker knows.
const PERHAPS: &[Case<'_>] = &[
    case("it is written", "int x; void set(int n) { x = n - 1; }", "extern int x; void set(int); MAIN((set(n), x))"),
    case(
        "it is written by its address",
        "int x; void set(int *p) { *p = 0; }",
        "extern int x; void set(int *); MAIN((set(&x), x))",
    ),
    case(
        "a table has its address",
        "int x; int *t[2] = {&x, &x}; void set(int n) { *t[n - 1] = 0; }",
        "extern int x; void set(int); MAIN((set(n), x))",
    ),
    case(
        "an element is written",
        "int x[4]; void set(int n) { x[n] = 0; }",
        "extern int x[4]; void set(int); MAIN((set(n), x[2]))",
    ),
    case(
        "one byte of it is written",
        "int x; void set(int n) { ((char *)&x)[1] = n - 1; }",
        "extern int x; void set(int); MAIN((set(n), x))",
    ),
    case(
        "libc fills it",
        "#include <string.h>\nint x[9]; void set(int n) { memset(x, n - 1, sizeof x * n); }",
        "extern int x[9]; void set(int); MAIN((set(n), x[3]))",
    ),
    case(
        "the host fills it",
        "#include <time.h>\nstruct timespec x; void set(void) { clock_gettime(CLOCK_REALTIME, &x); x.tv_nsec = -1; }",
        "#include <time.h>\nextern struct timespec x; void set(void); MAIN((set(), x.tv_sec == 1))",
    ),
    case(
        "its address is kept and used later",
        "int x; int *p; void keep(void) { p = &x; } void set(int n) { *p = n - 1; }",
        "extern int x; void keep(void); void set(int); MAIN((keep(), set(n), x))",
    ),
    case(
        "another name of it is written",
        "int x; extern int y __attribute__((alias(\"x\"))); void set(int n) { y = n - 1; }",
        "extern int x; void set(int); MAIN((set(n), x))",
    ),
    case(
        "its section is walked",
        "__attribute__((section(\"things\"), used)) int x; __attribute__((section(\"things\"), used)) int z = 0;\n\
         extern int __start_things, __stop_things;\n\
         void set(int n) { for (int *p = &__start_things; p < &__stop_things; p++) *p = n - 1; }",
        "extern int x; void set(int); MAIN((set(n), x))",
    ),
    Case {
        name: "the host is told where it is",
        part: "int x;",
        main: "extern int x; MAIN(x)",
        words: &["-Wl,--export=x"],
    },
];

const MAIN: &str = "#include <sched.h>\n#include <stdio.h>\n\
    #define MAIN(COND) int main(int n, char **v) { if (COND) { sched_yield(); puts(\"never\"); } puts(\"done\"); }\n";

/// Builds a case at a level, and gives the module.
fn build(folder: &Path, case: &Case<'_>, level: &str) -> Vec<u8> {
    std::fs::write(folder.join("part.c"), case.part).unwrap();
    std::fs::write(folder.join("main.c"), format!("{MAIN}{}", case.main)).unwrap();
    let words = ["part.c", "main.c", level, "--lto=off", "-o", "out.wasm", "--json", "out.json"];
    let built = output(folder, &[&words, case.words].concat());
    assert!(built.status.success(), "{}: {}", case.name, text(&built));
    let ran = output(folder, &["run", "out.wasm"]);
    assert_eq!(text(&ran), "done\n", "{} at {level}", case.name);
    std::fs::read(folder.join("out.wasm")).unwrap()
}

fn yields(module: &[u8]) -> bool {
    module.windows(11).any(|bytes| bytes == b"sched_yield")
}

#[test]
fn what_hangs_on_objects_that_nothing_writes_goes_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    for (cases, stays) in [(NEVER, false), (PERHAPS, true)] {
        for case in cases {
            let alone = Case { words: &["--no-link-information"], ..*case };
            assert!(yields(&build(folder.path(), &alone, "-O2")), "{}: clang knows it alone", case.name);
            for level in ["-O2", "-Os", "-Oz"] {
                assert_eq!(yields(&build(folder.path(), case, level)), stays, "{} at {level}", case.name);
            }
        }
    }
}

/// What the stage did, as the report says.
#[derive(Debug)]
struct Counts {
    loads: usize,
    stores: usize,
    calls: usize,
    places: usize,
    cleared: usize,
    moved: usize,
    named: usize,
}

fn counts(folder: &Path) -> Counts {
    let report = std::fs::read_to_string(folder.join("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let stages = report["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["name"] == "link-information").unwrap();
    let note = stage["note"].as_str().unwrap();
    let numbers: Vec<usize> = note.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [loads, stores, calls, places, cleared, moved, named] = numbers[..] else { panic!("{note}") };
    Counts { loads, stores, calls, places, cleared, moved, named }
}

#[test]
fn stores_that_nobody_reads_go_and_those_that_somebody_may_stay() {
    let folder = tempfile::tempdir().unwrap();
    let stores = |part: &'static str, main: &'static str| {
        build(folder.path(), &case(part, part, main), "-Oz");
        counts(folder.path()).stores
    };
    let call = "extern int r; void set(int); MAIN((set(n), r == 7))";
    let none = stores("int r = 1; void set(int n) { r = n; }", call);
    let never_read = "int r = 1; long long w[3]; void set(int n) { r = n; w[1] = n; w[2] = n; }";
    assert_eq!(stores(never_read, call), none + 2);
    // Read as a part of a larger load, by an index, by a pointer.
    let whole = "int r = 1; union { char c[8]; long long l; } w; void set(int n) { w.c[3] = 5; r = n + (w.l == 9); }";
    assert_eq!(stores(whole, call), none);
    let indexed = "int r = 1; int w[4]; void set(int n) { w[1] = n; w[2] = n; r = w[n + 1] == 3 ? 7 : n; }";
    assert_eq!(stores(indexed, call), none);
    let pointer =
        "#include <string.h>\nint r = 1; int w[4]; void set(int n) { w[1] = n; r = n + (memchr(w, 9, n) != 0); }";
    assert_eq!(stores(pointer, call), none);
}

/// Functions of one type, what `set` does, and whether the linker knows whom a call by `p` reaches.
const CALLS: &[(&str, &str, &str, bool)] = &[
    ("one function", "O p = one;", "", true),
    ("one, in two places", "O p = one, q = one;", "if (n > 1) p = q;", true),
    ("another that nothing names", "O p = one, q = two;", "", true),
    ("another that is stored where nobody reads", "O p = one, q;", "q = two;", true),
    (
        "another that only a function stores whose type nobody calls",
        "O p = one, r = one; float never(float x, double y, float z) { r = two; return x; }\n\
         float (*s)(float, double, float) = never;",
        "if (!s) n = 9; if (n > 5) p = r;",
        true,
    ),
    ("another that is stored", "O p = one;", "if (n > 1) p = two;", false),
    ("another beside it in an array", "O t[] = {one, two}; O p;", "p = t[n - 1];", false),
    (
        "another that libc is given as something else",
        "#include <stdlib.h>\ntypedef int (*C)(const void *, const void *); int w[2];\n\
         int less(const void *x, const void *y) { return 0; } int more(const void *x, const void *y) { return 1; }\n\
         C c = (C)two, d = more; O p = one;",
        "qsort(w, 2, 4, n > 1 ? c : n < -5 ? d : less);",
        false,
    ),
];

#[test]
fn a_call_becomes_direct_where_one_function_only_can_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    let count = |objects: &str, set: &str, words: &'static [&'static str]| {
        let part = format!(
            "typedef double (*O)(float, long long, double); extern O p;\n\
             double one(float a, long long b, double c) {{ return a; }}\n\
             double two(float a, long long b, double c) {{ return b; }}\n\
             {objects}\nvoid set(int n) {{ {set} }}\n"
        );
        let main = "extern double (*p)(float, long long, double); void set(int);\n\
            int main(int n, char **v) { set(n); if (p(n, 5, 0) == 1) puts(\"done\"); else puts(\"another\"); }";
        build(folder.path(), &Case { name: objects, part: &part, main, words }, "-Oz");
        counts(folder.path())
    };
    let none = count("O t[] = {one, two}; O p;", "p = t[n - 1];", &[]);
    for &(name, objects, set, is_direct) in CALLS {
        let found = count(objects, set, &[]);
        assert_eq!(found.calls, none.calls + usize::from(is_direct), "{name}: {found:?}, without {none:?}");
    }
    // The host may put others into the table.
    let shared = count("O p = one;", "", &["-Wl,--export-table"]);
    assert_eq!((shared.calls, shared.places), (0, 0));
}

#[test]
fn what_only_parts_of_objects_name_that_nobody_loads_goes() {
    let folder = tempfile::tempdir().unwrap();
    let built = |more: &str| {
        let part = format!(
            "struct s {{ int n; float (*f)(float); const char *s; }}; extern struct s x; int r = 1;\n\
             void set(int n) {{ x.n += n; r = n + x.n; {more} }}\n\
             float one(float a) {{ return a + r; }} struct s x = {{3, one, \"never loaded\"}};\n"
        );
        let call = "extern int r; void set(int); MAIN((set(n), r == 7))";
        let module = build(folder.path(), &Case { name: more, part: &part, main: call, words: &[] }, "-Oz");
        (counts(folder.path()), module.windows(12).any(|bytes| bytes == b"never loaded"))
    };
    let (all, there) = built("if (n > 9) r = x.s[n] + x.f(n);");
    assert!(there);
    let (less, there) = built("");
    assert!(!there, "{less:?}");
    assert_eq!(less.places, all.places + 1, "{less:?} and {all:?}");
    assert!(less.cleared >= all.cleared + 12, "{less:?} and {all:?}");
}

/// Which of these texts are in a program that is built so. Neither the compiler nor the linker knows what `say` is given.
fn said<const N: usize>(part: &str, loud: &str, words: &[&str], texts: [&str; N]) -> [bool; N] {
    let folder = tempfile::tempdir().unwrap();
    let main = format!("#include <string.h>\nint say(int, int); MAIN(say({loud}, n) == 99)");
    let module = build(folder.path(), &Case { name: loud, part, main: &main, words }, "-Oz");
    let named = counts(folder.path()).named;
    assert_eq!(named > 3, !words.contains(&"--binaryen=off"), "{named} names with {words:?}");
    texts.map(|text| module.windows(text.len()).any(|bytes| bytes == text.as_bytes()))
}

/// Binaryen goes differently over each.
const WAYS: [&str; 5] = ["-Oz", "-Os", "-O3", "--optimize-for=compressed", "--opt-effort=max"];

#[test]
fn data_that_only_code_names_that_binaryen_removes_goes() {
    let part = "#include <stdio.h>\nchar first[] = \"never said\"; char *list[] = {first, \"also said\"}; int r = 1;\n\
        int say(int loud, int n) { if (loud) puts(list[n]); return r + n; }\n";
    let there = |part: &str, loud: &str, words: &[&str]| said(part, loud, words, ["never said", "also said"]);
    for way in WAYS {
        assert_eq!(there(part, "0", &[way]), [false, false], "{way}");
        // Whoever calls it with another number; without Binaryen; and where something is left that leads there.
        assert_eq!(there(part, "n > 5", &[way]), [true, true], "{way}");
        assert_eq!(there(part, "0", &[way, "--binaryen=off"]), [true, true], "{way}");
        assert_eq!(there(part, "0", &[way, "-Wl,--export=list"]), [true, true], "{way}");
        let used = part.replace("char first", "__attribute__((used)) char first");
        assert_eq!(there(&used, "0", &[way]), [true, false], "{way}");
        let indexed = part.replace("return r + n", "return r + first[n + 1]");
        assert_eq!(there(&indexed, "0", &[way]), [true, false], "{way}");
    }
}

#[test]
fn functions_whose_places_only_code_names_that_binaryen_removes_go() {
    // Others of the type are called out of the table in any case, so that it is the places that tell. The two that are never called name
    // each other, by an object and by a place.
    let part = "#include <stdio.h>\ntypedef int (*call)(int, int); extern call list[]; call p;\n\
        int one(int a, int b) { puts(\"never one\"); p = list[a]; return a; }\n\
        int two(int a, int b) { puts(\"never two\"); p = one; return b; }\n\
        int plus(int a, int b) { return a + b; } int minus(int a, int b) { return a - b; }\n\
        call list[] = {two, one};\n\
        int say(int loud, int n) { if (loud) list[n](n, 1); call q = n > 1 ? plus : minus; return (p ? p : q)(n, 8); }\n";
    let there = |part: &str, loud: &str, words: &[&str]| said(part, loud, words, ["never one", "never two"]);
    for way in WAYS {
        assert_eq!(there(part, "0", &[way]), [false, false], "{way}");
        assert_eq!(there(part, "n > 5", &[way]), [true, true], "{way}");
        assert_eq!(there(part, "0", &[way, "--binaryen=off"]), [true, true], "{way}");
        // The host may call it. It may be called by what stays, and lead to the other.
        assert_eq!(there(part, "0", &[way, "-Wl,--export-table"]), [true, true], "{way}");
        let called = part.replace("? plus", "? one");
        assert_eq!(there(&called, "0", &[way]), [true, true], "{way}");
        let single = called.replace("p = list[a];", "");
        assert_eq!(there(&single, "0", &[way]), [true, false], "{way}");
    }
}

/// The numbers that are imported as objects' names.
fn names(module: &[u8]) -> std::collections::BTreeSet<u32> {
    let mut found = std::collections::BTreeSet::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::ImportSection(section) = payload.unwrap() {
            let imports = section.into_imports().map(Result::unwrap);
            found.extend(imports.filter(|i| i.module == IMPORTED_FROM).map(|i| i.name.parse::<u32>().unwrap()));
        }
    }
    found
}

/// What becomes of a module with relocations in the way that has addresses go through Binaryen by name.
fn by_name(module: &[u8]) -> (Vec<u8>, usize) {
    let settled = settle(module, Addresses::Named).unwrap();
    assert!(settled.doubt.is_none(), "{:?}", settled.doubt);
    assert_eq!(names(&settled.module).len(), settled.named, "an import for each object");
    let placed = place(&settled.module).unwrap();
    assert_eq!((placed.cleared, placed.places), (0, 0), "nothing lost its last use yet");
    let tool = crate::binaryen::builtin();
    let request = Request { imports: Imports::MayDrop, ..Request::new(&settled.module, Level::Oz, &tool) };
    let Outcome::Better(optimized) = optimize(&request).unwrap() else { panic!("Binaryen gains nothing") };
    (place(&optimized).unwrap().module, settled.named)
}

#[test]
fn programs_whose_addresses_were_names_do_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let prints = |module: &[u8]| {
        std::fs::write(at.join("b.wasm"), module).unwrap();
        let ran = output(at, &["run", "--timeout", "10s", "b.wasm"]);
        ran.status.success().then(|| text(&ran))
    };
    let module = with_relocations(at, SOURCE);
    assert_eq!(prints(&by_name(&module).0).as_deref(), Some("1 8 7\n"));
    // Addresses that loads give which are constants for the linker, and of the linker's making.
    let part = "__attribute__((weak)) const char *const word = \"word\"; const char *const list[] = {\"zero\", \"one\", \"two\"};\n\
        struct s { const char *a, *b; } s = {\"first\", \"second\"}; char filled[9] = \"filled\"; char *const end = filled + 6;\n\
        int zero[3]; int *at_zero = zero + 1; static int *errno_like(void) { return zero + 2; } int *get(void) { return errno_like(); }\n";
    std::fs::write(at.join("part.c"), part).unwrap();
    let main = "#include \"part.c\"\n#include <stdio.h>\n#include <stdlib.h>\n\
        extern char __heap_base; __attribute__((noinline)) const char *pick(int n) { return n ? list[n] : word; }\n\
        int main(int n, char **v) { *get() = n; *at_zero += 5; char *p = malloc(3); end[0] = '!';\n\
            printf(\"%s %s %s %s %s %s %d %d %d\\n\", word, list[1], pick(n + 1), pick(n - 1), s.b, filled, zero[1], zero[2],\n\
                p >= &__heap_base); }\n";
    let (module, named) = by_name(&with_relocations(at, main));
    assert_eq!(prints(&module).as_deref(), Some("word one two word second filled! 5 1 1\n"));
    assert!(named > 10, "{named}");
    let (mut ran, mut named) = (0, 0);
    for seed in 1..=12 {
        let module = with_relocations(at, &csmith(at, seed));
        // Some never end.
        let Some(expected) = prints(&settle(&module, Addresses::Numbers).unwrap().module) else { continue };
        let (module, names) = by_name(&module);
        assert_eq!(prints(&module), Some(expected), "seed {seed}");
        ran += 1;
        named += names;
    }
    assert!(ran >= 6 && named > 500, "{ran} programs with {named} names");
}

#[test]
fn sections_that_say_they_are_of_wbuild_s_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let part =
        "__asm__(\".section .custom_section.wbuild.objects,\\\"\\\",@\\n.ascii \\\"abc\\\"\\n.text\\n\"); int x = 1;";
    let module = build(folder.path(), &case("a section", part, "extern int x; MAIN(x == n + 5)"), "-Oz");
    assert!(!module.windows(14).any(|bytes| bytes == b"wbuild.objects"));
}

#[test]
fn what_code_names_often_stands_first_and_everything_is_where_it_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    // Things of all segments and alignments, that point to each other, in an order that is bad for `hot` and `warm`.
    let part = "char filled[2000] = {3}; short odd = 7; _Alignas(16) char wide[5] = \"wide\"; volatile int warm = 11;\n\
        char cold[3000]; char *in_cold = cold + 2999; _Alignas(16) double much[3]; volatile int hot;\n\
        volatile int *to_hot = &hot; char **to_pointer = &in_cold; const char *names[] = {\"one\", \"two\", \"one\"};\n\
        struct list { struct list *next; int n; }; struct list b, a = {&b, 1}; struct list b = {&a, 2};\n\
        int last[4] = {1, 2, 3, 4}; int *end = last + 4; __attribute__((used)) char seen[3] = \"us\";\n\
        void heat(int n) { hot = n; hot += 2; hot += hot; hot ^= 5; hot -= 1; warm += hot; warm *= 3; warm ^= 1; }\n\
        int at(int n) { return cold[n - 100] + filled[n - 1] + last[n - 99]; }\n";
    let main = "#include <stdint.h>\n#include <stdio.h>\n\
        extern char filled[2000], wide[5], cold[3000], *in_cold, **to_pointer, seen[3]; extern short odd; extern double much[3];\n\
        extern volatile int hot, warm, *to_hot; extern const char *names[3]; struct list { struct list *next; int n; };\n\
        extern struct list a, b; extern int last[4], *end; void heat(int); int at(int);\n\
        static uintptr_t place(volatile void *p) { volatile uintptr_t place = (uintptr_t)p; return place; }\n\
        int main(int n, char **v) { heat(n); cold[2999] = 9; much[n] = odd; cold[n] = 4; int sum = 0;\n\
            for (int *p = last; p < end; p++) sum += *p;\n\
            printf(\"%d %d %d %d %s %g %d %s%s%s %d %d %d %s\\n\", hot, warm, *to_hot, **to_pointer, wide, much[1],\n\
                at(n + 100), names[0], names[n], names[n + 1], a.next->n, b.next->next->n, sum, seen);\n\
            printf(\"%d %d %d %d\\n\", place(&hot) < place(cold), place(&warm) < place(filled),\n\
                (int)((place(wide) | place(much)) % 16), place(to_hot) == place(&hot)); }\n";
    std::fs::write(folder.path().join("part.c"), part).unwrap();
    std::fs::write(folder.path().join("main.c"), main).unwrap();
    let says = |words: &[&str]| {
        let fixed = ["part.c", "main.c", "--lto=off", "-o", "out.wasm", "--json", "out.json"];
        let built = output(folder.path(), &[&fixed, words].concat());
        assert!(built.status.success(), "{}", text(&built));
        text(&output(folder.path(), &["run", "out.wasm"]))
    };
    let values = "2 38 2 9 wide 7 7 onetwoone 2 2 10 us\n";
    assert_eq!(says(&["-Oz", "--no-link-information"]), format!("{values}0 0 0 1\n"));
    assert_eq!(says(&["-Oz"]), format!("{values}1 1 0 1\n"));
    assert!(counts(folder.path()).moved >= 4, "{:?}", counts(folder.path()));
    // The host may know them: they stay, and the others go around them.
    let exports = ["-Wl,--export=hot", "-Wl,--export=cold", "-Wl,--export=filled"];
    assert_eq!(says(&[&["-Oz"][..], &exports].concat()), format!("{values}0 0 0 1\n"));
}

#[test]
fn constants_of_every_width_are_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let part = "#include <stdint.h>\n\
        int8_t a[] = {-1, 127}; uint8_t b = 255; int16_t c = -2; uint16_t d = 65535; int32_t e = -3; uint32_t f = 4000000000u;\n\
        int64_t g = -5000000000; uint64_t h = 18446744073709551615u; float i = -1.5f; double j = 1e300;\n\
        uint64_t k = 0x7ff4000000000001; int z;\n";
    let main = "#include <stdint.h>\n#include <string.h>\n\
        extern int8_t a[]; extern uint8_t b; extern int16_t c; extern uint16_t d; extern int32_t e; extern uint32_t f;\n\
        extern int64_t g; extern uint64_t h; extern float i; extern double j; extern double k; extern int z;\n\
        static uint64_t bits(double d) { uint64_t u; memcpy(&u, &d, 8); return u; }\n\
        int main(void) { printf(\"%d %d %u %d %u %d %u %lld %llu %g %g %llx %d\\n\", a[0], a[1], b, c, d, e, f, (long long)g,\n\
            (unsigned long long)h, i, j, (unsigned long long)bits(k), z); int64_t wide = a[0]; uint64_t much = d;\n\
            printf(\"%lld %llu %lld\\n\", (long long)wide, (unsigned long long)much, (long long)(int64_t)e); }\n";
    std::fs::write(folder.path().join("part.c"), part).unwrap();
    std::fs::write(folder.path().join("main.c"), format!("#include <stdio.h>\n{main}")).unwrap();
    let says = |level: &str| {
        let words =
            ["part.c", "main.c", level, "--lto=off", "--no-deterministic", "-o", "out.wasm", "--json", "out.json"];
        let built = output(folder.path(), &words);
        assert!(built.status.success(), "{}", text(&built));
        text(&output(folder.path(), &["run", "out.wasm"]))
    };
    let expected = "-1 127 255 -2 65535 -3 4000000000 -5000000000 18446744073709551615 -1.5 1e+300 7ff4000000000001 0\n\
                    -1 65535 -3\n";
    assert_eq!(says("-O2"), expected);
    assert_eq!(says("-Oz"), expected);
    assert!(counts(folder.path()).loads >= 13, "{:?}", counts(folder.path()));
}

/// A random program, of which all variables may be seen by others: clang alone cannot know who writes them.
fn csmith(folder: &Path, seed: u32) -> String {
    let random = Command::new("csmith")
        .args(["--seed", &seed.to_string(), "--max-funcs", "6", "--no-packed-struct", "--no-bitfields"])
        .current_dir(folder)
        .output()
        .expect("csmith (apt-get install csmith)");
    let is_variable = |line: &str| line.find(['=', ';']).is_some_and(|end| !line[..end].contains('('));
    String::from_utf8(random.stdout)
        .unwrap()
        .lines()
        .map(|line| match line.strip_prefix("static ").filter(|rest| is_variable(rest)) {
            Some(rest) => format!("{rest}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn random_programs_of_csmith_s_compute_what_they_compute_unoptimized() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (mut ran, mut loads) = (0, 0);
    for seed in 1..=16 {
        let source = csmith(at, seed);
        std::fs::write(at.join("random.c"), source).unwrap();
        let run = |words: &[&str]| {
            let fixed = ["random.c", "-w", "-I/usr/include/csmith", "-o", "out.wasm", "--json", "out.json"];
            let built = output(at, &[&fixed, words].concat());
            assert!(built.status.success(), "seed {seed} {words:?}: {}", text(&built));
            let ran = output(at, &["run", "--timeout", "10s", "out.wasm"]);
            ran.status.success().then(|| text(&ran))
        };
        // Some never end.
        let Some(expected) = run(&["-O0"]) else { continue };
        assert_eq!(run(&["-Oz", "--lto=off"]).as_ref(), Some(&expected), "seed {seed}");
        loads += counts(at).loads;
        assert_eq!(run(&["-Oz"]).as_ref(), Some(&expected), "seed {seed}");
        ran += 1;
    }
    assert!(ran >= 10 && loads >= 500, "{ran} programs with {loads} loads");
}

const SOURCE: &str = "#include <stdio.h>\nint verbose, seen; int *p = &seen; static int t[3] = {5, 6, 7};\n\
    int main(int n, char **v) { seen = n; t[n] = 8; if (verbose) puts(v[0]); printf(\"%d %d %d\\n\", *p, t[1], t[2]); }\n";

/// A program linked by hand with `--emit-relocs`.
fn with_relocations(folder: &Path, source: &str) -> Vec<u8> {
    let toolchain = toolchain::find(&toolchain::Request::default(), &wbuild_targets::TARGETS[0]).unwrap();
    std::fs::write(folder.join("a.c"), source).unwrap();
    let built = output(folder, &["cc", "-c", "a.c", "-w", "-I/usr/include/csmith", "-Oz", "-o", "a.o"]);
    assert!(built.status.success(), "{}", text(&built));
    let mut link = Toolchain::command(&toolchain.wasm_ld);
    link.args(["--emit-relocs", "--stack-first"])
        .args(toolchain.library_dirs.iter().map(|dir| format!("-L{}", dir.display())));
    link.args(&toolchain.crt_command).arg(folder.join("a.o")).arg("-lc").args(&toolchain.builtins);
    let module: PathBuf = folder.join("a.wasm");
    let linked = link.arg("-o").arg(&module).run(wbuild::process::Limits::default()).unwrap();
    assert!(linked.status.success(), "{}", linked.stderr);
    std::fs::read(module).unwrap()
}

#[test]
fn link_information_that_lies_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let module = with_relocations(folder.path(), SOURCE);
    let settle = |module: &[u8]| {
        let settled = settle(module, Addresses::Named).ok()?;
        Some((place(&settled.module).unwrap().module, settled))
    };
    let (placed, honest) = settle(&module).unwrap();
    assert!(honest.doubt.is_none() && honest.loads > 3 && honest.stores > 3, "{:?} {honest:?}", honest.doubt);
    assert!(honest.named > 3, "{honest:?}");
    let prints = |module: &[u8]| {
        std::fs::write(folder.path().join("b.wasm"), module).unwrap();
        text(&output(folder.path(), &["run", "b.wasm"]))
    };
    assert_eq!(prints(&placed), "1 8 7\n");
    // Where the sections begin whose bytes are changed: relocations of code and data, and symbols.
    let ranges: Vec<std::ops::Range<usize>> = wasmparser::Parser::new(0)
        .parse_all(&module)
        .filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::CustomSection(section)
                if section.name() == "linking" || section.name().starts_with("reloc.") =>
            {
                Some(section.data_offset()..section.range().end)
            }
            _ => None,
        })
        .collect();
    assert_eq!(ranges.len(), 3);
    let mut numbers = Random::new("lies", 1);
    let (mut doubted, mut others) = (0, std::collections::BTreeSet::new());
    for round in 0..4000 {
        let mut lie = module.clone();
        let range = &ranges[round % 3];
        for _ in 0..1 + numbers.next() % 2 {
            let at = range.start + numbers.next() as usize % range.len();
            lie[at] = match numbers.next() % 3 {
                0 => numbers.next() as u8,
                1 => lie[at].wrapping_add(1),
                _ => lie[at] ^ 1 << (numbers.next() % 8),
            };
        }
        let Some((module, settled)) = settle(&lie) else { continue };
        doubted += usize::from(settled.doubt.is_some());
        if module != placed {
            others.insert(module);
        }
    }
    assert!(doubted > 1000, "{doubted}");
    assert!(others.len() > 5, "{}", others.len());
    for other in others {
        assert_eq!(prints(&other), "1 8 7\n");
    }
}
