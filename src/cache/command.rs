//! `wbuild cache`: what is kept, and how to be rid of it.

use std::io::Write;

use super::{Cache, LEVELS, OFF, Use, counts, folder_and_limit};
use crate::error::{Error, Result};
use crate::settings;
use crate::toolchain::Places;

/// Show what is kept of earlier builds, or remove it
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the folder, its entries and size, the limit, hits and misses (the default)
    Stats,
    /// Remove every entry, and count hits and misses from zero
    Clear,
}

/// Does what the command line says.
pub fn command(args: &Args, places: &Places) -> Result<()> {
    if let Some(size) = places.var("WBUILD_CACHE_SIZE") {
        settings::size(&size.to_string_lossy()).map_err(|e| e.cause("WBUILD_CACHE_SIZE says so"))?;
    }
    let (folder, _) = folder_and_limit(places).map_err(Error::build)?;
    // Looking at it is no use of it.
    let cache = Cache::open(&places.without(OFF), Use::Allowed);
    let Some(store) = &cache.store else {
        return Err(Error::build(format!("the cache in {} cannot be used", folder.display()))
            .cause(cache.trouble().unwrap_or_default())
            .help("set WBUILD_CACHE to a folder of your own, or give that one the rights 0700"));
    };
    let text = match args.action {
        None | Some(Action::Stats) => {
            let (size, counted) = (store.size(), std::fs::read(counts(store)).unwrap_or_default());
            let times = |letter: u8| counted.iter().filter(|byte| **byte == letter).count();
            let mut text = format!(
                "folder   {}\nentries  {}\nbytes    {}\nlimit    {}\n{:<9}{:>9} {:>9}\n",
                store.folder().display(),
                size.entries,
                size.bytes,
                store.limit(),
                "",
                "hits",
                "misses"
            );
            for (_, name, [hit, miss]) in LEVELS {
                text.push_str(&format!("{name:<9}{:>9} {:>9}\n", times(hit), times(miss)));
            }
            text
        }
        Some(Action::Clear) => {
            let (size, failed) = store.clear();
            if let Some(e) = failed {
                return Err(Error::build(format!("cannot clear the cache in {}", store.folder().display())).cause(e));
            }
            let _ = std::fs::remove_file(counts(store));
            format!("removed {} entries, {} bytes\n", size.entries, size.bytes)
        }
    };
    // A reader that has seen enough is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
