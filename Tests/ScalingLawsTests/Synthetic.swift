import Foundation
import Numerics
import ScalingLaws

/// Laws taken as true and training runs drawn from them.
enum Synthetic {
  private static let parameters: [String: [Double]] = [
    "chinchilla": [1.69, 406.4, 410.7, 0.34, 0.28],
    "conditional-multiplicative": [1.0437, 0.0377, 0.00302, 1, 0.01628, 0.0168],
    "conditional-additive": [0.113, 0.1074, 0.0086, 0.045, 0.0464],
    "aspect-ratio": [2.558, 111_085, 1_834_818, 0.6568, 0.000932],
  ]

  static func law(_ form: String) -> ScalingLaw {
    ScalingLaw(
      name: "truth", form: try! LawForms.named(form), parameters: parameters[form]!,
      source: "test")
  }

  /// 120 runs over four sizes, shapes and token counts varied independently.
  static func table(_ law: ScalingLaw, noise: Double, seed: UInt64) -> TrainingTable {
    var generator = SeededGenerator(seed: seed, stream: 0)
    let reference = Self.law("chinchilla")
    let rows = (0..<120).map { index -> TrainingTable.Row in
      var point = TrainingPoint(
        parameters: [80e6, 145e6, 297e6, 1e9][index % 4],
        tokens: exp(Double.random(in: log(1e9)...log(1e11), using: &generator)),
        normalizedHiddenSize: Double.random(in: 0.035...0.14, using: &generator),
        mlpToAttentionRatio: exp(Double.random(in: log(0.5)...log(5), using: &generator)),
        aspectRatio: Double.random(in: 20...200, using: &generator))
      point.reference = reference.loss(point)
      return TrainingTable.Row(
        line: index + 2, point: point, loss: law.loss(point) + noise * generator.normal())
    }
    return TrainingTable(name: "synthetic", rows: rows)
  }
}
