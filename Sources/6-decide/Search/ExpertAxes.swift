import Foundation
import Input
import Model

/// Which mixtures of experts a space holds: every combination is searched. What is absent is as in the
/// baseline.
public struct ExpertAxes: Sendable, Equatable {
  /// Experts of a layer; 0 for a dense MLP.
  public var experts: [Int]?
  /// Experts that a token passes.
  public var active: [Int]?
  /// Experts that every token passes.
  public var shared: [Int]?
  /// First layers without experts.
  public var denseLayers: [Int]?
  /// `G = 2d/f`: twice the hidden size over the width of an expert (arXiv 2507.17702). Absent, that
  /// width is free.
  public var granularity: [Double]?

  public init() {}

  static let mostExperts = 1 << 14
  static let granularities = 0.01...1e4

  public var areGiven: Bool {
    experts != nil || active != nil || shared != nil || denseLayers != nil || granularity != nil
  }

  /// These, where `other` says nothing else.
  func overridden(by other: ExpertAxes) -> ExpertAxes {
    var result = other
    result.experts = other.experts ?? experts
    result.active = other.active ?? active
    result.shared = other.shared ?? shared
    result.denseLayers = other.denseLayers ?? denseLayers
    result.granularity = other.granularity ?? granularity
    return result
  }

  /// Each mixture that a model of so many layers can have, once, and how many combinations it cannot.
  func mixtures(layers: Int, baseline: LayerStack?) -> (all: [ExpertMixture], leftOut: Int) {
    let own = baseline.map { ExpertMixture($0) } ?? ExpertMixture()
    guard areGiven || !own.isDense else { return ([own], 0) }
    var (mixtures, leftOut): ([ExpertMixture], Int) = ([], 0)
    func take(_ mixture: ExpertMixture) {
      guard mixture.isPossible(layers: layers) else {
        leftOut += 1
        return
      }
      if !mixtures.contains(mixture) { mixtures.append(mixture) }
    }
    for count in Set(experts ?? [own.count]).sorted() {
      guard count > 0 else {
        take(ExpertMixture())
        continue
      }
      for active in Set(active ?? [own.active]).sorted() {
        for shared in Set(shared ?? [own.shared]).sorted() {
          for dense in Set(denseLayers ?? [own.denseLayers]).sorted() {
            take(
              ExpertMixture(count: count, active: active, shared: shared, denseLayers: dense))
          }
        }
      }
    }
    return (mixtures, leftOut)
  }

  /// The widths that experts may have, in steps of `multiple`, each once: the nearest to what each
  /// granularity means. `nil` where any may be.
  func widthSteps(_ mixture: ExpertMixture, hiddenSize: Int, multiple: Int) -> [Int]? {
    guard let granularity, !mixture.isDense else { return nil }
    var steps: [Int] = []
    for value in granularity {
      let step = max(1, Int((Double(2 * hiddenSize) / value / Double(multiple)).rounded()))
      if !steps.contains(step) { steps.append(step) }
    }
    return steps
  }

  /// - Throws: `InputError` where a list is empty or holds what cannot be, or every combination is one.
  func check(layers: [Int], baseline: LayerStack?) throws {
    func check(_ field: String, _ values: [Int]?, _ range: ClosedRange<Int>) throws {
      guard let values else { return }
      guard !values.isEmpty else {
        throw InputError(field, problem: "is empty", expected: "a value")
      }
      for value in values where !range.contains(value) {
        throw InputError(
          field, problem: "is \(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("experts", experts, 0...Self.mostExperts)
    try check("active_experts", active, 1...Self.mostExperts)
    try check("shared_experts", shared, 0...64)
    try check("dense_layers", denseLayers, 0...4096)
    if let granularity {
      guard !granularity.isEmpty else {
        throw InputError("granularity", problem: "is empty", expected: "a value")
      }
      for value in granularity where !Self.granularities.contains(value) {
        throw InputError("granularity", problem: "is \(value)", expected: "0.01 to 1e4")
      }
    }
    guard areGiven else { return }
    let own = baseline.map { ExpertMixture($0) } ?? ExpertMixture()
    guard experts != nil || !own.isDense else {
      throw InputError(
        "experts", problem: "is missing, and the baseline has none",
        expected: "how many a layer has, such as 0,8,32 (0: dense)")
    }
    let isSparse = (experts ?? [own.count]).contains { $0 > 0 }
    guard active != nil || !own.isDense || !isSparse else {
      throw InputError(
        "active_experts", problem: "is missing",
        expected: "how many of the experts a token passes, such as 1,2,8")
    }
    guard layers.allSatisfy({ mixtures(layers: $0, baseline: baseline).all.isEmpty }) else {
      return
    }
    let counts = experts ?? [own.count]
    let passed = active ?? [own.active]
    if let least = passed.min(), let most = counts.max(), least > most {
      throw InputError(
        "active_experts",
        problem: "every number of active experts, \(least) and more, is above that of experts, "
          + "\(most)", expected: "at most \(most)")
    }
    throw InputError(
      "dense_layers",
      problem: "no combination leaves a layer with experts in \(layers.max() ?? 0) layers",
      expected: "at most \((layers.max() ?? 1) - 1)")
  }

  /// - Throws: `InputError` where the baseline's layers differ in other ways, or no configuration could
  ///   say what candidates are.
  func check(baseline: Architecture, axes: LayerAxes, layers: [Int]) throws {
    let own = ExpertMixture(baseline.layers)
    guard areGiven || !own.isDense else { return }
    guard !axes.areGiven else {
      throw InputError(
        "experts", problem: "are searched beside attention_free, windows or shared_pairs",
        expected: "one or the other: no configuration describes both")
    }
    let stack = baseline.layers
    guard Set(stack.kinds.map(\.mixer)).count == 1, !stack.sharesWeights,
      stack[0].attention != nil, stack.kinds.allSatisfy({ $0.feedForward != nil }),
      own.isDense ? stack.kinds.count == 1 : stack.kinds.count <= 2
    else {
      throw InputError(
        "baseline", problem: "the layers of \(baseline.name) differ from one another",
        expected: "one of equal layers beside experts")
    }
    guard let deepest = layers.max() else { return }
    for mixture in mixtures(layers: deepest, baseline: stack).all {
      var shape = Shape(baseline)
      (shape.layers, shape.mixture, shape.intermediateSize) = (deepest, mixture, 64)
      guard (try? shape.architecture(like: baseline).writtenConfig()) != nil else {
        let words = mixture.isDense ? "dense" : mixture.words.joined(separator: "-")
        throw InputError(
          "baseline",
          problem: "no configuration describes layers of \(baseline.name) (\(baseline.modelType)) "
            + "that are \(words)",
          expected: own.isDense
            ? "one like LLaMA's" : "a dense baseline, or its own kind of experts")
      }
    }
  }
}
