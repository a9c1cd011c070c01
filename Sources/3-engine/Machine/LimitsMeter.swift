import CKernels
import COpenBLAS
import Foundation

/// Measures what this machine can do at best: read bandwidth, and multiply-add peak of f32, of
/// bytes and, where it is another, of bf16.
///
/// Noise only ever slows a sample down, so a limit is the best of all samples. Take samples between
/// those of the run that they judge: neighbours and clock rates change within minutes.
public final class LimitsMeter {
  private let team: ThreadTeam
  private let kernels: KernelTable
  private let buffer: PageMemory
  private let matrices: [PageMemory]
  public private(set) var limits: MachineLimits

  /// 16 times the last cache, within 256 MiB and 4 GiB. Caches keep part of what is read again and
  /// again: with 4 times, this showed 46 GB/s on a machine whose memory gives 39.
  private static func bufferBytes(_ topology: Topology) -> Int {
    min(4 << 30, max(256 << 20, 16 * topology.lastLevelCacheBytes)) & ~((1 << 20) - 1)
  }
  /// A GEMM of 512 × 1024 × 2048 a thread: large enough for BLAS to reach its best.
  private static let gemm = (m: 512, n: 1024, k: 2048)

  private static let gemmBytes = 4 * (gemm.m * gemm.k + gemm.n * gemm.k + gemm.m * gemm.n)

  /// Memory that a meter takes.
  public static func bytes(threads: Int, topology: Topology) -> Int {
    bufferBytes(topology) + threads * gemmBytes
  }

  public init(team: ThreadTeam, kernels: KernelTable, topology: Topology) throws {
    self.team = team
    self.kernels = kernels
    buffer = try PageMemory(Self.bufferBytes(topology))
    matrices = try (0..<team.count).map { _ in try PageMemory(Self.gemmBytes) }
    limits = MachineLimits(threads: team.count, instructionSet: kernels.name)
    OpenBLAS.useOneThread()
    try OpenBLAS.requireMemory(threads: team.count)
    team.run { [team, buffer, matrices] rank in
      let slice = Self.slice(rank, of: team, buffer)
      kernels.functions.fill_uniform(DYNO_F32, UInt32(rank), slice.count / 4, 1, slice.start)
      kernels.functions.fill_uniform(
        DYNO_F32, UInt32(rank), matrices[rank].count / 4, 1, matrices[rank].base)
    }
  }

  /// Takes one sample of each limit (about a tenth of a second) and keeps the best.
  ///
  /// - Returns: this sample alone, to judge what runs right after it.
  @discardableResult
  public func sample() -> MachineLimits {
    var now = MachineLimits(threads: team.count, instructionSet: kernels.name)
    for streams in [1, 2, 4, 8] as [Int32] {
      let seconds = time { [team, kernels, buffer] rank in
        let slice = Self.slice(rank, of: team, buffer)
        _ = kernels.functions.read(slice.start, slice.count, streams)
      }
      now.readBandwidth = max(now.readBandwidth, Double(buffer.count) / seconds)
    }
    let iterations = 500_000
    var sink: Float = 0
    let flops = kernels.functions.multiply_add(1, &sink) * Double(iterations)
    var seconds = fastest { [kernels] rank in
      var sink: Float = 0
      _ = kernels.functions.multiply_add(iterations, &sink)
    }
    now.multiplyAddPeak = flops * Double(team.count) / seconds

    let gemm = Self.gemm
    seconds = time { [matrices] rank in
      let x = matrices[rank].base.assumingMemoryBound(to: Float.self)
      let w = x + gemm.m * gemm.k
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(gemm.m), blasint(gemm.n), blasint(gemm.k),
        1, x, blasint(gemm.k), w, blasint(gemm.k), 0, w + gemm.n * gemm.k, blasint(gemm.n))
    }
    now.bestGEMM = 2 * Double(gemm.m * gemm.n * gemm.k * team.count) / seconds
    now.multiplyAddPeak = max(now.multiplyAddPeak, now.bestGEMM)
    now.integerPeak = now.multiplyAddPeak
    if let multiplyAddBytes = kernels.functions.multiply_add_bytes {
      let operations = multiplyAddBytes(1, &sink) * Double(iterations)
      seconds = fastest { rank in
        var sink: Float = 0
        _ = multiplyAddBytes(iterations, &sink)
      }
      now.integerPeak = operations * Double(team.count) / seconds
    }
    if let multiplyAddBF16 = kernels.functions.multiply_add_pairs
      ?? kernels.functions.multiply_add_bf16
    {
      let once = multiplyAddBF16(1, &sink)
      let rounds = Int(1e9 / once)
      let operations = once * Double(rounds)
      seconds = fastest { rank in
        var sink: Float = 0
        _ = multiplyAddBF16(rounds, &sink)
      }
      now.bf16Peak = operations * Double(team.count) / seconds
    }
    now.samples = 1
    limits = limits.best(with: now)
    return now
  }

  private static func slice(
    _ rank: Int, of team: ThreadTeam, _ buffer: PageMemory
  ) -> (start: UnsafeMutableRawPointer, count: Int) {
    let range = team.slice(buffer.count, rank: rank, grain: 4096)
    return (buffer.base + range.lowerBound, range.count)
  }

  /// The least of three times: these probes take a millisecond or two, which one interruption spoils.
  private func fastest(_ body: @Sendable (Int) -> Void) -> Double {
    (0..<3).reduce(Double.infinity) { best, _ in min(best, time(body)) }
  }

  /// Seconds from the first thread's start to the last one's end.
  private func time(_ body: @Sendable (Int) -> Void) -> Double {
    let start = SteadyClock.nanoseconds()
    team.run(body)
    return Double(SteadyClock.nanoseconds() - start) * 1e-9
  }
}
