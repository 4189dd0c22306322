//! Pass `harden`: see [`crate::harden`].

use crate::{Error, Module};

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    crate::harden::run(module, &crate::harden::Options::default()).map(|_| ())
}
