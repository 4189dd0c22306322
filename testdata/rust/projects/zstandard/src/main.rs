//! C inside: zstd, compiled by its build script.
fn main() {
    let data: Vec<u8> = (0..400_000u32).map(|i| (i.wrapping_mul(i) >> 13) as u8 ^ (i / 1000) as u8).collect();
    for level in [1, 3, 12] {
        let packed = zstd::bulk::compress(&data, level).expect("it can be packed");
        let back = zstd::bulk::decompress(&packed, data.len()).expect("it was packed just now");
        let sum = packed.iter().fold(0u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        println!("zstd {level}: {} {sum:08x} {}", packed.len(), back == data);
    }
}
