import CostModel
import Foundation
import Input
import Model
import ScalingLaws

/// Every realisable architecture near a parameter budget.
public struct DesignSpace: Sendable {
  /// `N`, non-embedding parameters, and how far from it a candidate may be, relative.
  public var parameters: Double
  /// Whether of all parameters or of those that a token passes.
  public var budget = ParameterBudget.total
  public var tolerance = 0.01
  public var layers: [Int]
  public var headDimensions: [Int]
  public var axes = LayerAxes()
  public var experts = ExpertAxes()
  /// Hidden and intermediate sizes are multiples of these.
  public var hiddenMultiple = 128
  public var intermediateMultiple = 128
  public var gqa = GQALimit.atMost(4)
  /// Devices that share each layer: heads and intermediate sizes divide, KV heads divide or are
  /// copied whole.
  public var tensorParallel = 1
  public var rules: [RuleExpression] = []
  /// For rules that speak of more than sizes.
  public var context: RuleContext?

  public init(parameters: Double, layers: [Int], headDimensions: [Int]) {
    self.parameters = parameters
    self.layers = layers
    self.headDimensions = headDimensions
  }

  /// All shapes of one depth, pattern, mixture, head dimension and hidden size: what a thread takes at a
  /// time.
  package struct Column: Sendable {
    let layers: Int
    let pattern: LayerPattern
    let mixture: ExpertMixture
    let headDimension: Int
    let hiddenSize: Int
    /// Widths that the budget counts of all layers: MLPs with weights of their own, or experts.
    fileprivate let mlps: Double
    /// Steps of the intermediate size, where granularity says them.
    fileprivate let widthSteps: [Int]?

    fileprivate init(
      _ space: DesignSpace, layers: Int, pattern: LayerPattern, mixture: ExpertMixture,
      headDimension: Int, hiddenSize: Int
    ) {
      (self.layers, self.pattern, self.mixture) = (layers, pattern, mixture)
      (self.headDimension, self.hiddenSize) = (headDimension, hiddenSize)
      if mixture.isDense {
        mlps = Double(layers - pattern.shared)
      } else {
        let widths = mixture.widths(layers: layers)
        mlps = Double(space.budget == .total ? widths.all : widths.active)
      }
      widthSteps = space.experts.widthSteps(
        mixture, hiddenSize: hiddenSize, multiple: space.intermediateMultiple)
    }

    /// Layers with attention for each of the widths; 1 where all layers are whole and dense.
    fileprivate var attentionShare: Double { Double(layers - pattern.attentionFree) / mlps }
    /// Parameters of routers for each of the widths and the hidden size; 0 where there are none.
    fileprivate var routerShare: Double {
      Double((layers - mixture.denseLayers) * mixture.count) / mlps
    }
  }

  /// What every architecture keeps to (`Architecture.validated`).
  private enum Largest {
    static let hiddenSize = 1 << 18
    static let intermediateSize = 1 << 20
    static let heads = 1 << 14
    static let queryWidth = 1 << 20
  }

  /// Columns that hold at least one head and one step of the intermediate size.
  package var columns: [Column] {
    columns { first in
      let room = parameters * (1 + tolerance) / first.mlps
      let leastPerHidden =
        Double(4 * first.headDimension) * first.attentionShare + Double(3 * intermediateMultiple)
        + first.routerShare
      let most = min(room / leastPerHidden, Double(Largest.hiddenSize))
      return stride(from: hiddenMultiple, through: max(0, Int(most)), by: hiddenMultiple)
    }
  }

  /// - Parameter hiddenSizes: those beside the first one.
  func columns(_ hiddenSizes: (_ first: Column) -> some Sequence<Int>) -> [Column] {
    let baseline = context?.template.layers
    return layers.flatMap { layers in
      axes.patterns(layers: layers, baseline: baseline).flatMap { pattern in
        experts.mixtures(layers: layers, baseline: baseline).all.flatMap { mixture in
          headDimensions.flatMap { headDimension -> [Column] in
            func column(_ hiddenSize: Int) -> Column {
              Column(
                self, layers: layers, pattern: pattern, mixture: mixture,
                headDimension: headDimension, hiddenSize: hiddenSize)
            }
            return hiddenSizes(column(hiddenMultiple)).map(column)
          }
        }
      }
    }
  }

  /// Whether some candidate may have experts.
  public var hasExperts: Bool {
    layers.contains {
      experts.mixtures(layers: $0, baseline: context?.template.layers).all
        .contains { !$0.isDense }
    }
  }

  /// Combinations of experts that no model can have, of all depths.
  var mixturesLeftOut: Int {
    layers.reduce(0) {
      $0 + experts.mixtures(layers: $1, baseline: context?.template.layers).leftOut
    }
  }

  /// Calls `body` with every shape of the space, one after the other.
  public func visitShapes(_ body: (Shape) -> Void) {
    for column in columns { forEachShape(in: column, body) }
  }

  /// Whether `shape` is realisable and meets all constraints.
  func contains(_ shape: Shape) -> Bool {
    var isFound = false
    for column in columns
    where column.layers == shape.layers && column.pattern == shape.pattern
      && column.mixture == shape.mixture
      && column.hiddenSize == shape.hiddenSize && column.headDimension == shape.headDimension
    {
      forEachShape(in: column) { if $0 == shape { isFound = true } }
    }
    return isFound
  }

