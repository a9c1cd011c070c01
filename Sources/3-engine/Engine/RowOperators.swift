import Machine
import Model
import Weights

/// What one thread does with one row of activations.
extension KernelTable {
  /// Norms `count` values of one row.
  func normalize(
    _ norm: Norm, _ weights: ModelWeights.NormWeights, _ x: UnsafePointer<Float>, _ count: Int,
    _ y: UnsafeMutablePointer<Float>
  ) { normalize(norm, weights, from: 0, x, count, y) }

  /// - Parameter first: of the norm's weights.
  func normalize(
    _ norm: Norm, _ weights: ModelWeights.NormWeights, from first: Int, _ x: UnsafePointer<Float>,
    _ count: Int, _ y: UnsafeMutablePointer<Float>
  ) {
    let (weight, bias) = (weights.weight.base + first, weights.bias.map { $0.base + first })
    switch norm.kind {
    case .rms:
      functions.rms_norm(x, weight, count, Float(norm.epsilon), y)
      if let bias { for i in 0..<count { y[i] += bias[i] } }
    case .layer: functions.layer_norm(x, weight, bias, count, Float(norm.epsilon), y)
    }
  }

  /// Norms the heads of one row where they lie, each `e` wide.
  func normalizeHeads(
    _ norm: Attention.QueryKeyNorm, _ weights: ModelWeights.NormWeights,
    _ values: UnsafeMutablePointer<Float>, _ heads: Int, _ e: Int
  ) {
    guard norm.extent != .allHeads else {
      return normalize(norm.norm, weights, values, heads * e, values)
    }
    for head in 0..<heads {
      let first = norm.extent == .eachHead ? head * e : 0
      normalize(norm.norm, weights, from: first, values + head * e, e, values + head * e)
    }
  }

  /// Adds a row of a matrix.
  func add(_ matrix: Matrix, row: Int, to values: UnsafeMutablePointer<Float>) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: matrix.columns) { buffer in
      matrix.expand(row: row, self, into: buffer.baseAddress!)
      for i in 0..<matrix.columns { values[i] += buffer[i] }
    }
  }
}
