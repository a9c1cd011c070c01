import Model

/// A measured gain over the baseline: one candidate in one round of a closed loop.
public struct GainMeasurement: Sendable {
  public var shape: Shape
  /// Natural logarithm of the throughput over the baseline's, measured side by side.
  public var logGain: Double
  /// Of `logGain`, from the scatter of the pairs.
  public var standardError: Double
  public var pairs: Int
  /// Tokens per second, the median; and the baseline's beside it.
  public var throughput: Double
  public var baselineThroughput: Double
  /// What measuring it took, its share of preparing included.
  public var seconds: Double
  /// From 1; 0 where it was measured outside of a loop.
  public var round: Int

  public init(
    shape: Shape, logGain: Double, standardError: Double, pairs: Int, throughput: Double,
    baselineThroughput: Double, seconds: Double, round: Int
  ) {
    self.shape = shape
    self.logGain = logGain
    self.standardError = standardError
    self.pairs = pairs
    self.throughput = throughput
    self.baselineThroughput = baselineThroughput
    self.seconds = seconds
    self.round = round
  }

  /// What measuring the same architecture once more, in new memory, differs by beyond the scatter
  /// of its pairs: where pages come to lie.
  static let placementError = 0.005

  var variance: Double {
    standardError * standardError + Self.placementError * Self.placementError
  }
}

/// What can measure architectures side by side with the baseline; the closed loop is handed one.
public protocol GainMeasurer: AnyObject {
  /// - Parameter round: that the measurements belong to, from 1.
  func measure(_ candidates: [Architecture], round: Int) throws -> [GainMeasurement]
}
