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
      func attend(_ norm: Norm?, _ outputNorm: Norm?, _ attended: ([[Double]]) -> [[Double]]) {
        input = normed(x, .attentionNorm, norm)
        let projected = product(own(.qkvProjection)!.linear!, input)
        let output = product(own(.outputProjection)!.linear!, attended(projected))
        x = added(x, scaled(normed(output, .attentionResidual, outputNorm)))
      }
      switch layer.mixer {
      case .attention(let attention):
        attend(attention.inputNorm, attention.outputNorm) {
          attended(
            $0, attention, own(.rotaryAndCacheWrite)!.norms, own(.attention)!.numbers)
        }
      case .latentAttention(let attention):
        attend(attention.inputNorm, attention.outputNorm) { attended($0, attention, own) }
      case nil: break
      }
      guard let part = layer.feedForward else { continue }
      let source =
        switch layer.arrangement {
        case .sequential: normed(x, .mlpNorm, part.inputNorm)
        case .parallel: normed(before, .mlpNorm, part.inputNorm)
        case .parallelOneNorm: input
        }
      let output: [[Double]]
      switch part {
      case .dense(let mlp):
        output = passed(
          source, own(.gateUpProjection)!.linear!, own(.downProjection)!.linear!, mlp.activation,
          width: mlp.intermediateSize, isGated: mlp.isGated)
      case .experts(let experts): output = passed(source, experts, own)
      }
      x = added(x, scaled(normed(output, .mlpResidual, part.outputNorm)))
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
    case .clampedSwiGLU: min(x, 7) / (1 + exp(-1.702 * min(x, 7)))
    }
  }

  /// Through an MLP.
  private func passed(
    _ x: [[Double]], _ gateUp: Linear, _ down: Linear, _ activation: MLP.Activation, width f: Int,
    isGated: Bool = true
  ) -> [[Double]] {
    let hidden = product(gateUp, x).map { row in
      (0..<f).map { index -> Double in
        guard isGated else { return activated(activation, row[index]) }
        let up = row[f + index]
        return activated(activation, row[index])
          * (activation == .clampedSwiGLU ? max(-7, min(7, up)) + 1 : up)
      }
    }
    return product(down, hidden)
  }

  /// Through the experts that the router chooses, and the shared one.
  private func passed(
    _ x: [[Double]], _ experts: Experts, _ own: (Operator.Kind) -> ModelWeights.OperatorWeights?
  ) -> [[Double]] {
    let router = experts.router
    let logits = product(own(.router)!.linear!, x)
    return x.indices.map { row in
      let largest = logits[row].max()!
      let exponentials = logits[row].map { exp($0 - largest) }
      let scores =
        router.scoring == .sigmoid
        ? logits[row].map { 1 / (1 + exp(-$0)) }
        : exponentials.map { $0 / exponentials.reduce(0, +) }
      let correction = own(.router)!.numbers
      let corrected = scores.indices.map { index in
        scores[index] + (correction.map { Double($0.base[index]) } ?? 0)
      }
      var candidates = Array(scores.indices)
      if let groups = router.groups {
        let size = experts.count / groups.count
        let worth = (0..<groups.count).map { group in
          corrected[group * size..<(group + 1) * size].sorted(by: >).prefix(groups.best)
            .reduce(0, +)
        }
        let kept = worth.indices.sorted { worth[$0] > worth[$1] }.prefix(groups.active)
        candidates = candidates.filter { kept.contains($0 / size) }
      }
      let chosen = candidates.sorted { corrected[$0] > corrected[$1] }.prefix(experts.active)
      let sum = router.renormalises ? chosen.reduce(0) { $0 + scores[$1] } : 1
      var total = [Double](repeating: 0, count: a.hiddenSize)
      for expert in chosen {
        let weight = scores[expert] / sum * router.scale
        let matrices = own(.experts)!.experts[expert]
        let input = router.scalesInput ? x[row].map { $0 * weight } : x[row]
        let output = passed(
          [input], matrices.gateUp, matrices.down, experts.activation,
          width: experts.intermediateSize)[0]
        for i in total.indices { total[i] += output[i] * (router.scalesInput ? 1 : weight) }
      }
      guard let shared = experts.shared else { return total }
      let output = passed(
        [x[row]], own(.sharedGateUpProjection)!.linear!, own(.sharedDownProjection)!.linear!,
        experts.activation, width: shared.intermediateSize)[0]
      let scale =
        shared.isScaled ? 1 / (1 + exp(-product(own(.sharedScale)!.linear!, [x[row]])[0][0])) : 1
      return total.indices.map { total[$0] + scale * output[$0] }
    }
  }

  /// Latent attention as the paper writes it: every key and value is projected.
  private func attended(
    _ projected: [[Double]], _ heads: LatentAttention,
    _ own: (Operator.Kind) -> ModelWeights.OperatorWeights?
  ) -> [[Double]] {
    let (plain, rope, wide) = (heads.plainWidth, heads.rotaryWidth, heads.keyWidth)
    let start = heads.queryRank ?? heads.queryWidth
    var queries = projected.map { Array($0[..<start]) }
    if heads.queryRank != nil {
      queries = product(
        own(.queryProjection)!.linear!,
        queries.map { norm($0, heads.latentNorm, own(.queryNorm)!.norms[0]) })
    }
    let compressed = projected.map {
      norm(
        Array($0[start..<start + heads.rank]), heads.latentNorm,
        own(.rotaryAndCacheWrite)!.norms[0])
    }
    let turned = projected.indices.map {
      rotated(
        Array(projected[$0][(start + heads.rank)...]), $0, projected.count, heads.rotary)
    }
    let expanded = product(own(.latentAttention)!.linear!, compressed)
    return projected.indices.map { position in
      (0..<heads.queryHeads).flatMap { head -> [Double] in
        let query = Array(queries[position][head * wide..<(head + 1) * wide])
        let end = rotated(Array(query[plain...]), position, projected.count, heads.rotary)
        let row = head * (plain + heads.valueWidth)
        let scores = (0...position).map { other -> Double in
          var sum = 0.0
          for i in 0..<plain { sum += query[i] * expanded[other][row + i] }
          for i in 0..<rope { sum += end[i] * turned[other][i] }
          return sum * heads.scoreScale
        }
        let largest = scores.max()!
        let exponentials = scores.map { exp($0 - largest) }
        let total = exponentials.reduce(0, +)
        return (0..<heads.valueWidth).map { index in
          exponentials.enumerated().reduce(0) {
            $0 + $1.element / total * expanded[$1.offset][row + plain + index]
          }
        }
      }
    }
  }

  /// Heads side by side, of queries, keys and values side by side.
  private func attended(
    _ projected: [[Double]], _ heads: Attention, _ norms: [ModelWeights.NormWeights],
    _ sinks: FloatBuffer?
  ) -> [[Double]] {
    let e = heads.headDimension
    func block(_ start: Int, _ count: Int, _ place: Int) -> [[[Double]]] {
      projected.indices.map { position in
        var values = Array(projected[position][start..<start + count * e])
        guard place < 2 else {
          return (0..<count).map { Array(values[$0 * e..<$0 * e + e]) }
        }
        let norm = heads.queryKeyNorm
        if let norm, norm.extent == .allHeads {
          values = self.norm(values, norm.norm, norms[place])
        }
        func normed(_ values: [Double], _ head: Int) -> [Double] {
          guard let norm, norm.extent != .allHeads else { return values }
          return self.norm(
            values, norm.norm, norms[place], from: norm.extent == .eachHead ? head * e : 0)
        }
        return (0..<count).map { head in
          let values = Array(values[head * e..<head * e + e])
          func turned(_ values: [Double]) -> [Double] {
            rotated(values, position, projected.count, heads.rotary)
          }
          return norm?.isAfterRotation ?? false
            ? normed(turned(values), head) : turned(normed(values, head))
        }
      }
    }
    let queries = block(0, heads.queryHeads, 0)
    let keys = block(heads.queryWidth, heads.keyValueHeads, 1)
    let values = block(heads.queryWidth + heads.keyValueWidth, heads.keyValueHeads, 2)
    return projected.indices.map { position in
      (0..<heads.queryHeads).flatMap { query -> [Double] in
        let shared = query * heads.keyValueHeads / heads.queryHeads
        let first =
          heads.chunk.map { position - position % $0 }
          ?? heads.window.map { max(0, position - $0 + 1) } ?? 0
        let temperature =
          heads.temperature.map {
            1 + $0.beta
              * log(1 + (Double(position + $0.offset) / Double($0.positions)).rounded(.down))
          } ?? 1
        let scores = (first...position).map { other in
          let product = zip(queries[position][query], keys[other][shared])
            .reduce(0) { $0 + $1.0 * $1.1 }
          let score = product * temperature * (heads.scale ?? 1 / Double(e).squareRoot())
          return heads.softcap.map { $0 * tanh(score / $0) } ?? score
        }
        let largest = scores.max()!
        let exponentials = scores.map { exp($0 - largest) }
        let sink = sinks.map { exp(Double($0.base[query]) - largest) } ?? 0
        let total = exponentials.reduce(0, +) + sink
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
      let ends = (fast: place(ofTurns: yarn.betaFast), slow: place(ofTurns: yarn.betaSlow))
      let low = max(0, yarn.truncates ? ends.fast.rounded(.down) : ends.fast)
      let high = min(
        Double(dimensions - 1), yarn.truncates ? ends.slow.rounded(.up) : ends.slow)
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
