import Foundation
import Input
import Model

/// What an architecture near an optimum has to respect.
public struct ShapeConstraints: Sendable {
  /// Non-embedding parameters, `N`.
  public var parameters: Double
  public var layers: Int
  public var headDimension: Int
  /// Query heads per KV head.
  public var queryHeadsPerKeyValueHead: Int
  /// Hidden and intermediate sizes are multiples of this.
  public var multiple: Int
  /// Relative, of `N`.
  public var tolerance: Double
  /// Losses are those of one size: an `N` that is further off, relative, has another.
  public static let widestTolerance = 0.1

  public init(
    parameters: Double, layers: Int, headDimension: Int = 64, queryHeadsPerKeyValueHead: Int = 4,
    multiple: Int = 128, tolerance: Double = 0.02
  ) {
    self.parameters = parameters
    self.layers = layers
    self.headDimension = headDimension
    self.queryHeadsPerKeyValueHead = queryHeadsPerKeyValueHead
    self.multiple = multiple
    self.tolerance = tolerance
  }
}

/// An architecture and how much worse than the optimum the law holds it.
public struct RealizableArchitecture: Sendable {
  public let architecture: Architecture
  /// Its loss over the optimum's, less 1, with `L_opt` the same for both. For additive laws without
  /// a reference: the difference of losses, in nats.
  public let excess: Double
}

extension LawOptimum {
  /// Architectures of whole heads and sizes around the optimum, the least excess loss first.
  ///
  /// - Throws: where none is within the tolerance.
  public func realizable(
    _ law: ScalingLaw, _ constraints: ShapeConstraints, limit: Int = 5
  ) throws -> [RealizableArchitecture] {
    let best = value(law, x: x, r: r)
    let found = candidates(constraints).compactMap { architecture -> RealizableArchitecture? in
      let value = value(
        law, x: architecture.normalizedHiddenSize, r: architecture.mlpToAttentionRatio)
      let excess = law.form.referenceRole == .offset ? value - best : value / best - 1
      return excess.isFinite
        ? RealizableArchitecture(architecture: architecture, excess: excess) : nil
    }
    guard !found.isEmpty else {
      throw InputError(
        "layers",
        problem: "no architecture of \(constraints.layers) layers is near x = \(x), r = \(r)",
        expected: "other layers, a smaller multiple or a larger tolerance")
    }
    return Array(found.sorted { $0.excess < $1.excess }.prefix(limit))
  }

  private func value(_ law: ScalingLaw, x: Double, r: Double) -> Double {
    law.loss(
      TrainingPoint(
        parameters: .nan, normalizedHiddenSize: x, mlpToAttentionRatio: r,
        reference: law.form.referenceRole == .offset ? 0 : 1))
  }

  /// Sizes on a grid around the ideal: hidden sizes and KV heads a few steps either way, then the
  /// intermediate sizes that best keep `N`.
  private func candidates(_ constraints: ShapeConstraints) -> [Architecture] {
    let perLayer = constraints.parameters / Double(constraints.layers)
    let multiple = Double(constraints.multiple)
    let headDimension = Double(constraints.headDimension)
    let group = Double(constraints.queryHeadsPerKeyValueHead)
    // Far beyond what an architecture may have, and safe to convert to an integer.
    let sizes = 1...1e9
    let idealStep = (hiddenSize(parameters: constraints.parameters) / multiple).rounded()
    var found: [Architecture] = []
    for step in -4...4 {
      let hidden = (idealStep + Double(step)) * multiple
      guard sizes.contains(hidden) else { continue }
      let attentionPerKeyValueHead = hidden * headDimension * 2 * (group + 1)
      let idealHeads = (perLayer / (1 + r) / attentionPerKeyValueHead).rounded()
      for shift in -4...4 {
        let keyValueHeads = idealHeads + Double(shift)
        let intermediate = (perLayer - attentionPerKeyValueHead * keyValueHeads) / (3 * hidden)
        guard sizes.contains(keyValueHeads * group), keyValueHeads >= 1,
          sizes.contains(intermediate), intermediate >= multiple
        else { continue }
        let floor = (intermediate / multiple).rounded(.down)
        for size in Set([floor, (intermediate / multiple).rounded(.up)]) {
          let architecture = try? Architecture(
            name: "d\(Int(hidden))-f\(Int(size * multiple))-h\(Int(keyValueHeads * group))",
            hiddenSize: Int(hidden), intermediateSize: Int(size * multiple),
            layers: constraints.layers, queryHeads: Int(keyValueHeads * group),
            keyValueHeads: Int(keyValueHeads), headDimension: constraints.headDimension,
            vocabularySize: 128_256
          ).validated()
          guard let architecture else { continue }
          let share = Double(architecture.parameters.nonEmbedding) / constraints.parameters
          if abs(share - 1) <= constraints.tolerance { found.append(architecture) }
        }
      }
    }
    return found
  }
}
