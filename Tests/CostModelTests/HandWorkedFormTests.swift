import CostModel
import Foundation
import Model
import Testing

/// Forms without a fixture, against sums worked out by hand from their documented formulas. With
/// exponent 1 what overlaps adds up.
@Suite struct HandWorkedFormTests {
  private func isClose(_ value: Double, _ wanted: Double) -> Bool {
    abs(value / wanted - 1) < 1e-12
  }

  /// Peak 170 GFLOP/s and 38 GB/s; shares of a half leave 85e9 and 19e9. Weights of 2 bytes.
  @Test(arguments: [
    // 1 row: 2·1·100·1000 FLOPs three times over.
    (1, 600_000.0),
    // 2 rows: √(3·1.5) times, half of the way from 1 to 4 rows in logarithms.
    (2, 848528.137423857),
    (4, 1_200_000),
    // 8 rows: √(1.5·1.2).
    (8, 2146625.258399798),
    (16, 3_840_000),
    // 32 rows: √1.2.
    (32, 7010848.736066125),
    (64, 12_800_000),
    (200, 40_000_000),
  ])
  func matrixMultiplicationOnCPU(m: Int, flops: Double) throws {
    let form = CPUMatrixMultiplication(
      try Devices.context(.cpu, isWarm: false), [1e-6, 0.5, 0.5, 3, 1.5, 1.2, 50, 1])
    let cost = form.cost(MatrixShape(m: m, n: 100, k: 1000))
    // 50 multiply-adds for each of 100 rows of weights; 200,000 bytes of them.
    let arithmetic = (flops + 2 * 100 * 50) / 85e9
    let memory = 2e5 / 19e9
    #expect(isClose(cost.compute, arithmetic) && isClose(cost.bandwidth, memory))
    #expect(cost.latency == 1e-6 && isClose(cost.seconds, 1e-6 + arithmetic + memory))
  }

  /// 3 and 4 make 5 where squares add up.
  @Test func overlapOnCPU() throws {
    let form = CPUMatrixMultiplication(
      try Devices.context(.cpu, isWarm: false), [1e-6, 1, 1, 1, 1, 1, 0, 2])
    // 4 µs of memory: 152,000 bytes of 76,000 weights; 3 µs of arithmetic: 510,000 FLOPs.
    let cost = form.cost(MatrixShape(m: 1, n: 76, k: 1000))
    let (memory, arithmetic) = (152_000 / 38e9, 152_000 / 170e9)
    #expect(isClose(memory, 4e-6))
    #expect(isClose(cost.seconds, 1e-6 + (memory * memory + arithmetic * arithmetic).squareRoot()))
  }

  /// Launch 5 µs, half of peak and bandwidth, 2.5 FLOPs to expand an element, 30 for a pair's softmax,
  /// 0.3 µs a query row over 2 threads.
  private func attention() throws -> CPUAttention {
    CPUAttention(
      try Devices.context(.cpu, isWarm: false), [5e-6, 0.5, 0.5, 2.5, 30, 3e-7, 1])
  }

  /// Two sequences of 100 positions, one new token each, 8 heads of 64 over 2 KV heads: 4 rows a KV
  /// head are one tile.
  @Test func decodeAttentionOnCPU() throws {
    let cost = try attention().cost(
      AttentionShape(
        batch: 2, cached: 99, new: 1, queryHeads: 8, keyValueHeads: 2, headDimension: 64))
    // 4·200·8·64 for 200 pairs, 2.5 for each of 2·200·2·64 elements, 30·200·8.
    let arithmetic = (409_600.0 + 128_000 + 48_000) / 85e9
    // 51,200 elements of 2 bytes.
    let memory = 102_400 / 19e9
    #expect(isClose(cost.compute, arithmetic) && isClose(cost.bandwidth, memory))
    #expect(isClose(cost.latency, 5e-6 + 2.4e-6))
    #expect(isClose(cost.seconds, cost.latency + arithmetic + memory))
  }

  /// 12 rows a KV head are two tiles that expand by themselves; 13 share one block.
  @Test(arguments: [(24, 2.0), (26, 1.0)]) func expansionsOnCPU(heads: Int, expansions: Double)
    throws
  {
    let cost = try attention().cost(
      AttentionShape(
        batch: 1, cached: 9, new: 1, queryHeads: heads, keyValueHeads: 2, headDimension: 64))
    // 4·10·64 and 30·10 a head, 2.5 for each of 2560 elements.
    let own = 2860 * Double(heads)
    #expect(isClose(cost.compute, (own + 6400 * expansions) / 85e9))
  }

