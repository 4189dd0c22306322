//! Proofs that hardening is right. What a hardened module does must not depend on which NaN an
//! operator makes; so [`chaos`](mod@chaos) makes others, [`reference`](mod@reference) says what
//! should have come out, and [`random`] gives modules in which it matters.
//!
//! Development only: nothing here is in the product.

pub mod chaos;
pub mod expose;
pub mod guards;
pub mod judge;
pub mod loops;
pub mod numbers;
pub mod observe;
pub mod random;
pub mod reference;
mod scatter;
pub mod second;
pub mod third;
pub mod wasi;

pub use chaos::chaos;
pub use expose::expose;
pub use scatter::scatter;
