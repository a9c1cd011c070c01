/// One forward step: for each sequence, how many positions are cached and how many tokens are new.
public struct Step: Hashable, Sendable {
  public struct Sequence: Hashable, Sendable {
    public var cached: Int
    public var new: Int

    public init(cached: Int, new: Int) {
      self.cached = cached
      self.new = new
    }
  }

  /// Positions whose logits are computed.
  public enum Logits: Sendable {
    case none
    /// The last new token of each sequence: what sampling needs.
    case last
    case all
  }

  public var sequences: [Sequence]
  public var logits: Logits

  public init(sequences: [Sequence], logits: Logits) {
    self.sequences = sequences
    self.logits = logits
  }

  /// `batch` sequences of `new` tokens each after `cached` ones.
  public init(batch: Int, cached: Int, new: Int, logits: Logits = .last) {
    self.init(
      sequences: Array(repeating: Sequence(cached: cached, new: new), count: batch), logits: logits)
  }

  public var tokens: Int { sequences.reduce(0) { $0 + $1.new } }

  public var logitsRows: Int {
    switch logits {
    case .none: 0
    case .last: sequences.count
    case .all: tokens
    }
  }
}

extension Step.Sequence {
  /// `Σ_{i=1..T} min(C + i, window)`: pairs of a new token and a position it sees.
  ///
  /// - Parameter chunk: tokens see what is of their own chunk of so many positions only.
  public func visiblePairs(window: Int?, chunk: Int? = nil) -> Int {
    func triangle(_ n: Int) -> Int { n * (n + 1) / 2 }
    if let chunk {
      func upTo(_ end: Int) -> Int { end / chunk * triangle(chunk) + triangle(end % chunk) }
      return upTo(cached + new) - upTo(cached)
    }
    guard let window, cached + new > window else {
      return triangle(cached + new) - triangle(cached)
    }
    let growing = max(0, window - cached)  // tokens that still see everything before them
    return triangle(cached + growing) - triangle(cached) + (new - growing) * window
  }

  /// Positions of the cache that some new token sees: `min(C + T, window)`, widened by the `T - 1`
  /// positions that only earlier tokens of the step see through a window.
  public func visiblePositions(window: Int?, chunk: Int? = nil) -> Int {
    if let chunk { return cached + new - cached / chunk * chunk }
    guard let window else { return cached + new }
    return min(cached + new, window + new - 1)
  }
}
