import Formats
import Input
import Model
import Records

/// What a file of results does not say about its runs and the user therefore must.
public struct RunFacts: Sendable {
  public var architecture: Architecture?
  public var device: String?
  /// What `device` is: runs of another kind are refused.
  public var deviceKind: DeviceLimits.Kind?
  public var engine: String?
  /// Storage of weights, and of the cache.
  public var dtype: NumberStorage?
  public var cache: NumberStorage?
  public var prompt: Int?
  public var generate: Int?
  public var batch: Int?
  /// Devices that share each layer.
  public var tensorParallel: Int?

  public init(
    architecture: Architecture? = nil, device: String? = nil,
    deviceKind: DeviceLimits.Kind? = nil, engine: String? = nil,
    dtype: NumberStorage? = nil, cache: NumberStorage? = nil,
    prompt: Int? = nil, generate: Int? = nil, batch: Int? = nil, tensorParallel: Int? = nil
  ) {
    self.architecture = architecture
    self.device = device
    self.deviceKind = deviceKind
    self.engine = engine
    self.dtype = dtype
    self.cache = cache
    self.prompt = prompt
    self.generate = generate
    self.batch = batch
    self.tensorParallel = tensorParallel
  }

  /// - Throws: `InputError` that names the field to give.
  func required<Value>(_ value: Value?, _ field: String, _ what: String) throws -> Value {
    guard let value else {
      throw InputError(
        problem: "does not say the \(what)", expected: "\(field) to be given with the file")
    }
    return value
  }

  /// Refuses what was measured on a device of another kind than the one that is calibrated.
  func requireDevice(_ kind: DeviceLimits.Kind) throws {
    guard let deviceKind, deviceKind != kind else { return }
    throw InputError(
      problem: "was measured on a \(kind.rawValue.uppercased())",
      expected: "measurements of a \(deviceKind.rawValue.uppercased()), as the given device is")
  }

  /// The model that a file calls `hubName`: the zoo's, or the user's where the zoo has none.
  ///
  /// - Throws: `InputError` where the two are different ones, or there is neither.
  func architecture(named hubName: String) throws -> Architecture {
    guard let given = architecture else { return try Zoo.architecture(ofHubModel: hubName) }
    guard let named = try? Zoo.architecture(ofHubModel: hubName) else { return given }
    guard named.parameters == given.parameters, named.layers == given.layers,
      named.queryHeads == given.queryHeads, named.keyValueHeads == given.keyValueHeads
    else {
      throw InputError(
        problem: "is of the model \"\(hubName.prefix(60))\"",
        expected: "\(given.name), as given")
    }
    return given
  }
}
