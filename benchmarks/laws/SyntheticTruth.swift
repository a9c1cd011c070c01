import Foundation
import Model
import Numerics
import ScalingLaws

/// A law taken as true, and the runs that could have been trained under it.
struct SyntheticTruth: Sendable {
  let law: ScalingLaw
  let points: [TrainingPoint]
  /// Where predictions are checked: inside the fitted range and beyond it.
  let probes: [TrainingPoint]
  /// Standard deviation of a run's loss, nats.
  static let noise = 0.005

  /// The runs with their losses, noise drawn from `generator`.
  func table(_ generator: inout SeededGenerator) -> TrainingTable {
    var rows: [TrainingTable.Row] = []
    for (index, point) in points.enumerated() {
      rows.append(
        TrainingTable.Row(
          line: index + 2, point: point,
          loss: law.loss(point) + Self.noise * generator.normal()))
    }
    return TrainingTable(name: "synthetic", rows: rows)
  }

  init?(form: String) {
    switch form {
    case ConditionalMultiplicative.name:
      // The published law, its gauge changed to b0 = 1.
      self.init(
        conditional: ConditionalMultiplicative.self,
        [
          2.697 * 0.3870, 0.0974 * 0.3870, 0.0078 * 0.3870, 1, 0.0063 / 0.3870, 0.0065 / 0.3870,
        ])
    case ConditionalAdditive.name:
      // The same optimum and about the same sizes of effects, in nats.
      self.init(conditional: ConditionalAdditive.self, [0.113, 0.1074, 0.0086, 0.0450, 0.0464])
    case Chinchilla.name:
      self.init(
        law: ScalingLaw(
          name: "truth", form: Chinchilla.self, parameters: [1.69, 406.4, 410.7, 0.34, 0.28],
          source: "Hoffmann et al. 2022"),
        points: Self.sizes.flatMap { size in
          [5.0, 10, 20, 50, 100, 200].map { TrainingPoint(parameters: size, tokens: $0 * size) }
        },
        probes: [(1e8, 2e9), (3e8, 3e10), (1e9, 1e11), (3e9, 1e11), (7e9, 1e12)].map {
          TrainingPoint(parameters: $0.0, tokens: $0.1)
        })
    case AspectRatio.name:
      self.init(
        law: ScalingLaw(
          name: "truth", form: AspectRatio.self,
          parameters: [2.558, 111_085, 1_834_818, 0.6568, 0.000932],
          source: "fitted to the runs of arXiv 2501.18107"),
        points: Self.sizes.flatMap { size in
          [20.0, 50, 160].flatMap { tokens in
            [20.0, 64, 200].map {
              TrainingPoint(parameters: size, tokens: tokens * size, aspectRatio: $0)
            }
          }
        },
        probes: [(1e8, 2e9, 50.0), (3e8, 3e10, 128), (1e9, 3e10, 128), (3e9, 1e11, 64)].map {
          TrainingPoint(parameters: $0.0, tokens: $0.1, aspectRatio: $0.2)
        })
    default: return nil
    }
  }

  private init(law: ScalingLaw, points: [TrainingPoint], probes: [TrainingPoint]) {
    self.law = law
    self.points = points
    self.probes = probes
  }

  /// Eight sizes from 80M to 1B, evenly spaced by ratio.
  private static let sizes = (0..<8).map { 80e6 * pow(12.5, Double($0) / 7) }

  /// 200 architectures of 80M, 145M, 297M and 1B parameters with D = 100·N; d/√N is drawn between
  /// 0.035 and 0.14 and r between 0.5 and 5, both evenly in the logarithm, then rounded to whole
  /// heads (of 64, GQA 4) and sizes (multiples of 64). `L_opt` is Hoffmann et al.'s law's.
  private init(conditional form: any LawForm.Type, _ parameters: [Double]) {
    let reference = ScalingLaw(
      name: "reference", form: Chinchilla.self, parameters: [1.69, 406.4, 410.7, 0.34, 0.28],
      source: "")
    func point(_ architecture: Architecture) -> TrainingPoint {
      var point = TrainingPoint(
        architecture, tokens: 100 * Double(architecture.parameters.nonEmbedding))
      point.reference = reference.loss(point)
      return point
    }
    var generator = SeededGenerator(seed: 2510, stream: 0)
    var points: [TrainingPoint] = []
    let sizes = [(80e6, 8.0), (145e6, 12), (297e6, 12), (1e9, 16)]
    while points.count < 200 {
      let (size, layers) = sizes[Int.random(in: 0..<4, using: &generator)]
      let x = exp(Double.random(in: log(0.035)...log(0.14), using: &generator))
      let r = exp(Double.random(in: log(0.5)...log(5.0), using: &generator))
      let hidden = max(1, (x * size.squareRoot() / 64).rounded()) * 64
      let heads = max(1, (size / layers / (1 + r) / (hidden * 64 * 10)).rounded())
      let intermediate = max(1, (size / layers * r / (1 + r) / (3 * hidden) / 64).rounded()) * 64
      let drawn = point(
        Architecture(
          name: "drawn", hiddenSize: Int(hidden), intermediateSize: Int(intermediate),
          layers: Int(layers), queryHeads: 4 * Int(heads), keyValueHeads: Int(heads),
          headDimension: 64, vocabularySize: 128_256))
      if (0.5...5).contains(drawn.mlpToAttentionRatio) { points.append(drawn) }
    }
    self.init(
      law: ScalingLaw(name: "truth", form: form, parameters: parameters, source: ""),
      points: points,
      probes: [(0.05, 0.8), (0.08, 1.0), (0.066, 4.8), (0.12, 2.0), (0.082, 3.6)].map {
        TrainingPoint(
          parameters: 1e9, tokens: 1e11, normalizedHiddenSize: $0.0, mlpToAttentionRatio: $0.1,
          reference: reference.loss(TrainingPoint(parameters: 1e9, tokens: 1e11)))
      })
  }
}
