import Formats
import Input
import Model

/// Why a throughput test gave no result.
///
/// Its keys are those of `ThroughputRecord` as far as they are known before a run, so that both are
/// found and listed by the same words.
public struct FailureRecord: Codable, Sendable {
  public var schemaVersion = ThroughputRecord.currentSchema
  public var buildCommit: String
  public var cpuInfo: String
  /// The architecture's name.
  public var modelType: String
  public var nBatch: Int
  public var nThreads: Int
  public var nSequences: Int
  public var typeWeights: WeightFormat
  public var typeK: DType
  public var typeV: DType
  public var nPrompt: Int
  public var nGen: Int
  public var nDepth: Int
  /// Start of the run, ISO 8601, UTC.
  public var testTime: String
  public var architecture: [String: JSONValue]
  public var seed: UInt64
  public var failure: Failure

  public struct Failure: Codable, Sendable, Equatable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
      /// It did not fit into memory, or the kernel ended it for want of memory.
      case outOfMemory = "out of memory"
      /// It ended by a signal, an internal error or with a result that cannot be read.
      case crash
      case timeLimit = "time limit"
      /// Dyno refused to run it, such as sizes that do not fill a block of the dtype.
      case refused
    }

    public var kind: Kind
    /// What happened, in one line.
    public var detail: String

    public init(_ kind: Kind, _ detail: String) {
      self.kind = kind
      self.detail = detail
    }
  }

  public init(
    buildCommit: String, cpuInfo: String, modelType: String, nBatch: Int, nThreads: Int,
    nSequences: Int, typeWeights: WeightFormat, typeK: DType, typeV: DType, nPrompt: Int, nGen: Int,
    nDepth: Int, testTime: String, architecture: [String: JSONValue], seed: UInt64,
    failure: Failure
  ) {
    self.buildCommit = buildCommit
    self.cpuInfo = cpuInfo
    self.modelType = modelType
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
    self.architecture = architecture
    self.seed = seed
    self.failure = failure
  }
}
