/// What disturbed a sample while it ran, as far as the operating system tells.
public struct NoiseEvidence: Codable, Sendable, Equatable {
  /// Processor seconds that the hypervisor gave to others, over all of this machine's processors.
  /// Counted in ticks of 10 ms or so. Absent where the kernel does not tell.
  public var stealS: Double?
  /// Seconds that threads of this process's control groups had to wait for their quota of processor
  /// time, summed over processors. Absent without a quota, or where the kernel does not tell.
  public var throttledS: Double?
  /// How often the scheduler took a processor away from one of this process's threads.
  public var involuntarySwitches: Int
  /// How often a thread was moved to another processor; absent where the kernel does not tell.
  public var migrations: Int?
  /// Page faults that had to read from disk.
  public var majorFaults: Int
  /// The lowest clock of the processors in use right after the sample; absent where unreadable.
  public var frequencyHz: Double?

  public init(
    stealS: Double? = nil, throttledS: Double? = nil, involuntarySwitches: Int = 0,
    migrations: Int? = nil, majorFaults: Int = 0, frequencyHz: Double? = nil
  ) {
    self.stealS = stealS
    self.throttledS = throttledS
    self.involuntarySwitches = involuntarySwitches
    self.migrations = migrations
    self.majorFaults = majorFaults
    self.frequencyHz = frequencyHz
  }
}

/// A reason to doubt a sample.
public enum Suspicion: String, Codable, Sendable, CaseIterable {
  case steal, throttling, preemption, migration, paging, frequency
}

/// One sample's place in the run, and what disturbed it.
public struct SampleCircumstances: Codable, Sendable, Equatable {
  /// Samples of one block, one of each cell still measured, ran one after another in random order.
  public var block: Int
  /// Seconds from the start of sampling to the sample's start.
  public var startS: Double
  public var noise: NoiseEvidence
  /// Why the sample is suspect; empty where it is not. Suspect samples count like all others.
  public var suspicions: [Suspicion]

  public init(block: Int, startS: Double, noise: NoiseEvidence, suspicions: [Suspicion]) {
    self.block = block
    self.startS = startS
    self.noise = noise
    self.suspicions = suspicions
  }
}
