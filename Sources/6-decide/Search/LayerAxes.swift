import Input
import Model

/// In what ways a space's layers may differ from one another: every combination is searched. What is
/// absent is as in the baseline.
public struct LayerAxes: Sendable, Equatable {
  /// Layers without attention.
  public var attentionFree: [LayerShare]?
  public var windows: [WindowPattern]?
  /// Whether neighbouring layers without attention share their weights in pairs.
  public var sharedPairs: [Bool]?

  public init() {}

  public var areGiven: Bool { attentionFree != nil || windows != nil || sharedPairs != nil }

  /// These, where `other` says nothing else.
  func overridden(by other: LayerAxes) -> LayerAxes {
    var result = other
    result.attentionFree = other.attentionFree ?? attentionFree
    result.windows = other.windows ?? windows
    result.sharedPairs = other.sharedPairs ?? sharedPairs
    return result
  }

  /// Each once: at some depths several choices make the same layers.
  ///
  /// - Parameter baseline: whose layers are alike where axes are given.
  func patterns(layers: Int, baseline: LayerStack?) -> [LayerPattern] {
    guard areGiven else {
      return [baseline.map { LayerPattern($0.resized(to: layers)) } ?? LayerPattern()]
    }
    let window = baseline.flatMap { LayerPattern($0).window } ?? 0
    var patterns: [LayerPattern] = []
    for free in attentionFree ?? [.count(0)] {
      for windows in windows ?? [WindowPattern(local: 1, global: 0, window: window)] {
        for pairs in sharedPairs ?? [false] {
          let pattern = LayerPattern(
            attentionFree: free.layers(of: layers), windows: windows, sharesPairs: pairs,
            layers: layers)
          if !patterns.contains(pattern) { patterns.append(pattern) }
        }
      }
    }
    return patterns
  }

  /// - Throws: `InputError` where a list is empty, or no layer of some depth keeps its attention.
  func check(layers: [Int]) throws {
    func check(_ option: String, isEmpty: Bool?) throws {
      guard isEmpty != true else {
        throw InputError(option, problem: "is empty", expected: "a value")
      }
    }
    try check("attention_free", isEmpty: attentionFree?.isEmpty)
    try check("windows", isEmpty: windows?.isEmpty)
    try check("shared_pairs", isEmpty: sharedPairs?.isEmpty)
    for free in attentionFree ?? [] {
      for layers in layers where free.layers(of: layers) >= layers {
        throw InputError(
          "attention_free",
          problem: "\(free.text) leaves none of \(layers) layers with attention",
          expected: "at most \(layers - 1) of them")
      }
    }
  }

  /// What the baseline must be for its layers to be varied.
  ///
  /// - Throws: `InputError` where its layers differ, or no configuration could say how they would.
  func check(baseline: Architecture, layers: [Int]) throws {
    guard areGiven else { return }
    let axes = "beside attention_free, windows or shared_pairs"
    let stack = baseline.layers
    guard stack.kinds.count == 1, !stack.sharesWeights, stack[0].attention != nil,
      stack[0].mlp != nil
    else {
      throw InputError(
        "baseline", problem: "the layers of \(baseline.name) differ from one another",
        expected: "one of equal layers \(axes)")
    }
    guard let deepest = layers.max() else { return }
    for pattern in patterns(layers: deepest, baseline: stack) {
      var candidate = baseline
      candidate.layers = stack.arranged(deepest, pattern)
      guard (try? candidate.writtenConfig()) != nil else {
        throw InputError(
          "baseline",
          problem: "no configuration describes layers of \(baseline.name) (\(baseline.modelType)) "
            + "that are \(pattern.words.joined(separator: ", "))",
          expected: "one of LLaMA's layers \(axes)")
      }
    }
  }
}

/// A number of layers, or a share of them.
public enum LayerShare: Sendable, Equatable {
  case count(Int)
  case share(Double)

  public static let expected = "a share such as 0.25 or 25%, or a number of layers such as 8"

  public init?(_ text: String) {
    if let count = Int(text) {
      guard (0...4095).contains(count) else { return nil }
      self = .count(count)
    } else if let share = Percentage(text, bareShare: true)?.share, share < 1 {
      self = .share(share)
    } else {
      return nil
    }
  }

  /// The nearest whole number of `layers`.
  func layers(of layers: Int) -> Int {
    switch self {
    case .count(let count): count
    case .share(let share): Int((share * Double(layers)).rounded())
    }
  }

  var text: String {
    switch self {
    case .count(let count): "\(count)"
    case .share(let share): "\(share)"
    }
  }
}

/// Layers with a window and layers that see all positions, in turn.
public struct WindowPattern: Sendable, Equatable {
  public let local: Int
  public let global: Int
  /// Positions that a token sees, itself included; 0 where all layers see all.
  public let window: Int

  public static let expected =
    "none, or layers with a window, layers without and positions, such as 5:1x512"

  init(local: Int, global: Int, window: Int) {
    (self.local, self.global, self.window) = (local, global, window)
  }

  /// `5:1x512`: 5 layers with a window of 512 positions, then one without; `none`.
  public init?(_ text: String) {
    if text == "none" {
      self.init(local: 1, global: 0, window: 0)
      return
    }
    func numbers(_ text: some StringProtocol, _ separator: Character) -> (Substring, Substring)? {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      return parts.count == 2 ? (Substring(parts[0]), Substring(parts[1])) : nil
    }
    guard let (layers, positions) = numbers(text, "x"), let (first, second) = numbers(layers, ":"),
      let local = Int(first), let global = Int(second), let window = Int(positions),
      (1...4096).contains(local), (0...4096).contains(global), (1...1 << 30).contains(window)
    else { return nil }
    self.init(local: local, global: global, window: window)
  }
}

extension LayerStack {
  func resized(to count: Int) -> LayerStack {
    var layers = self
    layers.resize(to: count)
    return layers
  }

  /// So many layers in a pattern: those here, over and over, where that is theirs, else what it makes
  /// of the first.
  func arranged(_ count: Int, _ pattern: LayerPattern) -> LayerStack {
    let layers = resized(to: count)
    return LayerPattern(layers) == pattern ? layers : pattern.layers(count, of: kinds[0])
  }
}
