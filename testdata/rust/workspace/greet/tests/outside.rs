#[test]
fn greets_from_outside() {
    assert_eq!(greet::greet("all"), "Hello, all!");
}
