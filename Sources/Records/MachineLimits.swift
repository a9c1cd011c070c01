/// What a machine was measured to do at best, over some number of threads.
public struct MachineLimits: Codable, Sendable, Equatable {
  public var threads: Int
  public var instructionSet: String
  /// Bytes per second read from memory, the best of several access patterns.
  public var readBandwidth: Double
  /// f32 FLOP/s (a multiply-add is 2): the best of a loop in registers and of OpenBLAS's sgemm.
  public var multiplyAddPeak: Double
  /// FLOP/s of the best sgemm alone.
  public var bestGEMM: Double
  /// How many samples these are the best of.
  public var samples: Int

  /// Spelled so that snake case leads there and back.
  private enum CodingKeys: String, CodingKey {
    case threads, instructionSet, readBandwidth, multiplyAddPeak, samples
    case bestGEMM = "bestGemm"
  }

  public init(
    threads: Int, instructionSet: String, readBandwidth: Double = 0, multiplyAddPeak: Double = 0,
    bestGEMM: Double = 0, samples: Int = 0
  ) {
    self.threads = threads
    self.instructionSet = instructionSet
    self.readBandwidth = readBandwidth
    self.multiplyAddPeak = multiplyAddPeak
    self.bestGEMM = bestGEMM
    self.samples = samples
  }

  /// The better of each limit: noise only ever slows a measurement down.
  public func best(with other: MachineLimits) -> MachineLimits {
    var best = self
    best.readBandwidth = max(readBandwidth, other.readBandwidth)
    best.multiplyAddPeak = max(multiplyAddPeak, other.multiplyAddPeak)
    best.bestGEMM = max(bestGEMM, other.bestGEMM)
    best.samples += other.samples
    return best
  }
}
