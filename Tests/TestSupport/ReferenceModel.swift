import Architectures
import Foundation
import Host
import Weights

/// The forward pass again, in float64, written from the papers and not from the engine: no cache, no
/// batching, every position of a sequence at once, every score materialised.
public struct ReferenceModel {
  private let weights: ModelWeights
  private let a: Architecture

  public init(_ weights: ModelWeights) {
    self.weights = weights
    a = weights.architecture
  }

  /// Logits of every position.
  public func logits(_ tokens: [Int]) -> [[Double]] {
    let embedding = rows(weights.embedding)
    var x = tokens.map { embedding[$0] }
    for (index, layer) in weights.layers.enumerated() {
      let attended = attention(
        x.map { norm($0, layer.attentionNorm) }, layer, window: a.window(ofLayer: index))
      x = added(x, product(layer.output, attended))
      let both = product(layer.gateUp, x.map { norm($0, layer.mlpNorm) })
      let gated = both.map { row in
        (0..<a.intermediateSize).map { i in
          row[i] / (1 + exp(-row[i])) * row[a.intermediateSize + i]
        }
      }
      x = added(x, product(layer.down, gated))
    }
    return product(weights.head, x.map { norm($0, weights.finalNorm) })
  }

  private func attention(
    _ x: [[Double]], _ layer: ModelWeights.Layer, window: Int?
  ) -> [[Double]] {
    let e = a.headDimension
    let projected = product(layer.qkv, x)
    func head(_ position: Int, _ start: Int) -> [Double] {
      Array(projected[position][start..<start + e])
    }
    func turned(_ values: [Double], _ norm: FloatBuffer?, _ position: Int) -> [Double] {
      rotated(norm.map { self.norm(values, $0) } ?? values, position)
    }
    var output = x.map { _ in [Double](repeating: 0, count: a.queryWidth) }
    for query in 0..<a.queryHeads {
      let shared = query * a.keyValueHeads / a.queryHeads
      let keyStart = a.queryWidth + shared * e
      let keys = x.indices.map { turned(head($0, keyStart), layer.keyNorm, $0) }
      let values = x.indices.map { head($0, keyStart + a.keyValueWidth) }
      for position in x.indices {
        let q = turned(head(position, query * e), layer.queryNorm, position)
        let first = window.map { max(0, position - $0 + 1) } ?? 0
        let scores = (first...position).map { other in
          zip(q, keys[other]).reduce(0) { $0 + $1.0 * $1.1 } / Double(e).squareRoot()
        }
        let largest = scores.max()!
        let exponentials = scores.map { exp($0 - largest) }
        let total = exponentials.reduce(0, +)
        for (offset, weight) in exponentials.enumerated() {
          for l in 0..<e {
            output[position][query * e + l] += weight / total * values[first + offset][l]
          }
        }
      }
    }
    return output
  }

  private func rotated(_ x: [Double], _ position: Int) -> [Double] {
    let half = x.count / 2
    var result = x
    for pair in 0..<half {
      let (i, j) = weights.interleavedRotary ? (2 * pair, 2 * pair + 1) : (pair, pair + half)
      let angle = Double(position) * frequency(pair)
      result[i] = x[i] * cos(angle) - x[j] * sin(angle)
      result[j] = x[j] * cos(angle) + x[i] * sin(angle)
    }
    return result
  }

  /// Wavelengths as LLaMA 3.1's published rule treats them.
  private func frequency(_ pair: Int) -> Double {
    let plain = 1 / pow(a.rotary.theta, Double(2 * pair) / Double(a.headDimension))
    guard let scaling = a.rotary.scaling else { return plain }
    let wavelength = 2 * Double.pi / plain
    let context = Double(scaling.originalMaxPositions)
    if wavelength > context / scaling.lowFrequencyFactor { return plain / scaling.factor }
    if wavelength < context / scaling.highFrequencyFactor { return plain }
    let blend =
      (context / wavelength - scaling.lowFrequencyFactor)
      / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor)
    return plain * ((1 - blend) / scaling.factor + blend)
  }

  private func norm(_ x: [Double], _ weight: FloatBuffer) -> [Double] {
    let meanSquare = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    let scale = 1 / (meanSquare + a.rmsNormEpsilon).squareRoot()
    return x.indices.map { x[$0] * scale * Double(weight.base[$0]) }
  }

  private func added(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    zip(x, y).map { zip($0, $1).map { $0 + $1 } }
  }

  private func product(_ linear: Linear, _ x: [[Double]]) -> [[Double]] {
    let w = linear.parts.flatMap(rows)
    return x.map { input in
      w.indices.map { j in
        var sum = linear.bias.map { Double($0.base[j]) } ?? 0
        for l in input.indices { sum += input[l] * w[j][l] }
        return sum
      }
    }
  }

  private func rows(_ matrix: Matrix) -> [[Double]] {
    // Panels are read by kernels of the width that packed them.
    let kernels = KernelTable.available.first {
      matrix.layout == .rows || matrix.layout == .packed(matrix.dtype, $0)
    }!
    return (0..<matrix.rows).map { row in
      var values = [Float](repeating: 0, count: matrix.columns)
      matrix.expand(row: row, kernels, into: &values)
      return values.map(Double.init)
    }
  }
}
