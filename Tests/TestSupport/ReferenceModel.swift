import Foundation
import Machine
import Model
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
    var x = tokens.map { embedding[$0].map { $0 * a.embeddingScale } }
    if let positions = weights.positions.map(rows) {
      x = added(x, Array(positions.prefix(x.count)))
    }
    for (index, layer) in a.layers.enumerated() {
      func own(_ kind: Operator.Kind) -> ModelWeights.OperatorWeights? {
        weights.weights(kind, ofLayer: index)
      }
      func normed(_ x: [[Double]], _ kind: Operator.Kind, _ norm: Norm?) -> [[Double]] {
        guard let norm else { return x }
        return x.map { self.norm($0, norm, own(kind)!.norms[0]) }
      }
      func scaled(_ x: [[Double]]) -> [[Double]] { x.map { $0.map { $0 * layer.residualScale } } }
      let before = x
      var input = x
      if let attention = layer.attention {
        input = normed(x, .attentionNorm, attention.inputNorm)
        let output = product(
          own(.outputProjection)!.linear!,
          attended(
            product(own(.qkvProjection)!.linear!, input), attention,
            own(.rotaryAndCacheWrite)!.norms))
        x = added(x, scaled(normed(output, .attentionResidual, attention.outputNorm)))
      }
      guard let mlp = layer.mlp else { continue }
      let source =
        switch layer.arrangement {
        case .sequential: normed(x, .mlpNorm, mlp.inputNorm)
        case .parallel: normed(before, .mlpNorm, mlp.inputNorm)
        case .parallelOneNorm: input
        }
      let both = product(own(.gateUpProjection)!.linear!, source)
      let f = mlp.intermediateSize
      let hidden = both.map { row in
        (0..<f).map { activated(mlp.activation, row[$0]) * (mlp.isGated ? row[f + $0] : 1) }
      }
      let output = product(own(.downProjection)!.linear!, hidden)
      x = added(x, scaled(normed(output, .mlpResidual, mlp.outputNorm)))
    }
    return product(weights.head, x.map { norm($0, a.finalNorm, weights.finalNorm) }).map { row in
      row.map { logit in
        let scaled = logit * a.logitScale
        return a.logitSoftcap.map { $0 * tanh(scaled / $0) } ?? scaled
      }
    }
  }

  private func activated(_ activation: MLP.Activation, _ x: Double) -> Double {
    switch activation {
    case .silu: x / (1 + exp(-x))
    case .gelu: x * erfc(-x / 2.0.squareRoot()) / 2
    case .geluTanh: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .relu: max(x, 0)
    case .reluSquared: max(x, 0) * max(x, 0)
    }
  }

  /// Heads side by side, of queries, keys and values side by side.
  private func attended(
    _ projected: [[Double]], _ heads: Attention, _ norms: [ModelWeights.NormWeights]
  ) -> [[Double]] {
    let e = heads.headDimension
    func block(_ start: Int, _ count: Int, _ place: Int) -> [[[Double]]] {
      projected.indices.map { position in
        var values = Array(projected[position][start..<start + count * e])
        if let norm = heads.queryKeyNorm, place < 2, norm.extent == .allHeads {
          values = self.norm(values, norm.norm, norms[place])
        }
        return (0..<count).map { head in
          var values = Array(values[head * e..<head * e + e])
          if let norm = heads.queryKeyNorm, place < 2, norm.extent != .allHeads {
            values = self.norm(
              values, norm.norm, norms[place], from: norm.extent == .eachHead ? head * e : 0)
          }
          return place < 2 ? rotated(values, position, projected.count, heads.rotary) : values
        }
      }
    }
    let queries = block(0, heads.queryHeads, 0)
    let keys = block(heads.queryWidth, heads.keyValueHeads, 1)
    let values = block(heads.queryWidth + heads.keyValueWidth, heads.keyValueHeads, 2)
    return projected.indices.map { position in
      (0..<heads.queryHeads).flatMap { query -> [Double] in
        let shared = query * heads.keyValueHeads / heads.queryHeads
        let first = heads.window.map { max(0, position - $0 + 1) } ?? 0
        let temperature =
          heads.temperature.map {
            1 + $0.beta * log(1 + (Double(position) / Double($0.positions)).rounded(.down))
          } ?? 1
        let scores = (first...position).map { other in
          let product = zip(queries[position][query], keys[other][shared])
            .reduce(0) { $0 + $1.0 * $1.1 }
          let score = product * temperature * (heads.scale ?? 1 / Double(e).squareRoot())
          return heads.softcap.map { $0 * tanh(score / $0) } ?? score
        }
        let largest = scores.max()!
        let exponentials = scores.map { exp($0 - largest) }
        let total = exponentials.reduce(0, +)
        var output = [Double](repeating: 0, count: e)
        for (offset, weight) in exponentials.enumerated() {
          for l in 0..<e { output[l] += weight / total * values[first + offset][shared][l] }
        }
        return output
      }
    }
  }

  /// - Parameter length: of the sequence, all of it in one step.
  private func rotated(
    _ x: [Double], _ position: Int, _ length: Int, _ rotation: Attention.Rotation?
  ) -> [Double] {
    guard let rotation else { return x }
    let half = rotation.dimensions / 2
    let rotary = a.rotaries[rotation.table]
    var result = x
    for pair in 0..<half {
      let (i, j) = rotation.interleaved ? (2 * pair, 2 * pair + 1) : (pair, pair + half)
      let angle = Double(position) * frequency(pair, rotation.dimensions, rotary, length)
      let factor = rotary.attentionFactor
      result[i] = factor * (x[i] * cos(angle) - x[j] * sin(angle))
      result[j] = factor * (x[j] * cos(angle) + x[i] * sin(angle))
    }
    return result
  }

  /// Wavelengths as the published rules treat them.
  private func frequency(
    _ pair: Int, _ dimensions: Int, _ rotary: RotaryEmbedding, _ length: Int
  ) -> Double {
    let exponent = Double(2 * pair) / Double(dimensions)
    let plain = 1 / pow(rotary.theta, exponent)
    let wavelength = 2 * Double.pi / plain
    switch rotary.scaling {
    case nil: return plain
    case .linear(let factor): return plain / factor
    case .dynamic(let factor, let original):
      let stretch = factor * Double(max(length, original)) / Double(original) - (factor - 1)
      let size = Double(dimensions)
      return 1 / pow(rotary.theta * pow(stretch, size / (size - 2)), exponent)
    case .llama3(let factor, let low, let high, let original):
      let context = Double(original)
      if wavelength > context / low { return plain / factor }
      if wavelength < context / high { return plain }
      let blend = (context / wavelength - low) / (high - low)
      return plain * ((1 - blend) / factor + blend)
    case .yarn(let yarn):
      func place(ofTurns turns: Double) -> Double {
        Double(dimensions) / 2
          * log(Double(yarn.originalMaxPositions) / (2 * Double.pi * turns)) / log(rotary.theta)
      }
      let low = max(0, place(ofTurns: yarn.betaFast).rounded(.down))
      let high = min(Double(dimensions - 1), place(ofTurns: yarn.betaSlow).rounded(.up))
      let kept = 1 - min(1, max(0, (Double(pair) - low) / max(high - low, 0.001)))
      return plain * (kept + (1 - kept) / yarn.factor)
    case .longrope(let short, let long, let original, _):
      return plain / (length > original ? long : short)[pair]
    }
  }

  private func norm(
    _ x: [Double], _ norm: Norm, _ weights: ModelWeights.NormWeights, from first: Int = 0
  ) -> [Double] {
    let mean = norm.kind == .layer ? x.reduce(0, +) / Double(x.count) : 0
    let square = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    let scale = 1 / (square + norm.epsilon).squareRoot()
    return x.indices.map {
      (x[$0] - mean) * scale * Double(weights.weight.base[first + $0])
        + Double(weights.bias?.base[first + $0] ?? 0)
    }
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
