/// Means of values that come in blocks, whose values resemble each other: tokens of one passage.
///
/// Blocks are drawn with replacement, each as a whole (the cluster bootstrap; Davison and Hinkley,
/// *Bootstrap Methods and their Application*, 1997, section 3.8). Drawing single values would take
/// neighbours for independent, and give intervals that are too narrow. All statistics see the same
/// draws, so that a difference of two of them has the interval of paired values.
public struct BlockBootstrap: Sendable {
  /// Draws; their scatter moves an interval's ends by a few percent of its width.
  public static let replicates = 2000
  /// With fewer blocks there are no intervals: the scatter between them is hardly known.
  public static let fewestBlocks = 8

  /// Values in each block.
  private let sizes: [Double]
  private let seed: UInt64

  /// - Parameters:
  ///   - blocks: places of the values of each block, none empty.
  ///   - seed: of the draws; equal seeds give equal intervals.
  public init(blockSizes: [Int], seed: UInt64) {
    precondition(blockSizes.allSatisfy { $0 > 0 })
    sizes = blockSizes.map(Double.init)
    self.seed = seed
  }

  /// A mean and how well it is known.
  public struct Mean: Sendable, Equatable {
    public let value: Double
    /// `nil` with too few blocks, as is the interval.
    public let standardError: Double?
    public let interval95: ClosedRange<Double>?
  }

  /// The mean of each series of values, over all values.
  ///
  /// - Parameter blockSums: for each series, the sum of its values in each block.
  public func means(_ blockSums: [[Double]]) -> [Mean] {
    precondition(blockSums.allSatisfy { $0.count == sizes.count })
    let total = sizes.reduce(0, +)
    let values = blockSums.map { $0.reduce(0, +) / total }
    guard sizes.count >= Self.fewestBlocks else {
      return values.map { Mean(value: $0, standardError: nil, interval95: nil) }
    }
    let replicates = Bootstrap.replicate(Self.replicates, seed: seed) { generator in
      var size = 0.0
      var sums = [Double](repeating: 0, count: blockSums.count)
      for _ in sizes.indices {
        let block = Int.random(in: sizes.indices, using: &generator)
        size += sizes[block]
        for series in sums.indices { sums[series] += blockSums[series][block] }
      }
      return sums.map { $0 / size }
    }
    return values.indices.map { series in
      let drawn = replicates.map { $0[series] }
      return Mean(
        value: values[series], standardError: Moments.standardDeviation(drawn),
        interval95: Bootstrap.interval(
          drawn, rows: sizes.count, degreesOfFreedom: sizes.count - 1))
    }
  }
}
