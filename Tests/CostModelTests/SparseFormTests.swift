import CostModel
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// Forms of experts and of latent attention: against the same formulas written out a second time
/// (`Tests/Fixtures/costmodel/make_fixtures.py`), and against sums worked out by hand.
@Suite struct SparseFormTests {
  private struct Fixture: Decodable {
    struct Experts: Decodable {
      let coefficients: [Double]
      let tuned: [[Int]]
      let shapes: [[Int]]
      let routed: [[Double]]
      let warm: [Double]
      let cold: [Double]
    }
    struct Latent: Decodable {
      let coefficients: [Double]
      let shapes: [[Int]]
      let warm: [Double]
      let cold: [Double]
      let wideWarm: [Double]
      let wideCold: [Double]
    }
    let experts: Experts
    let latent: Latent
  }

  private func fixture() throws -> Fixture {
    let file = Files.fixtures.appendingPathComponent("costmodel/forms.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func isClose(_ value: Double, _ wanted: Double, within tolerance: Double = 1e-12) -> Bool
  {
    abs(value / wanted - 1) < tolerance
  }

  @Test func experts() throws {
    let expected = try fixture().experts
    for (isWarm, seconds) in [(true, expected.warm), (false, expected.cold)] {
      var context = try Devices.context(isWarm: isWarm)
      context.tunedExperts = Set(
        expected.tuned.map { ExpertSizes(count: $0[0], intermediateSize: $0[1]) })
      let form = RoutedExperts(context, expected.coefficients)
      for (index, sizes) in expected.shapes.enumerated() {
        let routed = expected.routed[index]
        let load = ExpertsLoad(
          ExpertsShape(
            tokens: sizes[0], hiddenSize: sizes[1], intermediateSize: sizes[2], count: sizes[3],
            active: sizes[4], distinct: routed[1]),
          ExpertPlacement(
            expertParts: sizes[5],
            routed: RoutedRows(
              rows: routed[0], distinct: routed[1],
              blocks: SIMD4(routed[2], routed[3], routed[4], routed[5]), looped: routed[6])))
        #expect(
          isClose(form.cost(load).seconds, seconds[index], within: 1e-6),
          "\(sizes), warm \(isWarm)")
      }
    }
  }

  private func latent(batch: Int, new: Int, cached: Int, heads: Int) -> LatentAttentionShape {
    let part = LatentAttentionShape.Part(
      sequences: batch, tokens: batch * new,
      pairs: batch * Step.Sequence(cached: cached, new: new).visiblePairs(window: nil),
      positions: batch * (cached + new))
    return LatentAttentionShape(
      expanded: new > 1 ? part : .init(), absorbed: new > 1 ? .init() : part, queryHeads: heads,
      rank: 512, plainWidth: 128, rotaryWidth: 64, valueWidth: 128)
  }

  @Test func latentAttention() throws {
    let expected = try fixture().latent
    for (isWide, isWarm, seconds) in [
      (false, true, expected.warm), (false, false, expected.cold),
      (true, true, expected.wideWarm), (true, false, expected.wideCold),
    ] {
      var context = try Devices.context(isWarm: isWarm)
      context.sharedMemory = isWide ? 228 * 1024 : 164 * 1024
      let form = MultiHeadLatentAttention(context, expected.coefficients)
      for (sizes, wanted) in zip(expected.shapes, seconds) {
        let shape = latent(batch: sizes[0], new: sizes[1], cached: sizes[2], heads: sizes[3])
        #expect(
          isClose(form.cost(shape).seconds, wanted, within: 1e-5),
          "\(sizes), wide \(isWide), warm \(isWarm)")
      }
    }
  }

  /// Far from any data.
  @Test(arguments: [true, false]) func saneFarFromTheData(isWarm: Bool) throws {
    func nominal<Form: CostForm>(
      _ form: Form.Type, _ kind: DeviceLimits.Kind
    ) throws -> (Form.Shape) -> OperatorCost {
      Form(try Devices.context(kind, isWarm: isWarm), Form.coefficients.map(\.nominal)).cost
    }
    let experts = [
      try nominal(RoutedExperts.self, .gpu), try nominal(CPURoutedExperts.self, .cpu),
    ]
    let attention = [
      try nominal(MultiHeadLatentAttention.self, .gpu),
      try nominal(CPULatentAttention.self, .cpu),
    ]
    for tokens in [1, 3, 1000, 300_000] {
      for (count, active) in [(1, 1), (8, 2), (512, 22)] {
        for columns in [1, 58, 14_336] {
          let shape = ExpertsShape(
            tokens: tokens, hiddenSize: 4096, intermediateSize: columns, count: count,
            active: active, distinct: 1)
          for form in experts {
            let seconds = form(ExpertsLoad(shape)).seconds
            #expect(seconds > 0 && seconds.isFinite)
          }
        }
      }
      for context in [1, 77, 131_072] {
        for new in [1, 2, 4096] {
          let shape = latent(batch: tokens, new: new, cached: context, heads: 16)
          for form in attention {
            let seconds = form(shape).seconds
            #expect(seconds > 0 && seconds.isFinite)
          }
        }
      }
    }
  }

