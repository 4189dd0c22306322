//! Just enough of LLVM's bitcode to read the symbol table that lies beside a module in it: LTO
//! objects say only there which functions their sources marked as used.

/// What a symbol table says of one symbol, as far as a link needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub is_undefined: bool,
    /// Defined, marked as used by the source, and not hidden.
    pub is_kept_alive: bool,
}

/// The symbols of a bitcode object; `None` if it is no bitcode.
pub fn symbols(object: &[u8]) -> Option<Vec<Symbol>> {
    object.strip_prefix(b"BC\xC0\xDE")?;
    // A file whose table cannot be read exports nothing more, and links all the same.
    Some(read(object).unwrap_or_default())
}

/// Blocks of the outermost level, by LLVM's numbers.
const STRTAB_BLOCK: u64 = 23;
const SYMTAB_BLOCK: u64 = 25;

/// Bits of a symbol's flags, as LLVM's irsymtab has them.
const VISIBILITY: u32 = 0b11;
const UNDEFINED: u32 = 1 << 3;
const USED: u32 = 1 << 7;
const GLOBAL: u32 = 1 << 10;
/// LLVM's own, such as `llvm.used`.
const SPECIAL: u32 = 1 << 11;

fn read(object: &[u8]) -> Option<Vec<Symbol>> {
    let (mut symtab, mut strtab) = (None, None);
    let mut bits = Bits { bytes: object, at: 32 };
    while bits.at + 32 <= object.len() * 8 {
        // ENTER_SUBBLOCK, the block's number, its width of abbreviations, and its length in words.
        if bits.fixed(2)? != 1 {
            return None;
        }
        let block = bits.variable(8)?;
        let width = bits.variable(4)?;
        bits.align();
        let words = bits.fixed(32)? as usize;
        let start = bits.at;
        let end = start.checked_add(words.checked_mul(32)?)?;
        match block {
            SYMTAB_BLOCK => symtab = blob(&mut Bits { bytes: object, at: start }, width),
            STRTAB_BLOCK => strtab = blob(&mut Bits { bytes: object, at: start }, width),
            _ => {}
        }
        bits.at = end;
    }
    let (symtab, strtab) = (symtab?, strtab?);
    // The header: version, producer, modules, comdats, then the symbols' range.
    let word = |at: usize| Some(u32::from_le_bytes(symtab.get(at..at + 4)?.try_into().ok()?));
    let (offset, count) = (word(7 * 4)? as usize, word(8 * 4)? as usize);
    let mut symbols = Vec::new();
    for symbol in 0..count.min(symtab.len() / 24) {
        let at = offset.checked_add(symbol * 24)?;
        let (name, length, flags) = (word(at)? as usize, word(at + 4)? as usize, word(at + 20)?);
        if flags & SPECIAL != 0 {
            continue;
        }
        symbols.push(Symbol {
            name: String::from_utf8(strtab.get(name..name.checked_add(length)?)?.to_vec()).ok()?,
            is_undefined: flags & UNDEFINED != 0,
            is_kept_alive: flags & (USED | GLOBAL | UNDEFINED | VISIBILITY) == USED | GLOBAL,
        });
    }
    Some(symbols)
}

/// The one blob of a block that defines one abbreviation for it and then uses it.
fn blob<'a>(bits: &mut Bits<'a>, width: u64) -> Option<&'a [u8]> {
    // DEFINE_ABBREV: how many operands, then each: a literal, or an encoding.
    if bits.fixed(width)? != 2 {
        return None;
    }
    for _ in 0..bits.variable(5)? {
        match bits.fixed(1)? {
            1 => drop(bits.variable(8)?),
            _ => match bits.fixed(3)? {
                // Fixed and VBR carry their width.
                1 | 2 => drop(bits.variable(5)?),
                _ => {}
            },
        }
    }
    // The record: the first abbreviation's number, the blob's length, and its bytes.
    if bits.fixed(width)? != 4 {
        return None;
    }
    let length = bits.variable(6)? as usize;
    bits.align();
    let start = bits.at / 8;
    bits.bytes.get(start..start.checked_add(length)?)
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn fixed(&mut self, width: u64) -> Option<u64> {
        let mut value = 0;
        for n in 0..width.min(64) {
            let byte = *self.bytes.get(self.at / 8)?;
            value |= u64::from(byte >> (self.at % 8) & 1) << n;
            self.at += 1;
        }
        Some(value)
    }

    /// LLVM's variable bit rate: the top bit of each chunk says that another follows.
    fn variable(&mut self, width: u64) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let chunk = self.fixed(width)?;
            let more = 1 << (width - 1);
            value |= (chunk & (more - 1)).checked_shl(shift)?;
            if chunk & more == 0 {
                return Some(value);
            }
            shift += width as u32 - 1;
        }
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_no_bitcode_and_damaged_ones_export_nothing() {
        assert_eq!(symbols(b"\0asm\x01\0\0\0"), None);
        for length in 0..64 {
            let mut bytes = b"BC\xC0\xDE".to_vec();
            bytes.extend((0..length).map(|n| (n * 37) as u8));
            assert_eq!(symbols(&bytes), Some(vec![]), "{length}");
        }
    }
}
