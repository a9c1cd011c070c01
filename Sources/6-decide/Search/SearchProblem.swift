import CostModel
import Foundation
import Model
import ScalingLaws

/// What is searched: a space, a law with its target, and what is to be fast.
public struct SearchProblem: Sendable {
  /// A second objective that the loss is traded against, beside throughput.
  public enum Front: String, CaseIterable, Sendable {
    case memory
    case ttft
  }

  public var baseline: Architecture
  public var space: DesignSpace
  public var predictor: LossPredictor
  public var target: LossTarget
  /// What the target is called: a number, or the architecture whose loss, or at another size whose
  /// shape's loss, it is.
  public var targetName: String
  public var scenarios: [Scenario]
  public var combination = Combination.worst
  public var fronts: [Front] = []
  /// How far above the target, in nats, the fronts go on.
  public var frontSlack = 0.05
  /// How many candidates are reported.
  public var count = 10

  public init(
    baseline: Architecture, space: DesignSpace, predictor: LossPredictor, target: LossTarget,
    targetName: String, scenarios: [Scenario]
  ) {
    self.baseline = baseline
    self.space = space
    self.predictor = predictor
    self.target = target
    self.targetName = targetName
    self.scenarios = scenarios
  }

  /// Whether some scenario is a server under load.
  public var hasLoads: Bool { scenarios.contains { $0.load != nil } }

  /// The target in the law's unit.
  public var targetLoss: Double {
    switch target {
    case .loss(let loss): return loss
    case .shape(let point):
      var surface = LossSurface(predictor)
      return surface.loss(point)
    }
  }

  /// Whether the baseline is of the budget's size: a gain over another size says nothing of a shape.
  public var isBaselineOfSize: Bool {
    Self.isOfSize(space.parameters, space.budget, baseline)
  }

  /// How far an `N` may be from the budget's, relative.
  static let sizeTolerance = ShapeConstraints.widestTolerance

  static func isOfSize(
    _ parameters: Double, _ budget: ParameterBudget, _ architecture: Architecture
  ) -> Bool {
    abs(Double(architecture.parameters.count(budget)) / parameters - 1) <= sizeTolerance
  }

  /// Whether `shape` is of the space and within the target.
  package func admits(_ shape: Shape) -> Bool {
    var surface = LossSurface(predictor)
    return space.contains(shape)
      && surface.loss(shape, vocabularySize: baseline.vocabularySize) <= targetLoss
  }
}

extension LossSurface {
  /// - Parameter vocabularySize: of all candidates.
  package mutating func loss(_ shape: Shape, vocabularySize: Int) -> Double {
    guard shape.mixture.isDense, !needsSizes else {
      return loss(TrainingPoint(shape, vocabularySize: vocabularySize))
    }
    return loss(
      normalizedHiddenSize: shape.normalizedHiddenSize,
      mlpToAttentionRatio: shape.mlpToAttentionRatio, aspectRatio: shape.aspectRatio)
  }
}

extension TrainingPoint {
  init(_ shape: Shape, vocabularySize: Int) {
    self.init(
      parameters: Double(shape.activeParameters),
      normalizedHiddenSize: shape.normalizedHiddenSize,
      mlpToAttentionRatio: shape.mlpToAttentionRatio, aspectRatio: shape.aspectRatio)
    experts = Double(shape.mlpParameters) / Double(shape.activeMLPParameters)
    activeShare = Double(shape.activeParameters) / Double(shape.parameters)
    embeddings = 2 * Double(shape.hiddenSize) * Double(vocabularySize)
  }
}
