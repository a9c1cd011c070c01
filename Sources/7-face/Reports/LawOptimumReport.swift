import Foundation
import Input
import ScalingLaws

/// What `dyno law optimum` says.
public struct LawOptimumReport: Encodable, Sendable {
  public struct Candidate: Encodable, Sendable {
    /// As in `config.json`.
    public let architecture: [String: JSONValue]
    public let nonEmbeddingParameters: Int
    public let x: Double
    public let r: Double
    /// Loss over the optimum's, less 1 (additive laws: the difference), at the same `L_opt`.
    public let excessLoss: Double
  }

  public let law: String
  public let parameters: Double
  public let layers: Int
  /// `x* = d/√N`.
  public let x: Double
  public let xInterval95: ClosedRange<Double>?
  /// `r*`.
  public let r: Double
  public let rInterval95: ClosedRange<Double>?
  /// `d* = x*·√N`, a real number.
  public let hiddenSize: Double
  public let hiddenSizeInterval95: ClosedRange<Double>?
  /// In what the optimum leaves the fitted data.
  public let extrapolated: [String]
  public let architectures: [Candidate]

  public init(
    _ law: ScalingLaw, _ optimum: LawOptimum, _ constraints: ShapeConstraints,
    architectures: [RealizableArchitecture]
  ) {
    self.law = law.name
    parameters = constraints.parameters
    layers = constraints.layers
    x = optimum.x
    xInterval95 = optimum.xInterval95
    r = optimum.r
    rInterval95 = optimum.rInterval95
    let root = constraints.parameters.squareRoot()
    hiddenSize = optimum.x * root
    hiddenSizeInterval95 = optimum.xInterval95.map { $0.lowerBound * root...$0.upperBound * root }
    extrapolated = law.extrapolations(
      TrainingPoint(
        parameters: constraints.parameters, normalizedHiddenSize: optimum.x,
        mlpToAttentionRatio: optimum.r))
    self.architectures = architectures.map {
      Candidate(
        architecture: $0.architecture.config,
        nonEmbeddingParameters: $0.architecture.parameters.nonEmbedding,
        x: $0.architecture.normalizedHiddenSize, r: $0.architecture.mlpToAttentionRatio,
        excessLoss: $0.excess)
    }
  }

  /// The same for people.
  public var table: String {
    func fact(_ name: String, _ value: Double, _ interval: ClosedRange<Double>?) -> String {
      "\(name) \(Quantity.number(value)), 95% \(interval.map(LawText.interval) ?? "not known")"
    }
    var table = Table([
      ("hidden", .right), ("intermediate", .right), ("heads", .right), ("KV heads", .right),
      ("head dim", .right), ("N", .right), ("x", .right), ("r", .right), ("excess loss", .right),
    ])
    for candidate in architectures {
      func field(_ name: String) -> String { candidate.architecture[name]?.kind ?? "–" }
      table.add([
        field("hidden_size"), field("intermediate_size"), field("num_attention_heads"),
        field("num_key_value_heads"), field("head_dim"),
        Quantity.count(Double(candidate.nonEmbeddingParameters)), Quantity.number(candidate.x),
        Quantity.number(candidate.r), String(format: "%.2e", candidate.excessLoss),
      ])
    }
    let warnings = extrapolated.map { "extrapolated: " + $0 }
    return
      ([
        fact("x* = d/√N", x, xInterval95), fact("r*", r, rInterval95),
        fact("hidden size", hiddenSize, hiddenSizeInterval95), "", table.rendered(),
      ] + (warnings.isEmpty ? [] : [""] + warnings)).joined(separator: "\n")
  }
}
