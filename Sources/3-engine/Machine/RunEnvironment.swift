/// Where a result was measured: what may explain why another machine, or this one on another day,
/// gives another. Absent fields could not be read.
public struct RunEnvironment: Codable, Sendable, Equatable {
  public var topology: String
  /// The kernel's name and version.
  public var operatingSystem: String
  public var instructionSet: String
  public var openblas: String
  public var threadsPinned: Bool
  public var microcode: String?
  public var memoryBytes: Int?
  /// The clock governor of the first processor.
  public var governor: String?
  /// The kernel's choice in force: always, madvise or never.
  public var transparentHugePages: String?
  /// Processes that wanted to run over the last minute, at the start of the run.
  public var loadAverage: Double?
  /// Processors' worth of time that the tightest control group allows.
  public var containerProcessors: Double?
  /// Bytes that the tightest control group allows.
  public var containerMemoryBytes: Int?
  /// What compiled the kernels.
  public var compiler: String?
  /// Versions of linked libraries.
  public var libraries: [String: String]

  public init(
    topology: String, operatingSystem: String, instructionSet: String, openblas: String,
    threadsPinned: Bool, microcode: String? = nil, memoryBytes: Int? = nil,
    governor: String? = nil, transparentHugePages: String? = nil, loadAverage: Double? = nil,
    containerProcessors: Double? = nil, containerMemoryBytes: Int? = nil, compiler: String? = nil,
    libraries: [String: String] = [:]
  ) {
    self.topology = topology
    self.operatingSystem = operatingSystem
    self.instructionSet = instructionSet
    self.openblas = openblas
    self.threadsPinned = threadsPinned
    self.microcode = microcode
    self.memoryBytes = memoryBytes
    self.governor = governor
    self.transparentHugePages = transparentHugePages
    self.loadAverage = loadAverage
    self.containerProcessors = containerProcessors
    self.containerMemoryBytes = containerMemoryBytes
    self.compiler = compiler
    self.libraries = libraries
  }
}
