//! Many functions at once, with results that do not depend on how many threads there are.

use rayon::prelude::*;
use std::error::Error;
use std::sync::LazyLock;

/// Less code than this is done before a second thread would have started.
const WORTH_A_THREAD: usize = 128 * 1024;

/// Whether rayon has its threads. Where the system gives none, it would panic when they are first asked for.
static HAS_THREADS: LazyLock<bool> = LazyLock::new(|| match rayon::ThreadPoolBuilder::new().build_global() {
    Ok(()) => true,
    // Somebody else has asked for them, or there is a cause.
    Err(error) => error.source().is_none(),
});

/// What `work` makes of each item, in order, or the error of the first item that has one. `code` is how many bytes of
/// code there are to look at.
pub(crate) fn map<T: Send, R: Send, E: Send>(
    items: Vec<T>,
    code: usize,
    work: impl Fn(T) -> Result<R, E> + Send + Sync,
) -> Result<Vec<R>, E> {
    map_with(items, code, || (), |(), item| work(item))
}

/// As [`map`], where a thread has something to keep from one item to the next, which `state` makes.
pub(crate) fn map_with<T: Send, S, R: Send, E: Send>(
    items: Vec<T>,
    code: usize,
    state: impl Fn() -> S + Send + Sync,
    work: impl Fn(&mut S, T) -> Result<R, E> + Send + Sync,
) -> Result<Vec<R>, E> {
    if code < WORTH_A_THREAD || !*HAS_THREADS {
        let mut state = state();
        return items.into_iter().map(|item| work(&mut state, item)).collect();
    }
    let done: Vec<Result<R, E>> = items.into_par_iter().map_init(state, work).collect();
    done.into_iter().collect()
}
