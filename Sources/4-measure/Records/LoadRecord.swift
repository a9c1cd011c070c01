import Formats
import Input
import Machine
import Model
import Requests

/// What the clients of one closed loop saw of the engine on this machine.
///
/// Encoded in snake_case it is one object: the keys that predictions of a load have (`ServingFigures`),
/// and those of the measurement.
public struct LoadRecord: Codable, Sendable {
  public var figures: ServingFigures
  public var measurement: Measurement

  public init(_ figures: ServingFigures, _ measurement: Measurement) {
    self.figures = figures
    self.measurement = measurement
  }

  public init(from decoder: any Decoder) throws {
    figures = try ServingFigures(from: decoder)
    measurement = try Measurement(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    try figures.encode(to: encoder)
    try measurement.encode(to: encoder)
  }

  /// What was measured, and how.
  public struct Measurement: Codable, Sendable {
    /// Raised when a field changes its meaning.
    public static let currentSchema = 1

    public var schemaVersion = Self.currentSchema
    public var buildCommit: String
    public var cpuInfo: String
    public var device = "host"
    public var engine = "dyno"
    public var policy = "dyno"
    /// Its name.
    public var architecture: String
    public var architectureConfig: [String: JSONValue]
    /// Bytes of weights.
    public var modelSize: Int
    public var modelNParams: Int
    /// Storage of weights, of keys and of values.
    public var typeWeights: WeightFormat
    public var typeK: DType
    public var typeV: DType
    /// What weights of `type_weights` are multiplied with.
    public var typeActivations: ActivationFormat
    /// `stored` where the weights were a file's; absent of random ones.
    public var weights: String?
    /// Exponent of Zipf's law by which tokens chose experts; absent where a router chose, or there are
    /// none.
    public var routingExponent: Double?
    public var nThreads: Int
    /// Most tokens of a prompt in one step.
    public var nBatch: Int
    public var load: String
    public var concurrency: Int
    /// Longest prompt and answer, and the share of them from which lengths were drawn.
    public var prompt: Int
    public var generate: Int
    public var lengthRange: Double
    /// Requests of a round, and those at its start that do not count.
    public var requestsSent: Int
    public var warmUp: Int
    public var rounds: [Round]
    public var interval95: Intervals
    public var limits: MachineLimits
    public var initializationS: Double
    /// The most memory that the process ever held, and what everything was expected to take.
    public var processPeakBytes: Int
    public var memoryNeedBytes: Int
    public var environment: RunEnvironment
    public var warnings: [String]
    public var seed: UInt64
    /// Start of the run, ISO 8601, UTC.
    public var testTime: String

    public init(
      buildCommit: String, cpuInfo: String, architecture: String,
      architectureConfig: [String: JSONValue], modelSize: Int, modelNParams: Int,
      typeWeights: WeightFormat, typeK: DType, typeV: DType, typeActivations: ActivationFormat,
      weights: String?, routingExponent: Double?, nThreads: Int, nBatch: Int, load: String,
      concurrency: Int, prompt: Int, generate: Int, lengthRange: Double, requestsSent: Int,
      warmUp: Int, rounds: [Round], interval95: Intervals, limits: MachineLimits,
      initializationS: Double, processPeakBytes: Int, memoryNeedBytes: Int,
      environment: RunEnvironment, warnings: [String], seed: UInt64, testTime: String
    ) {
      self.buildCommit = buildCommit
      self.cpuInfo = cpuInfo
      self.architecture = architecture
      self.architectureConfig = architectureConfig
      self.modelSize = modelSize
      self.modelNParams = modelNParams
      self.typeWeights = typeWeights
      self.typeK = typeK
      self.typeV = typeV
      self.typeActivations = typeActivations
      self.weights = weights
      self.routingExponent = routingExponent
      self.nThreads = nThreads
      self.nBatch = nBatch
      self.load = load
      self.concurrency = concurrency
      self.prompt = prompt
      self.generate = generate
      self.lengthRange = lengthRange
      self.requestsSent = requestsSent
      self.warmUp = warmUp
      self.rounds = rounds
      self.interval95 = interval95
      self.limits = limits
      self.initializationS = initializationS
      self.processPeakBytes = processPeakBytes
      self.memoryNeedBytes = memoryNeedBytes
      self.environment = environment
      self.warnings = warnings
      self.seed = seed
      self.testTime = testTime
    }
  }

  /// One time that the loop was served.
  public struct Round: Codable, Sendable {
    /// From the first request that counts to the last token.
    public var seconds: Double
    /// Means.
    public var ttftS: Double
    public var tpotS: Double
    public var outputTokensPerSecond: Double
    /// Best of right before and right after.
    public var limits: MachineLimits
    public var circumstances: SampleCircumstances

    public init(
      seconds: Double, ttftS: Double, tpotS: Double, outputTokensPerSecond: Double,
      limits: MachineLimits, circumstances: SampleCircumstances
    ) {
      self.seconds = seconds
      self.ttftS = ttftS
      self.tpotS = tpotS
      self.outputTokensPerSecond = outputTokensPerSecond
      self.limits = limits
      self.circumstances = circumstances
    }
  }

  /// 95% intervals of means over requests; absent with too few of them.
  public struct Intervals: Codable, Sendable {
    public var ttftS: [Double]?
    public var tpotS: [Double]?
    public var latencyS: [Double]?

    public init(ttftS: [Double]?, tpotS: [Double]?, latencyS: [Double]?) {
      self.ttftS = ttftS
      self.tpotS = tpotS
      self.latencyS = latencyS
    }
  }
}
