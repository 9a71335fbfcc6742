//! Golden command-line cases.

#[test]
fn golden() {
    trycmd::TestCases::new().case("tests/cli/*.toml");
}
