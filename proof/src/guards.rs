//! Guards one by one: what a hardened module is without one of them.
