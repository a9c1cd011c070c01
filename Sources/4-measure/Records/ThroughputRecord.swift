import Formats
import Input
import Machine
import Model

/// The result of one throughput test.
///
/// Encoded in snake_case it carries `llama-bench`'s keys, so that scripts made for that read it, and
/// ours beside them. As there, `n_batch` is the prefill chunk in tokens; `avg_ts` counts the tokens
/// of all `n_sequences`.
public struct ThroughputRecord: Codable, Sendable {
  /// Raised when a field changes its meaning.
  public static let currentSchema = 2

  public var schemaVersion = Self.currentSchema
  public var buildCommit: String
  public var cpuInfo: String
  /// The architecture's name.
  public var modelType: String
  /// Bytes of weights.
  public var modelSize: Int
  public var modelNParams: Int
  public var nBatch: Int
  public var nThreads: Int
  public var nSequences: Int
  /// Storage of weights, of keys and of values.
  public var typeWeights: WeightFormat
  public var typeK: DType
  public var typeV: DType
  public var nPrompt: Int
  public var nGen: Int
  public var nDepth: Int
  /// Start of the run, ISO 8601, UTC.
  public var testTime: String
  public var avgNs: Int
  public var stddevNs: Int
  public var avgTs: Double
  public var stddevTs: Double
  public var samplesNs: [Int]
  public var samplesTs: [Double]

  public var medianTs: Double
  /// 95% interval of the median from order statistics; absent where the samples are too few.
  public var ci95Ts: [Double]?
  /// Rates at the median time, by the operators' FLOPs and bytes.
  public var gflops: Double
  public var gbps: Double
  /// Shares of the limits measured in the same run.
  public var peakFraction: Double
  public var bandwidthFraction: Double
  /// The time that the slower of FLOPs at peak and bytes at full bandwidth takes, summed over the
  /// steps, over the median time.
  public var floorFraction: Double
  /// The same with each sample judged by the limits measured right before and after it (or, of a
  /// closed loop, its block), median of the samples: what the engine makes of the machine in its mood of the moment.
  public var pairedFloorFraction: Double
  public var limits: MachineLimits
  /// Seconds that making this architecture's random weights took.
  public var initializationS: Double
  /// The most memory the process ever held, all architectures of the run and the buffers that
  /// measure the limits included.
  public var processPeakBytes: Int
  /// What the weights, caches and activations of all architectures of the run and the buffers that
  /// measure the limits were expected to take.
  public var memoryNeedBytes: Int
  public var architecture: [String: JSONValue]
  /// `stored` where the weights were a file's; absent of random ones.
  public var weights: String?
  /// Bytes of the matrices by format, where there are several: mixes, files that mix formats, and rows
  /// that do not fill a format's blocks.
  public var weightFormats: [String: Int]?
  /// Exponent of Zipf's law by which tokens chose experts; absent where a router chose, or there are
  /// none.
  public var routingExponent: Double?
  /// What weights of `type_weights` were multiplied with; absent of records from when that was f32 or,
  /// of block formats, integers.
  public var typeActivations: ActivationFormat?
  /// Distinct experts that a layer read in a step: the mean over timed steps and layers with experts.
  public var expertsRead: Double?
  public var environment: RunEnvironment
  public var warnings: [String]
  public var seed: UInt64
  public var sampling: SamplingSummary
  /// Of each of `samplesNs`.
  public var sampleCircumstances: [SampleCircumstances]
  /// Of tests that read a prompt and make tokens.
  public var workload: WorkloadSummary?

  public init(
    buildCommit: String, cpuInfo: String, modelType: String, modelSize: Int, modelNParams: Int,
    nBatch: Int, nThreads: Int, nSequences: Int, typeWeights: WeightFormat, typeK: DType,
    typeV: DType,
    nPrompt: Int, nGen: Int, nDepth: Int, testTime: String, avgNs: Int, stddevNs: Int,
    avgTs: Double, stddevTs: Double, samplesNs: [Int], samplesTs: [Double], medianTs: Double,
    ci95Ts: [Double]?, gflops: Double, gbps: Double, peakFraction: Double,
    bandwidthFraction: Double, floorFraction: Double, pairedFloorFraction: Double,
    limits: MachineLimits, initializationS: Double, processPeakBytes: Int,
    memoryNeedBytes: Int,
    architecture: [String: JSONValue], environment: RunEnvironment, warnings: [String],
    seed: UInt64, sampling: SamplingSummary, sampleCircumstances: [SampleCircumstances],
    workload: WorkloadSummary? = nil
  ) {
    self.buildCommit = buildCommit
    self.cpuInfo = cpuInfo
    self.modelType = modelType
    self.modelSize = modelSize
    self.modelNParams = modelNParams
    self.nBatch = nBatch
    self.nThreads = nThreads
    self.nSequences = nSequences
    self.typeWeights = typeWeights
    self.typeK = typeK
    self.typeV = typeV
    self.nPrompt = nPrompt
    self.nGen = nGen
    self.nDepth = nDepth
    self.testTime = testTime
    self.avgNs = avgNs
    self.stddevNs = stddevNs
    self.avgTs = avgTs
    self.stddevTs = stddevTs
    self.samplesNs = samplesNs
    self.samplesTs = samplesTs
    self.medianTs = medianTs
    self.ci95Ts = ci95Ts
    self.gflops = gflops
    self.gbps = gbps
    self.peakFraction = peakFraction
    self.bandwidthFraction = bandwidthFraction
    self.floorFraction = floorFraction
    self.pairedFloorFraction = pairedFloorFraction
    self.limits = limits
    self.initializationS = initializationS
    self.processPeakBytes = processPeakBytes
    self.memoryNeedBytes = memoryNeedBytes
    self.architecture = architecture
    self.environment = environment
    self.warnings = warnings
    self.seed = seed
    self.sampling = sampling
    self.sampleCircumstances = sampleCircumstances
    self.workload = workload
  }

  /// As `llama-bench` names tests: `pp512`, `tg128 @ d4096`, `pp4096+tg1024`.
  public var testName: String {
    Self.testName(prompt: nPrompt, generate: nGen, depth: nDepth)
  }

  /// Whether it was faster than its limits allow: they are of memory, which what stays in a cache
  /// needs not, and the best of a few samples.
  public var isAboveLimits: Bool {
    [peakFraction, bandwidthFraction, floorFraction, pairedFloorFraction].contains { $0 > 1 }
  }

  public static func testName(prompt: Int, generate: Int, depth: Int) -> String {
    let kinds = [prompt > 0 ? "pp\(prompt)" : nil, generate > 0 ? "tg\(generate)" : nil]
    let kind = kinds.compactMap { $0 }.joined(separator: "+")
    return depth > 0 ? "\(kind) @ d\(depth)" : kind
  }
}
