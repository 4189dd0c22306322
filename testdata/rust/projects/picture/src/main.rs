//! png: draws, encodes, decodes and compares.
fn main() {
    let (width, height) = (191u32, 127u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            let wave = ((u * 23.0).sin() * (v * 17.0).cos() * 127.0 + 128.0) as u8;
            pixels.extend([wave, (u * 255.0) as u8, (x * y) as u8, 255 - (v * 255.0) as u8]);
        }
    }
    for (name, depth) in [("none", png::Filter::NoFilter), ("paeth", png::Filter::Paeth), ("adaptive", png::Filter::Adaptive)] {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_filter(depth);
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("it can be encoded");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().expect("it can be read");
        let mut decoded = vec![0; reader.output_buffer_size().expect("it is small")];
        let info = reader.next_frame(&mut decoded).expect("it can be decoded");
        assert!(decoded == pixels);
        let sum = file.iter().fold(0u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        println!("{name}: {}x{} in {} bytes, {sum:08x}", info.width, info.height, file.len());
    }
}
