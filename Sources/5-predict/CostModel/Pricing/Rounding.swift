/// Rounding of sizes and counts, all in 0 ..< 2⁵¹, where adding and subtracting 2⁵² rounds to whole
/// numbers. `rounded(.up)` is a call into the mathematics library on plain x86-64, which costs more
/// than the formulas around it.
@inline(__always)
func ceiling(_ x: Double) -> Double {
  let nearest = (x + 0x1p52) - 0x1p52
  return nearest < x ? nearest + 1 : nearest
}

@inline(__always)
func floored(_ x: Double) -> Double {
  let nearest = (x + 0x1p52) - 0x1p52
  return nearest > x ? nearest - 1 : nearest
}
