//! Pass `harden`: NaN bits and growth that are the same on every engine. All about it is in [`crate::harden`].
//!
//! **Example.** `harden` guards a product that is stored, once, and leaves a copy and a comparison alone. Of
//! ```wat
//! (module
//!   (memory 1)
//!   (func (export "f") (param f64 f64) (result i32) (local f64)
//!     (local.set 2 (f64.mul (local.get 0) (local.get 1)))
//!     (f64.store (i32.const 0) (local.get 2))
//!     (f64.store (i32.const 8) (local.get 2))
//!     (f64.store (i32.const 16) (f64.load (i32.const 24)))
//!     (f64.lt (f64.add (local.get 0) (local.get 1)) (f64.const 1))))
//! ```
//! it makes
//! ```wat
//! (module
//!   (type (;0;) (func (param f64 f64) (result i32)))
//!   (memory (;0;) 1)
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (param f64 f64) (result i32)
//!     (local f64)
//!     local.get 0
//!     local.get 1
//!     f64.mul
//!     local.set 2
//!     i32.const 0
//!     local.get 2
//!     f64.const nan (;=NaN;)
//!     local.get 2
//!     local.get 2
//!     f64.ge
//!     select
//!     local.tee 2
//!     f64.store
//!     i32.const 8
//!     local.get 2
//!     f64.store
//!     i32.const 16
//!     i32.const 24
//!     f64.load
//!     f64.store
//!     local.get 0
//!     local.get 1
//!     f64.add
//!     f64.const 0x1p+0 (;=1;)
//!     f64.lt
//!   )
//! )
//! ```

use crate::{Error, Module};

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    crate::harden::run(module, &crate::harden::Options::default()).map(|_| ())
}
