//! Archives of objects, as `ar` has them: written for wbuild's own libraries, read where one member is wanted.

/// The first bytes of every archive.
const START: &[u8] = b"!<arch>\n";

/// How long that is which stands in front of each member.
const HEADER: usize = 60;

/// An archive of objects, each by its name without the suffix, with the index that wasm-ld wanted before LLVM 15.
pub fn write(objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    // Name, time, owner, group, mode, size, each padded, as ar(5) has them; the name has room for 15 characters.
    let member = |name: &str, content: &[u8]| {
        let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).into_bytes();
        bytes.extend(content);
        if bytes.len() % 2 == 1 {
            bytes.push(b'\n');
        }
        bytes
    };
    // The index: how many symbols, where the member of each begins, and their names, each ended by a zero.
    let index = |from: usize| {
        let (mut at, mut places, mut names) = (from, Vec::new(), Vec::new());
        for (_, object) in objects {
            for name in crate::exports::defined(object) {
                places.push(at as u32);
                names.extend(name.bytes().chain([0]));
            }
            at += member("", object).len();
        }
        let numbers = [places.len() as u32].into_iter().chain(places).flat_map(u32::to_be_bytes);
        member("/", &numbers.chain(names).collect::<Vec<u8>>())
    };
    // Its length does not depend on what is in it.
    let mut bytes = [START, &index(START.len() + index(0).len())].concat();
    for (name, object) in objects {
        bytes.extend(member(&format!("{name:.13}.o/"), object));
    }
    bytes
}

/// The member that defines a symbol, by the archive's index.
pub fn member_that_defines<'a>(archive: &'a [u8], symbol: &str) -> Option<&'a [u8]> {
    let index = member_at(archive, START.len())?;
    let (count, rest) = index.split_first_chunk()?;
    let (places, names) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(4)?)?;
    let which = names.split(|&byte| byte == 0).position(|name| name == symbol.as_bytes())?;
    let (place, _) = places.get(4 * which..)?.split_first_chunk()?;
    member_at(archive, u32::from_be_bytes(*place) as usize)
}

/// What is in the member whose header begins here.
fn member_at(archive: &[u8], at: usize) -> Option<&[u8]> {
    let (header, rest) = archive.get(at..)?.split_at_checked(HEADER)?;
    let size = std::str::from_utf8(&header[48..58]).ok()?.trim_end().parse().ok()?;
    rest.get(..size)
}
