//! What becomes of numbers that were measured.

/// The middle one of at least one, or the upper of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The geometric mean of ratios.
pub fn mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

/// How far the geometric mean of such ratios may be from that of all there could be: a standard deviation of it, as a part of 1.
pub fn standard_error(ratios: &[f64]) -> f64 {
    let (count, mean) = (ratios.len() as f64, mean(ratios).ln());
    let squares: f64 = ratios.iter().map(|ratio| (ratio.ln() - mean).powi(2)).sum();
    (squares / (count - 1.0).max(1.0) / count).sqrt()
}

/// The largest of ratios.
pub fn worst(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(0.0, f64::max)
}
