//! The binary: parse, run one command, say how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::cli::main()
}
