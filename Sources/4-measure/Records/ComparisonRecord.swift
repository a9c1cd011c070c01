import Formats
import Model

/// What a comparison of two builds, or of two sets of results, found.
public struct ComparisonRecord: Codable, Sendable {
  /// Raised when a field changes its meaning.
  public static let currentSchema = 1

  public enum Verdict: String, Codable, Sendable, CaseIterable {
    case regression
    case improvement
    case noChange = "no change"
    case inconclusive
  }

  public enum Method: String, Codable, Sendable {
    /// Both ran in turns, one pair after another.
    case paired
    /// Each was measured by itself.
    case unpaired
  }

  /// One of the two sides.
  public struct Side: Codable, Sendable, Equatable {
    /// The executable or the file.
    public var name: String
    public var buildCommit: String

    public init(name: String, buildCommit: String) {
      self.name = name
      self.buildCommit = buildCommit
    }
  }

  /// One test of one architecture on both sides.
  public struct Cell: Codable, Sendable {
    public var modelType: String
    public var test: String
    public var nSequences: Int
    public var typeWeights: WeightFormat
    public var typeK: DType
    public var nThreads: Int
    /// Median tokens per second.
    public var baselineTs: Double
    public var candidateTs: Double
    /// The candidate's time over the baseline's, minus 1; negative where it is faster.
    public var slowdown: Double
    /// All cells' intervals hold together with 95%; absent where the samples are too few to bound it.
    public var slowdownInterval: [Double]?
    /// That of a change beyond half the threshold, adjusted for the number of cells and looks.
    public var pValue: Double
    public var verdict: Verdict
    /// Pairs, or samples of the side that has fewer.
    public var samples: Int
    public var suspectSamples: Int

    public init(
      modelType: String, test: String, nSequences: Int, typeWeights: WeightFormat, typeK: DType,
      nThreads: Int, baselineTs: Double, candidateTs: Double, slowdown: Double,
      slowdownInterval: [Double]?, pValue: Double, verdict: Verdict, samples: Int,
      suspectSamples: Int
    ) {
      self.modelType = modelType
      self.test = test
      self.nSequences = nSequences
      self.typeWeights = typeWeights
      self.typeK = typeK
      self.nThreads = nThreads
      self.baselineTs = baselineTs
      self.candidateTs = candidateTs
      self.slowdown = slowdown
      self.slowdownInterval = slowdownInterval
      self.pValue = pValue
      self.verdict = verdict
      self.samples = samples
      self.suspectSamples = suspectSamples
    }

    /// `llama-3.2-1b tg128 @ d4096, batch 8, bf16`.
    public var name: String { "\(modelType) \(test), batch \(nSequences), \(typeWeights)" }
  }

  public var schemaVersion = Self.currentSchema
  public var method: Method
  public var baseline: Side
  public var candidate: Side
  public var cpuInfo: String
  /// The slowdown that is to be found.
  public var threshold: Double
  /// The chance allowed for even one false alarm among all cells; and, apart, for even one change of
  /// the threshold or more to be called none.
  public var familyError: Double
  public var cells: [Cell]
  /// Tests that one side lacks, by name; absent where there are none.
  public var onlyInBaseline: [String]?
  public var onlyInCandidate: [String]?
  /// Of paired comparisons: seed of the order, seconds taken, looks at the data.
  public var seed: UInt64?
  public var seconds: Double?
  public var looks: Int?
  /// The slowdown that was put into the candidate on purpose, if one was.
  public var injectedSlowdown: Double?
  public var injectedCell: Int?
  public var warnings: [String]

  public init(
    method: Method, baseline: Side, candidate: Side, cpuInfo: String, threshold: Double,
    familyError: Double, cells: [Cell], seed: UInt64? = nil, seconds: Double? = nil,
    looks: Int? = nil, injectedSlowdown: Double? = nil, injectedCell: Int? = nil,
    warnings: [String] = [], onlyInBaseline: [String]? = nil, onlyInCandidate: [String]? = nil
  ) {
    self.method = method
    self.baseline = baseline
    self.candidate = candidate
    self.cpuInfo = cpuInfo
    self.threshold = threshold
    self.familyError = familyError
    self.cells = cells
    self.seed = seed
    self.seconds = seconds
    self.looks = looks
    self.injectedSlowdown = injectedSlowdown
    self.injectedCell = injectedCell
    self.warnings = warnings
    self.onlyInBaseline = onlyInBaseline
    self.onlyInCandidate = onlyInCandidate
  }

  /// Of all cells together: a regression anywhere is one; else any open question leaves it open.
  public var verdict: Verdict {
    let verdicts = cells.map(\.verdict)
    for verdict in [Verdict.regression, .inconclusive, .improvement]
    where verdicts.contains(verdict) {
      return verdict
    }
    return .noChange
  }

  /// What the command line ends with: 0 no regression, 1 regression, 3 inconclusive.
  public var exitCode: Int32 {
    switch verdict {
    case .regression: 1
    case .inconclusive: 3
    case .improvement, .noChange: 0
    }
  }
}