  /// 3 rows on 2 experts, 1.5 each: a multiply-add costs between 3 and 1.5 times as much.
  @Test func expertsOnCPU() throws {
    let form = CPURoutedExperts(
      try Devices.context(.cpu, isWarm: false), [1e-5, 0.5, 0.5, 3, 1.5, 1.2, 50, 1e-9, 1])
    let load = ExpertsLoad(
      ExpertsShape(
        tokens: 3, hiddenSize: 100, intermediateSize: 40, count: 8, active: 1, distinct: 2),
      ExpertPlacement(routed: RoutedRows(counts: [2, 1, 0, 0, 0, 0, 0, 0])))
    let cost = form.cost(load)
    // log₂1.5 / 2 of the way from 1 to 4 rows in logarithms.
    let work = 3 * pow(0.5, log2(1.5) / 2)
    // 2·3·3·100·40 FLOPs; 50 multiply-adds for each of 2·(80 + 100) rows of weights.
    let arithmetic = (72_000 * work + 36_000) / 85e9
    // 2 · 3·100·40 weights of 2 bytes.
    let memory = 48_000 / 19e9
    // 3·(200 + 120) elements over two threads.
    let moved = 1e-9 * 960 / 2
    #expect(isClose(cost.compute, arithmetic) && isClose(cost.bandwidth, memory + moved))
    #expect(isClose(cost.seconds, 1e-5 + moved + arithmetic + memory))
  }

  /// One sequence of 3 new tokens after 1 position, expanded, beside two that decode after 9: rank 8,
  /// 4 + 2 elements of a key, values of 4, 40 heads.
  @Test func latentAttentionOnCPU() throws {
    let form = CPULatentAttention(
      try Devices.context(.cpu, isWarm: false), [1e-5, 0.5, 0.25, 0.5, 2.5, 30, 3e-7, 1])
    let cost = form.cost(
      LatentAttentionShape(
        expanded: .init(sequences: 1, tokens: 3, pairs: 9, positions: 4),
        absorbed: .init(sequences: 2, tokens: 2, pairs: 20, positions: 20), queryHeads: 40,
        rank: 8, plainWidth: 4, rotaryWidth: 2, valueWidth: 4))
    // (4 positions + 2 tokens) · 8 · 40·8.
    let projected = 2.0 * 6 * 8 * 320 / 85e9
    // 9 pairs of 10 wide, 20 of 18 wide, 29 exponentials, 20 cached rows of 10 for 40 query rows.
    let products: Double = 2 * 9 * 40 * 10 + 2 * 20 * 40 * 18
    let others: Double = 30 * 29 * 40 + 2 * 2.5 * 20 * 10
    let attended = (products + others) / 42.5e9
    // 2560 weights and 24 rows of 10, of 2 bytes.
    let memory = (2 * 2560.0 + 2 * 240) / 19e9
    #expect(isClose(cost.compute, projected + attended) && isClose(cost.bandwidth, memory))
    #expect(isClose(cost.latency, 1e-5 + 3e-7 * 5 * 40 / 2))
    #expect(isClose(cost.seconds, cost.latency + projected + attended + memory))
  }

  // MARK: Routing

  /// Blocks by the definition: the binomial distribution, term by term.
  @Test(arguments: [(1, 8, 2), (7, 128, 8), (100, 8, 2), (2000, 64, 6), (5, 4, 4)])
  func evenRows(tokens: Int, count: Int, active: Int) {
    let rows = Routing.even.rows(tokens: tokens, count: count, active: active)
    #expect(isClose(rows.rows, Double(tokens * active), within: 1e-9))
    let chance = Double(active) / Double(count)
    let chances = (0...tokens).map { hits -> Double in
      guard chance < 1 else { return hits == tokens ? 1 : 0 }
      let (n, h) = (Double(tokens), Double(hits))
      let ways: Double = lgamma(n + 1) - lgamma(h + 1) - lgamma(n - h + 1)
      let odds: Double = h * log(chance) + (n - h) * log(1 - chance)
      return exp(ways + odds)
    }
    #expect(isClose(rows.distinct, Double(count) * (1 - chances[0]), within: 1e-9))
    for (index, size) in RoutedRows.blockRows.enumerated() {
      var wanted = 0.0
      for hits in 0...tokens { wanted += Double((hits + size - 1) / size) * chances[hits] }
      #expect(isClose(rows.blocks[index], Double(count) * wanted, within: 0.01), "of \(size)")
    }
    #expect(rows.looped == rows.distinct)
  }

  @Test func skewedRows() {
    let routing = Routing(exponent: 1)
    let all = routing.rows(tokens: 64, count: 32, active: 4)
    let even = Routing.even.rows(tokens: 64, count: 32, active: 4)
    #expect(isClose(all.rows, 256, within: 1e-6) && all.distinct < even.distinct)
    // The favourite's device has more than its share; of two devices less than all.
    let half = routing.rows(tokens: 64, count: 32, active: 4, devices: 2)
    #expect(half.rows > 128 && half.rows < 256)
    #expect(Routing.even.rows(tokens: 64, count: 32, active: 4, devices: 2).rows == even.rows / 2)
  }

  @Test func countedRows() {
    let rows = RoutedRows(counts: [0, 1, 16, 17, 130])
    #expect(rows.rows == 164 && rows.distinct == 4)
    // Blocks of 16, 32, 64 and 128 rows, expert by expert: 1 + 1 + 2 + 9 of the smallest.
    #expect(rows.blocks == SIMD4<Double>(13, 8, 6, 5))
  }
}
