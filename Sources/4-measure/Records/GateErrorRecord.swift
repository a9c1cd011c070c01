/// How often the gate errs on one machine, for one set of tests.
public struct GateErrorRecord: Codable, Sendable {
  /// Raised when a field changes its meaning.
  public static let currentSchema = 1

  /// How often something happened, with Clopper and Pearson's 95% interval.
  public struct Rate: Codable, Sendable {
    public var count: Int
    public var trials: Int
    public var interval: [Double]

    public init(count: Int, trials: Int, interval: ClosedRange<Double>) {
      self.count = count
      self.trials = trials
      self.interval = [interval.lowerBound, interval.upperBound]
    }
  }

  public var schemaVersion = Self.currentSchema
  public var warnings: [String] = []
  public var cpuInfo: String
  public var cells: [String]
  public var threshold: Double
  public var familyError: Double
  /// Seconds that one comparison would take, and its pairs of each cell.
  public var comparisonS: Double
  public var pairsPerCell: Int
  /// Seconds that the pool took, and its pairs of each cell.
  public var poolS: Double
  public var poolPairsPerCell: Int
  /// Comparisons of equal sides with at least one alarm.
  public var falseAlarms: Rate
  /// The same with the line drawn at no change at all: how well the statistics keep their promise.
  public var falseAlarmsAtZero: Rate
  /// Comparisons with a really slowed cell in which it was found.
  public var injectedSlowdown: Double
  public var found: Rate
  /// Median over cells of the slowdown measured where `injectedSlowdown` was put in.
  public var measuredSlowdown: Double
  /// The smallest slowdown of one cell that is found with 95% power at this threshold.
  public var smallestFound: Double?
  /// Median over cells of the spread (interquartile range over 1.349) of a pair's log ratio.
  public var pairSpread: Double
  /// The largest of the cells' biases: the centre of the log ratios of equal sides.
  public var largestBias: Double
  /// Variance of sums over pairs, by what those of the same processes share, over that of independent
  /// ones; at least 1.
  public var designEffect: Double
  public var seed: UInt64

  public init(
    cpuInfo: String, cells: [String], threshold: Double, familyError: Double, comparisonS: Double,
    pairsPerCell: Int, poolS: Double, poolPairsPerCell: Int, falseAlarms: Rate,
    falseAlarmsAtZero: Rate, injectedSlowdown: Double, found: Rate, measuredSlowdown: Double,
    smallestFound: Double?, pairSpread: Double, largestBias: Double,
    designEffect: Double, seed: UInt64
  ) {
    self.cpuInfo = cpuInfo
    self.cells = cells
    self.threshold = threshold
    self.familyError = familyError
    self.comparisonS = comparisonS
    self.pairsPerCell = pairsPerCell
    self.poolS = poolS
    self.poolPairsPerCell = poolPairsPerCell
    self.falseAlarms = falseAlarms
    self.falseAlarmsAtZero = falseAlarmsAtZero
    self.injectedSlowdown = injectedSlowdown
    self.found = found
    self.measuredSlowdown = measuredSlowdown
    self.smallestFound = smallestFound
    self.pairSpread = pairSpread
    self.largestBias = largestBias
    self.designEffect = designEffect
    self.seed = seed
  }
}
