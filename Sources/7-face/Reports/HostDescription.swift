import Machine

/// What `dyno host` says of this machine.
public struct HostDescription: Encodable, Sendable {
  public let processor: String
  public let operatingSystem: String
  public let topology: Topology
  public let availableMemoryBytes: Int
  public let instructionSets: [String]
  public let openblas: String
  public let limits: MachineLimits
  /// Whether the limits were measured by this call, or kept from an earlier one.
  public let measuredNow: Bool
  public let threadsPinned: Bool
  /// Processors' worth of time that the control groups allow; absent without a limit.
  public let containerProcessors: Double?

  public init(
    topology: Topology, limits: MachineLimits, measuredNow: Bool, threadsPinned: Bool,
    openblas: String, processor: String, operatingSystem: String, availableMemoryBytes: Int,
    instructionSets: [String], containerProcessors: Double?
  ) {
    self.topology = topology
    self.limits = limits
    self.measuredNow = measuredNow
    self.threadsPinned = threadsPinned
    self.openblas = openblas
    self.processor = processor
    self.operatingSystem = operatingSystem
    self.availableMemoryBytes = availableMemoryBytes
    self.instructionSets = instructionSets
    self.containerProcessors = containerProcessors
  }

  public var table: String {
    Facts.rendered([
      ("processor", processor),
      ("topology", topology.summary),
      (
        "memory",
        "\(Quantity.bytes(Double(topology.memoryBytes))), "
          + "\(Quantity.bytes(Double(availableMemoryBytes))) available"
      ),
      ("operating system", operatingSystem),
      ("instruction sets", instructionSets.joined(separator: ", ")),
      ("OpenBLAS", openblas),
      ("threads", "\(limits.threads)\(threadsPinned ? ", pinned" : ", not pinned")"),
      (
        "processor quota", containerProcessors.map { Quantity.number($0, digits: 3) } ?? "none"
      ),
      ("read bandwidth", "\(Quantity.number(limits.readBandwidth * 1e-9)) GB/s"),
      ("f32 multiply-add peak", "\(Quantity.number(limits.multiplyAddPeak * 1e-9)) GFLOP/s"),
      (
        "int8 multiply-add peak",
        "\(limits.integerPeak.map { Quantity.number($0 * 1e-9) } ?? "–") GOP/s"
      ),
      (
        "bf16 multiply-add peak",
        limits.bf16Peak.map { "\(Quantity.number($0 * 1e-9)) GFLOP/s" } ?? "that of f32"
      ),
      ("best sgemm", "\(Quantity.number(limits.bestGEMM * 1e-9)) GFLOP/s"),
      (
        "limits",
        measuredNow
          ? "measured now, best of \(limits.samples) samples"
          : "kept from an earlier run, best of \(limits.samples) samples (remeasure for new ones)"
      ),
    ])
  }
}

/// Labelled facts, one a line.
enum Facts {
  static func rendered(_ facts: [(label: String, value: String)], indent: String = "") -> String {
    let width = facts.map(\.label.count).max() ?? 0
    return facts.map { label, value in
      indent + label + String(repeating: " ", count: width - label.count + 2)
        + OutputText.terminal(value)
    }.joined(separator: "\n")
  }
}
