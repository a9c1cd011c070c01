import Architectures

/// What a file of results does not say about its runs and the user therefore must.
public struct RunFacts: Sendable {
  public var architecture: Architecture?
  public var device: String?
  public var engine: String?
  public var dtype: DType?
  public var prompt: Int?
  public var generate: Int?
  public var batch: Int?

  public init(
    architecture: Architecture? = nil, device: String? = nil, engine: String? = nil,
    dtype: DType? = nil, prompt: Int? = nil, generate: Int? = nil, batch: Int? = nil
  ) {
    self.architecture = architecture
    self.device = device
    self.engine = engine
    self.dtype = dtype
    self.prompt = prompt
    self.generate = generate
    self.batch = batch
  }

  /// - Throws: `InputError` that names the option to give.
  func required<Value>(_ value: Value?, _ option: String, _ what: String) throws -> Value {
    guard let value else {
      throw InputError(
        problem: "does not say the \(what)", expected: "\(option) on the command line")
    }
    return value
  }
}
