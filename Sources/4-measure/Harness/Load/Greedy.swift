/// Greedy decoding: the token with the highest logit, of equals the first.
package enum Greedy {
  package static func token(_ logits: UnsafeBufferPointer<Float>) -> Int {
    // The greatest value first, sixteen side by side, then where it stands: a loop that carries both
    // takes several times as long, which shows beside the steps of small models.
    let width = SIMD16<Float>.scalarCount
    let whole = logits.count / width * width
    var lanes = SIMD16<Float>(repeating: -.infinity)
    let base = UnsafeRawPointer(logits.baseAddress!)
    for start in stride(from: 0, to: whole, by: width) {
      let values = base.loadUnaligned(fromByteOffset: 4 * start, as: SIMD16<Float>.self)
      lanes.replace(with: values, where: values .> lanes)
    }
    var greatest = lanes.max()
    for value in logits[whole...] where value > greatest { greatest = value }
    return logits.firstIndex(of: greatest) ?? 0
  }
}
