use super::*;

fn tokens(words: &[&str]) -> Vec<Token> {
    tokenize(&words.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
}

fn error(words: &[&str]) -> Error {
    tokenize(&words.iter().map(OsString::from).collect::<Vec<_>>()).unwrap_err()
}

fn compile(words: &[&str]) -> Token {
    Token::Compile(words.iter().map(OsString::from).collect())
}

fn link(words: &[&str]) -> Token {
    Token::Link(words.iter().map(OsString::from).collect())
}

fn input(path: &str) -> Token {
    Token::Input { path: path.into(), language: None }
}

#[test]
fn separate_arguments_stay_with_their_options() {
    let words =
        ["-I", "inc", "-D", "X=1", "-isystem", "sys", "-include", "a.h", "-MF", "a.d", "-Xclang", "-foo", "a.c"];
    assert_eq!(
        tokens(&words),
        [
            compile(&["-I", "inc"]),
            compile(&["-D", "X=1"]),
            compile(&["-isystem", "sys"]),
            compile(&["-include", "a.h"]),
            compile(&["-MF", "a.d"]),
            compile(&["-Xclang", "-foo"]),
            input("a.c"),
        ]
    );
}

#[test]
fn unknown_single_dash_options_pass_on_in_their_order() {
    let words = ["-std=c99", "-Wall", "-fno-builtin", "-mtail-call", "-DX", "-undef", "a.c"];
    let expected: Vec<Token> = words[..6].iter().map(|w| compile(&[w])).chain([input("a.c")]).collect();
    assert_eq!(tokens(&words), expected);
}

#[test]
fn words_for_the_linker_keep_their_place_among_the_inputs() {
    let words = ["a.c", "-lfoo", "-L", "dir", "-Wl,--wrap,f", "b.o", "-Xlinker", "--verbose", "-u", "sym", "-e", "go"];
    assert_eq!(
        tokens(&words),
        [
            input("a.c"),
            link(&["-lfoo"]),
            link(&["-Ldir"]),
            link(&["--wrap", "f"]),
            input("b.o"),
            link(&["--verbose"]),
            link(&["--undefined=sym"]),
            link(&["--entry=go"]),
        ]
    );
}

#[test]
fn s_before_an_upper_case_identifier_is_a_setting_and_strips_otherwise() {
    let setting = |text: &str| Token::Setting(text.into());
    assert_eq!(tokens(&["-s", "STRICT", "a.c"]), [setting("STRICT"), input("a.c")]);
    assert_eq!(tokens(&["-s", "A_1=x y", "a.c"]), [setting("A_1=x y"), input("a.c")]);
    assert_eq!(tokens(&["-sWASM=1"]), [setting("WASM=1")]);
    assert_eq!(tokens(&["-s", "a.c"]), [Token::Strip, input("a.c")]);
    assert_eq!(tokens(&["-s", "MAIN.c"]), [Token::Strip, input("MAIN.c")]);
    assert_eq!(tokens(&["-s", "-O2"]), [Token::Strip, Token::Optimize("2".into())]);
    assert_eq!(tokens(&["a.c", "-s"]), [input("a.c"), Token::Strip]);
}

#[test]
fn long_options_take_values_either_way() {
    let token = Token::Own(Own::StackSize, Some("2MB".into()));
    assert_eq!(tokens(&["--stack-size=2MB"]), std::slice::from_ref(&token));
    assert_eq!(tokens(&["--stack-size", "2MB"]), [token]);
    assert_eq!(tokens(&["--llvm-lto", "1"]), [Token::Own(Own::LlvmLto, Some("1".into()))]);
    assert_eq!(tokens(&["-###"]), [Token::Own(Own::DryRun, None)]);
    assert!(error(&["--standalone=1"]).message.contains("takes no value"));
    assert!(error(&["--stack-size"]).message.contains("needs an argument"));
}

#[test]
fn an_unknown_long_option_names_the_nearest() {
    let help = |word: &str| error(&[word]).help.unwrap();
    assert_eq!(help("--standalon"), "did you mean --standalone?");
    assert_eq!(help("--max-memroy"), "did you mean --max-memory?");
    assert_eq!(help("--gc-sections"), "pass it through: -Wl,--gc-sections");
    assert_eq!(help("--preload-file"), "give the program its files when it runs: wbuild run --dir . FILE");
    assert_eq!(help("--xyzzyplugh"), "wbuild --help lists the options");
    assert_eq!(help("-03"), "did you mean -O3?");
}

#[test]
fn a_language_holds_until_the_next() {
    let with = |path: &str, language: &str| Token::Input { path: path.into(), language: Some(language.into()) };
    let words = ["-x", "c", "a", "-", "-xc++", "b", "-x", "none", "d.c"];
    assert_eq!(tokens(&words), [with("a", "c"), with("-", "c"), with("b", "c++"), input("d.c")]);
    assert!(error(&["-x", "fortran", "a.f"]).message.contains("fortran"));
}

#[test]
fn what_does_not_end_in_a_module_is_refused() {
    for word in ["-c", "-S", "-E", "-M", "-shared", "-r"] {
        assert!(matches!(&tokens(&[word])[0], Token::Refused { option, .. } if option == word), "{word}");
    }
}

#[test]
fn response_files_are_read_with_their_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
    std::fs::write(&inner, "-DA='x y' \"b c.c\"\n").unwrap();
    std::fs::write(&outer, format!("-O3 @{} -D\\ B", inner.display())).unwrap();
    let got = tokens(&[&format!("@{}", outer.display())]);
    let expected = [Token::Optimize("3".into()), compile(&["-DA=x y"]), input("b c.c"), compile(&["-D B"])];
    assert_eq!(got, expected);
    std::fs::write(&outer, format!("@{}", outer.display())).unwrap();
    assert!(error(&[&format!("@{}", outer.display())]).message.contains("nested too deeply"));
    assert!(error(&["@/nonexistent/file"]).message.contains("/nonexistent/file"));
}

#[test]
fn an_empty_word_is_an_error_and_two_dashes_end_the_options() {
    assert!(error(&["", "a.c"]).message.contains("empty"));
    assert_eq!(tokens(&["--", "-odd.c"]), [input("-odd.c")]);
}

#[cfg(unix)]
#[test]
fn a_file_name_need_not_be_utf8_but_an_option_must() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"a\xff.c".to_vec());
    assert_eq!(tokenize(std::slice::from_ref(&odd)).unwrap(), [Token::Input { path: odd.into(), language: None }]);
    assert!(tokenize(&[OsString::from_vec(b"-D\xff".to_vec())]).is_err());
}

/// The table is right for the compiler that is really used: clang complains of a missing argument
/// for each of its options, and takes no word after any other.
#[test]
fn the_options_with_a_separate_argument_are_those_of_the_installed_clang() {
    let target = &wbuild_targets::TARGETS[0];
    let toolchain = crate::toolchain::find(&Default::default(), target).expect("a compiler to ask");
    for option in SEPARATE {
        let mut command = crate::toolchain::Toolchain::command(&toolchain.clang);
        command.args(["-###", "-c", "x.c", option]);
        let said = command.run(Default::default()).unwrap().stderr;
        assert!(said.contains(&format!("argument to '{option}' is missing")), "{option}: {said}");
    }
}
