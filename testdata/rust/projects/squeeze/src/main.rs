//! Two compressors in Rust: there and back again.
fn main() {
    let mut state = 12345u32;
    let data: Vec<u8> = (0..300_000)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if i % 1000 < 700 { b"all work and no play "[i % 21] } else { (state >> 24) as u8 }
        })
        .collect();
    for level in [1, 6, 9] {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&data, level);
        let back = miniz_oxide::inflate::decompress_to_vec_zlib(&packed).expect("it was packed just now");
        println!("deflate {level}: {} {:08x} {}", packed.len(), sum(&packed), back == data);
    }
    let packed = lz4_flex::compress_prepend_size(&data);
    let back = lz4_flex::decompress_size_prepended(&packed).expect("it was packed just now");
    // What it finds depends on how wide a pointer is, so only the way back can be compared.
    println!("lz4: {} {}", packed.len() < data.len() / 2, back == data);
    println!("{:?}", lz4_flex::decompress_size_prepended(&packed[..packed.len() / 2]).is_err());
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}