  /// Calls `body` with every shape of a column that meets all constraints.
  package func forEachShape(in column: Column, _ body: (Shape) -> Void) {
    forEachShape(in: column, tolerance: tolerance, gqa: gqa) { shape in
      if meetsTensorParallelism(shape), meetsRules(shape) { body(shape) }
    }
  }

  /// Calls `body` with the shapes of a column whose `N` is within `tolerance`, whatever the other
  /// constraints say.
  ///
  /// - Parameter nearest: gives for each choice of heads the intermediate sizes on both sides of the
  ///   budget too, however far off.
  func forEachShape(
    in column: Column, tolerance: Double, gqa: GQALimit, nearest: Bool = false,
    _ body: (Shape) -> Void
  ) {
    // Of each width: shared ones count once, and not every layer needs attention.
    let routers = column.routerShare * Double(column.hiddenSize)
    let perLayer = parameters / column.mlps
    let perHead = Double(2 * column.hiddenSize * column.headDimension) * column.attentionShare
    let perStep = Double(3 * column.hiddenSize * intermediateMultiple)
    let most = perLayer * (1 + tolerance) - routers
    let mostHeads = Int(min((most - perStep) / perHead, Double(2 * Largest.heads)))
    let mostQueryHeads = min(
      mostHeads - 1, Largest.heads, Largest.queryWidth / column.headDimension)
    guard mostQueryHeads >= 1 else { return }
    for queryHeads in 1...mostQueryHeads {
      for group in 1...gqa.largest(of: queryHeads) where queryHeads % group == 0 {
        let heads = queryHeads + queryHeads / group
        guard heads <= mostHeads, gqa.allows(group) else { continue }
        let attention = perHead * Double(heads)
        var low = ((perLayer * (1 - tolerance) - routers - attention) / perStep).rounded(.up)
        var high = ((most - attention) / perStep).rounded(.down)
        if nearest {
          let ideal = (perLayer - routers - attention) / perStep
          low = min(low, ideal.rounded(.down))
          high = max(high, ideal.rounded(.up))
        }
        low = max(low, 1)
        high = min(
          high, Double(Largest.intermediateSize / (intermediateMultiple * column.mixture.widest)))
        func visit(_ step: Int) {
          body(
            Shape(
              layers: column.layers, hiddenSize: column.hiddenSize,
              intermediateSize: step * intermediateMultiple, queryHeads: queryHeads,
              keyValueHeads: queryHeads / group, headDimension: column.headDimension,
              pattern: column.pattern, mixture: column.mixture))
        }
        if let steps = column.widthSteps {
          for step in steps where nearest || low <= Double(step) && Double(step) <= high {
            visit(step)
          }
          continue
        }
        guard low <= high else { continue }
        for step in Int(low)...Int(high) { visit(step) }
      }
    }
  }

  private func meetsRules(_ shape: Shape) -> Bool {
    rules.allSatisfy { $0.isMet(by: shape, in: context) }
  }

  package func meetsTensorParallelism(_ shape: Shape) -> Bool {
    TensorParallelism.divides(
      queryHeads: shape.queryHeads, keyValueHeads: shape.keyValueHeads,
      intermediateSize: shape.intermediateSize, devices: tensorParallel)
  }

  /// By how much a shape misses the budget, relative.
  package func excess(_ shape: Shape) -> Double {
    Double(shape.parameters(budget)) / parameters - 1
  }

  /// Depths as published models of that size have them: 16 layers at 1B, 28 at 3B, and between and
  /// beyond by the same power of `N`.
  public static func usualLayers(parameters: Double) -> Int {
    // L ∝ N^0.526 through (0.973e9, 16) and (2.819e9, 28), the LLaMA-3.2 models.
    let exponent = 0.526
    return max(1, Int((16 * pow(parameters / 0.973e9, exponent)).rounded()))
  }

  /// Checks what the user gave.
  public func validated() throws -> DesignSpace {
    func check(_ field: String, _ value: Int, _ limit: Int) throws {
      guard (1...limit).contains(value) else {
        throw InputError(field, problem: "is \(value)", expected: "1 to \(limit)")
      }
    }
    guard (1e3...1e14).contains(parameters) else {
      throw InputError(
        "parameters", problem: "is \(parameters)", expected: "1e3 to 1e14 parameters")
    }
    guard tolerance > 0, tolerance <= SearchProblem.sizeTolerance else {
      throw InputError(
        "tolerance", problem: "is \(String(format: "%g%%", 100 * tolerance))",
        expected: "above 0%, up to \(String(format: "%g%%", 100 * SearchProblem.sizeTolerance)): "
          + "losses are those of models of the budget's size")
    }
    guard !layers.isEmpty, !headDimensions.isEmpty else {
      throw InputError("layers, head_dimension", problem: "are empty", expected: "a value")
    }
    for value in layers { try check("layers", value, 4096) }
    try axes.check(layers: layers)
    try experts.check(layers: layers, baseline: context?.template.layers)
    for value in headDimensions {
      try check("head_dimension", value, 4096)
      guard value % 2 == 0 else {
        throw InputError(
          "head_dimension", problem: "is \(value)",
          expected: "an even number (rotary embedding turns pairs)")
      }
    }
    try check("hidden_multiple", hiddenMultiple, Largest.hiddenSize)
    try check("intermediate_multiple", intermediateMultiple, Largest.intermediateSize)
    try check("tensor_parallel", tensorParallel, 1024)
    if case .atMost(let limit) = gqa { try check("max_gqa", limit, Largest.heads) }
    return self
  }
}
