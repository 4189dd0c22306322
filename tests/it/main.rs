//! All integration tests in one program, which saves the time of linking many.

mod binaryen;
mod run;
mod toolchain;