  /// Ten new tokens see 55 pairs, 0.55 of all; their 40 rows a KV head are one block.
  @Test func prefillAttentionOnCPU() throws {
    let cost = try attention().cost(
      AttentionShape(
        batch: 1, cached: 0, new: 10, queryHeads: 8, keyValueHeads: 2, headDimension: 64))
    let arithmetic = (112_640.0 + 3520 + 13_200) / 85e9
    #expect(isClose(cost.compute, arithmetic) && isClose(cost.bandwidth, 5120 / 19e9))
    #expect(isClose(cost.latency, 5e-6 + 1.2e-5))
  }

  /// 1.019 TB/s are half of the device's: a megabyte and its launch.
  @Test func elementwise() throws {
    let form = ElementwiseOperators(try Devices.context(isWarm: false), [3e-6, 0.5])
    let cost = form.cost(.init(bytes: 1_019_500))
    #expect(isClose(cost.seconds, 4e-6) && isClose(cost.bandwidth, 1e-6) && cost.latency == 3e-6)
  }

  private static let peerCalls: [(bytes: Double, devices: Int, seconds: Double)] = [
    // One step: each of two reads 1,500,000 bytes.
    (1.5e6, 2, 1.42e-5),
    // Four below 512 KiB: 3·300,000 bytes.
    (3e5, 4, 1.04e-5),
    // Above: 2·3/4 of 1,000,000 bytes, and a second meeting.
    (1e6, 4, 1.84e-5),
    // Eight: one step of 7·150,000 bytes below 256 KiB, two of 1.75·300,000 above.
    (1.5e5, 8, 1.18e-5),
    (3e5, 8, 1.63e-5),
  ]

  /// 4 µs, 0.1 µs to meet a device, 1 µs more for a second step, half of 300 GB/s.
  @Test(arguments: peerCalls)
  func peerAllReduce(bytes: Double, devices: Int, seconds: Double) throws {
    let form = PeerAllReduce(
      try Devices.context(isWarm: false), [4e-6, 1e-7, 1e-6, 0.5, 3e-5])
    let shape = CollectiveShape(.allReduce, bytes: bytes, devices: devices)
    #expect(isClose(form.cost(shape).seconds, seconds))
  }

  /// The engine's kernel to 8 MiB between devices that reach each other, in even numbers to eight.
  @Test(arguments: [
    (8_388_607.0, 8, false, true), (8_388_608, 8, false, false), (1e6, 3, false, false),
    (1e6, 16, false, false), (1e6, 2, true, true), (1e6, 4, true, false),
  ])
  func peerAllReduceRuns(bytes: Double, devices: Int, shared: Bool, runs: Bool) throws {
    var limits = Devices.limits()
    limits.sharesLinks = shared
    let context = try DeviceContext(limits, weights: .bf16, cache: .bf16, isWarm: false)
    #expect(
      PeerAllReduce.runs(
        CollectiveShape(.allReduce, bytes: bytes, devices: devices), context) == runs)
    #expect(
      !PeerAllReduce.runs(
        CollectiveShape(.allGather, bytes: bytes, devices: devices), context))
  }

  /// 32 heads over 8 KV heads of 128, 1000 positions: 4.096 MB a sequence from memory, four times that
  /// through the port.
  @Test(arguments: [
    // 2 sequences: 8.192 MB at 1 TB/s; 32.768 MB at 3.2 TB/s, and a walk of 1 µs.
    (2, false, 8.192e-6, 1.024e-5),
    // PagedAttention's second version, for 64 pairs, reaches the same 32 bytes a clock.
    (2, true, 8.192e-6, 1.024e-5),
    // Its first, for 1024 pairs in four waves of 300: 20 bytes a clock, 1200 of 1024 slots.
    (32, true, 1.310_72e-4, 0.00030720000000000004),
    (32, false, 1.310_72e-4, 1.638_4e-4),
  ])
  func perQueryHead(batch: Int, windowed: Bool, stream: Double, through: Double) {
    let form = PerQueryHeadAttention(
      bandwidth: 1e12, portRate: 1e11, port: 32, pagedPort: 20, walk: 1e-9, pagedSlots: 300,
      cacheBytes: 2)
    let cost = form.cost(
      AttentionShape(
        batch: batch, cached: 999, new: 1, queryHeads: 32, keyValueHeads: 8, headDimension: 128),
      windowed: windowed)
    let port = through + 1e-6
    #expect(
      abs(cost.seconds / pow(pow(stream, 4) + pow(port, 4), 0.25) - 1) < 1e-12,
      "\(cost.seconds)")
    #expect(isClose(cost.latency, 1e-6) && isClose(cost.bandwidth, max(stream, through)))
  }
}
