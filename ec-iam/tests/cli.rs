//! Golden cases of the command line: arguments, stdin, stdout, stderr and exit code. No network.

#[test]
fn golden_cases() {
    trycmd::TestCases::new().case("tests/cli/*.toml");
}
