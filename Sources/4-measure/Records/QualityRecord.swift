import Formats

/// How well a model predicts a text with its weights stored in one way, how far that is from a
/// reference, and how fast it is: what `dyno quality` gives for each storage.
public struct QualityRecord: Codable, Sendable {
  /// A figure and how well it is known; absent where there is too little text for that.
  public struct Estimate: Codable, Sendable, Equatable {
    public var value: Double
    public var standardError: Double?
    /// Lower and upper end.
    public var interval95: [Double]?

    public init(_ value: Double, standardError: Double? = nil, interval95: [Double]? = nil) {
      self.value = value
      self.standardError = standardError
      self.interval95 = interval95
    }
  }

  /// The text, the same for all storages.
  public struct Text: Codable, Sendable {
    /// Ids that were read.
    public var tokens: Int
    /// Of these, those that something was predicted of: not the first of each window.
    public var predictedTokens: Int
    public var documents: Int
    /// Most tokens of a window, each of which starts without a past.
    public var context: Int
    public var windows: Int
    /// Groups of neighbouring tokens that intervals are drawn from.
    public var blocks: Int
    /// UTF-8 bytes a token, where the text's length is known.
    public var bytesPerToken: Double?

    public init(
      tokens: Int, predictedTokens: Int, documents: Int, context: Int, windows: Int, blocks: Int,
      bytesPerToken: Double?
    ) {
      self.tokens = tokens
      self.predictedTokens = predictedTokens
      self.documents = documents
      self.context = context
      self.windows = windows
      self.blocks = blocks
      self.bytesPerToken = bytesPerToken
    }
  }

  /// Distances of the next token's distributions and of logits from those of the reference, over the
  /// predicted tokens.
  public struct Distance: Codable, Sendable {
    /// Loss minus the reference's, nats a token; by pairs, so better known than either.
    public var lossDifference: Estimate
    /// Kullback–Leibler divergence from the reference, `Σ p·ln(p/q)` with the reference's p: mean,
    /// nats a token.
    public var klDivergence: Estimate
    /// Its 99th percentile and largest value over tokens.
    public var klP99: Double
    public var klMax: Double
    /// Share of positions where both prefer the same token.
    public var top1Agreement: Estimate
    /// Mean of `‖logits − reference‖ / ‖reference‖` over positions.
    public var logitsRelativeError: Estimate

    public init(
      lossDifference: Estimate, klDivergence: Estimate, klP99: Double, klMax: Double,
      top1Agreement: Estimate, logitsRelativeError: Estimate
    ) {
      self.lossDifference = lossDifference
      self.klDivergence = klDivergence
      self.klP99 = klP99
      self.klMax = klMax
      self.top1Agreement = top1Agreement
      self.logitsRelativeError = logitsRelativeError
    }
  }

  /// One throughput test beside it.
  public struct Speed: Codable, Sendable {
    /// As `llama-bench` names it.
    public var test: String
    /// Tokens a second, the median of samples.
    public var medianTs: Double
    public var ci95Ts: [Double]?
    /// The least time that this machine's limits allow over the measured one.
    public var floorFraction: Double

    public init(test: String, medianTs: Double, ci95Ts: [Double]?, floorFraction: Double) {
      self.test = test
      self.medianTs = medianTs
      self.ci95Ts = ci95Ts
      self.floorFraction = floorFraction
    }
  }

  public var model: String
  /// `stored`, or the dtype that matrices were converted to.
  public var weights: String
  /// The format of the matrices; of most bytes where they mix formats.
  public var typeWeights: DType
  public var mixesFormats: Bool
  public var typeCache: DType
  /// What weights of `typeWeights` were multiplied with.
  public var typeActivations: ActivationFormat
  /// What `distance` is from, as `weights` spells it.
  public var reference: String
  /// Bytes of the matrices.
  public var modelBytes: Int
  /// Of a matrix's element.
  public var bytesPerWeight: Double
  public var text: Text
  /// Nats a token.
  public var loss: Estimate
  /// `exp(loss)`
  public var perplexity: Estimate
  /// Of UTF-8; absent where the text's length is not known, as is `informationCapacity`.
  public var bitsPerByte: Estimate?
  public var informationCapacity: Estimate?
  /// Mean over a window, logits included; multiply-adds count 2.
  public var flopsPerToken: Double
  /// Absent of the reference itself.
  public var distance: Distance?
  /// Absent where no speed was asked for.
  public var prefill: Speed?
  public var decode: Speed?
  public var seed: UInt64
  public var threads: Int
  public var cpuInfo: String
  public var buildCommit: String

  public init(
    model: String, weights: String, typeWeights: DType, mixesFormats: Bool, typeCache: DType,
    typeActivations: ActivationFormat, reference: String, modelBytes: Int, bytesPerWeight: Double,
    text: Text,
    loss: Estimate, perplexity: Estimate, bitsPerByte: Estimate?, informationCapacity: Estimate?,
    flopsPerToken: Double, distance: Distance?, seed: UInt64, threads: Int, cpuInfo: String,
    buildCommit: String
  ) {
    self.model = model
    self.weights = weights
    self.typeWeights = typeWeights
    self.mixesFormats = mixesFormats
    self.typeCache = typeCache
    self.typeActivations = typeActivations
    self.reference = reference
    self.modelBytes = modelBytes
    self.bytesPerWeight = bytesPerWeight
    self.text = text
    self.loss = loss
    self.perplexity = perplexity
    self.bitsPerByte = bitsPerByte
    self.informationCapacity = informationCapacity
    self.flopsPerToken = flopsPerToken
    self.distance = distance
    self.seed = seed
    self.threads = threads
    self.cpuInfo = cpuInfo
    self.buildCommit = buildCommit
  }
}
