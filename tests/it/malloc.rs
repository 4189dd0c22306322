//! The small allocator against the C library's: the same behaviour, less code.

use std::path::Path;

use xtask::shell;

use crate::rust::{output, text};

/// Builds the program that exercises malloc, whose calls clang must not reason away.
fn build(folder: &Path, options: &[&str]) -> u64 {
    let source = shell::root().join("testdata/c/malloc.c");
    let fixed = [source.to_str().unwrap(), "-fno-builtin", "--max-memory=256MB", "-o", "malloc.wasm"];
    let built = output(folder, &[&fixed, options].concat());
    assert!(built.status.success(), "{options:?}: {}", text(&built));
    std::fs::metadata(folder.join("malloc.wasm")).unwrap().len()
}

/// Runs it, and gives the pages of memory that it took.
fn pages(folder: &Path) -> u32 {
    let run = output(folder, &["run", "malloc.wasm"]);
    assert!(run.status.success(), "{}", text(&run));
    text(&run).trim().strip_suffix(" pages").unwrap_or_else(|| panic!("{}", text(&run))).parse().unwrap()
}

#[test]
fn the_small_allocator_holds_what_an_allocator_promises_and_takes_no_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let libc = build(folder, &["-O1"]);
    let usual = pages(folder);
    for options in [&["-O1", "--malloc=small"][..], &["-O3", "--malloc=small"], &["-Os"], &["-Oz", "--lto=full"]] {
        let size = build(folder, options);
        let taken = pages(folder);
        assert!(taken <= usual, "{options:?}: {taken} pages, and libc's takes {usual}");
        assert!(options[0] != "-O1" || size + 5000 < libc, "{options:?}: {size} B, and with libc's {libc} B");
        let twice = output(folder, &["run", "malloc.wasm", "twice"]);
        assert_eq!(twice.status.code(), Some(134), "{options:?}: {}", text(&twice));
    }
}

#[test]
fn size_levels_and_emccs_setting_choose_the_small_allocator() {
    let folder = tempfile::tempdir().unwrap();
    let source = shell::root().join("testdata/c/malloc.c");
    for (options, small) in [
        (&["-O3"][..], false),
        (&["-Oz"], true),
        (&["-Os"], true),
        (&["-Oz", "--malloc=libc"], false),
        (&["-Oz", "-s", "MALLOC=dlmalloc"], false),
        (&["-O2", "-sMALLOC=emmalloc"], true),
        (&["-Oz", "-nostdlib"], false),
        (&["-Oz", "--target=wasm32-unknown-unknown"], false),
    ] {
        let planned = output(folder.path(), &[&[source.to_str().unwrap(), "--dry-run"], options].concat());
        assert!(planned.status.success(), "{}", text(&planned));
        assert_eq!(text(&planned).contains("libwbuild-malloc.a"), small, "{options:?}: {}", text(&planned));
    }
    for options in [["--malloc=large"], ["-sMALLOC=mimalloc"]] {
        let refused = output(folder.path(), &[&[source.to_str().unwrap()], &options[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{options:?}: {}", text(&refused));
    }
}

#[test]
fn an_allocator_of_the_programs_own_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // All that an archive member of libc's would be brought in for.
    let source = "#include <stdio.h>\n#include <stdlib.h>\n\
                  static char pool[1 << 16]; static size_t used;\n\
                  void *malloc(size_t n) { void *p = pool + used; used += (n + 15) & -16; return p; }\n\
                  void *calloc(size_t n, size_t m) { return malloc(n * m); }\n\
                  void *realloc(void *p, size_t n) { (void)p; return malloc(n); }\n\
                  void free(void *p) { (void)p; }\n\
                  void *aligned_alloc(size_t a, size_t n) { (void)a; return malloc(n); }\n\
                  int posix_memalign(void **p, size_t a, size_t n) { (void)a; *p = malloc(n); return 0; }\n\
                  int main(int c, char **v) { (void)c; (void)v; char *p = malloc(10);\n\
                  printf(\"%d\\n\", p >= pool && p < pool + sizeof pool); return 0; }\n";
    std::fs::write(folder.join("own.c"), source).unwrap();
    let built = output(folder, &["own.c", "-Oz", "-fno-builtin", "-o", "own.wasm"]);
    assert!(built.status.success(), "{}", text(&built));
    assert_eq!(text(&output(folder, &["run", "own.wasm"])), "1\n");
}
