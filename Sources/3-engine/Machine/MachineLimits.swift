import Formats

/// What a machine was measured to do at best, over some number of threads.
public struct MachineLimits: Codable, Sendable, Equatable {
  public var threads: Int
  public var instructionSet: String
  /// Bytes per second read from memory, the best of several access patterns.
  public var readBandwidth: Double
  /// f32 FLOP/s (a multiply-add is 2): the best of a loop in registers and of OpenBLAS's sgemm.
  public var multiplyAddPeak: Double
  /// Operations per second on bytes, as 4-bit weights are multiplied (a multiply-add is 2); `nil` in
  /// records from when block formats were multiplied in f32.
  public var integerPeak: Double?
  /// FLOP/s of bf16 weights, where instructions of bf16 multiply them faster than those of f32 do.
  public var bf16Peak: Double?
  /// FLOP/s of the best sgemm alone.
  public var bestGEMM: Double
  /// How many samples these are the best of.
  public var samples: Int

  /// Spelled so that snake case leads there and back.
  private enum CodingKeys: String, CodingKey {
    case threads, instructionSet, readBandwidth, multiplyAddPeak, integerPeak, samples
    case bf16Peak
    case bestGEMM = "bestGemm"
  }

  public init(
    threads: Int, instructionSet: String, readBandwidth: Double = 0, multiplyAddPeak: Double = 0,
    integerPeak: Double? = nil, bf16Peak: Double? = nil, bestGEMM: Double = 0, samples: Int = 0
  ) {
    self.threads = threads
    self.instructionSet = instructionSet
    self.readBandwidth = readBandwidth
    self.multiplyAddPeak = multiplyAddPeak
    self.integerPeak = integerPeak
    self.bf16Peak = bf16Peak
    self.bestGEMM = bestGEMM
    self.samples = samples
  }

  /// The better of each limit: noise only ever slows a measurement down.
  public func best(with other: MachineLimits) -> MachineLimits {
    var best = self
    best.readBandwidth = max(readBandwidth, other.readBandwidth)
    best.multiplyAddPeak = max(multiplyAddPeak, other.multiplyAddPeak)
    best.integerPeak = [integerPeak, other.integerPeak].compactMap { $0 }.max()
    best.bf16Peak = [bf16Peak, other.bf16Peak].compactMap { $0 }.max()
    best.bestGEMM = max(bestGEMM, other.bestGEMM)
    best.samples += other.samples
    return best
  }

  /// Operations per second at which weights of a dtype can be multiplied at best.
  public func peak(of weights: DType) -> Double {
    let own = weights.isBlocks ? integerPeak : weights == .bf16 ? bf16Peak : nil
    return own ?? multiplyAddPeak
  }
}
