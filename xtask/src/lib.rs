//! What development needs and the product does not: the programs that tests and benchmarks build,
//! their native builds, and the setting up of a machine.

pub mod initialized;
pub mod measure;
pub mod native;
pub mod others;
pub mod programs;
pub mod shell;
pub mod sources;
