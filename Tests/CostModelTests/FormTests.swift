import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// The forms against the same formulas written out a second time:
/// `Tests/Fixtures/costmodel/make_fixtures.py`.
@Suite struct FormTests {
  struct Fixture: Decodable {
    struct Form: Decodable {
      let coefficients: [Double]
      let shapes: [[Int]]
      let warm: [Double]
      let cold: [Double]
      let hopperWarm: [Double]?
      let hopperCold: [Double]?
    }
    struct Library: Decodable {
      struct Call: Decodable {
        let shape: CollectiveShape

        init(from decoder: any Decoder) throws {
          var cells = try decoder.unkeyedContainer()
          let name = try cells.decode(String.self)
          shape = CollectiveShape(
            try #require(CollectiveShape.Operation(rawValue: name)),
            bytes: try cells.decode(Double.self), devices: try cells.decode(Int.self))
        }
      }
      let coefficients: [Double]
      let shapes: [Call]
      let switched: [Double]
      let shared: [Double]
    }
    let quantized: Form
    let library: Library
    let gemm: Form
    let prefill: Form
    let decode: Form
  }

  static func fixture() throws -> Fixture {
    let file = Files.fixtures.appendingPathComponent("costmodel/forms.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func check<Form: CostForm>(
    _ form: Form.Type, _ expected: Fixture.Form, within tolerance: Double = 1e-9,
    limits: DeviceLimits = Devices.limits(), weights: NumberStorage = .bf16,
    _ shape: ([Int]) -> Form.Shape
  ) throws {
    let cases: [(isWarm: Bool, limits: DeviceLimits, seconds: [Double]?)] = [
      (true, limits, expected.warm), (false, limits, expected.cold),
      (true, Devices.hopper, expected.hopperWarm), (false, Devices.hopper, expected.hopperCold),
    ]
    for (isWarm, limits, seconds) in cases {
      guard let seconds else { continue }
      let context = try DeviceContext(limits, weights: weights, cache: .bf16, isWarm: isWarm)
      let priced = Form(context, expected.coefficients)
      for (sizes, wanted) in zip(expected.shapes, seconds) {
        let got = priced.cost(shape(sizes)).seconds
        #expect(abs(got / wanted - 1) < tolerance, "\(Form.family) \(sizes), warm \(isWarm)")
      }
    }
  }

  @Test func gemm() throws {
    try check(MatrixMultiplication.self, Self.fixture().gemm) {
      MatrixShape(m: $0[0], n: $0[1], k: $0[2])
    }
  }

  /// The tiles of compute capability 8.9 on the first device, of 9 on the second.
  @Test func quantizedGEMM() throws {
    var limits = Devices.limits()
    limits.narrowPeakFLOPs = [.fp8: 2 * 312e12]
    limits.computeCapability = 8.9
    try check(
      QuantizedMatrixMultiplication.self, Self.fixture().quantized, limits: limits, weights: .fp8
    ) {
      MatrixShape(m: $0[0], n: $0[1], k: $0[2])
    }
  }

  @Test func libraryCollectives() throws {
    let expected = try Self.fixture().library
    for (isShared, seconds) in [(false, expected.switched), (true, expected.shared)] {
      var limits = Devices.limits()
      limits.sharesLinks = isShared
      if isShared { limits.linkBandwidth = 32e9 }
      let form = LibraryCollective(
        try DeviceContext(limits, weights: .bf16, cache: .bf16, isWarm: false),
        expected.coefficients)
      for (call, wanted) in zip(expected.shapes, seconds) {
        let got = form.cost(call.shape).seconds
        #expect(abs(got / wanted - 1) < 1e-9, "\(call.shape), shared \(isShared)")
      }
    }
  }

  @Test func prefillAttention() throws {
    try check(PrefillAttention.self, Self.fixture().prefill, within: 1e-7) {
      AttentionShape(
        batch: $0[0], cached: $0[2], new: $0[1], queryHeads: $0[3], keyValueHeads: $0[4],
        headDimension: $0[5])
    }
  }

  @Test func decodeAttention() throws {
    try check(DecodeAttention.self, Self.fixture().decode, within: 1e-7) {
      AttentionShape(
        batch: $0[0], cached: $0[2], new: 1, queryHeads: $0[3], keyValueHeads: $0[4],
        headDimension: $0[5])
    }
  }

  /// Three rows on two threads take as long as two; what is stored is not rotated twice.
  @Test(
    arguments: zip(
      [Operator.Kind.finalNorm, .embedding, .rotaryAndCacheWrite],
      // 2·64, 2·(3 + 5·64), 2·(7·48 + 11·16)
      [128.0, 646, 1024]))
  func elementwiseOnCPU(kind: Operator.Kind, wanted: Double) throws {
    let form = CPUElementwiseOperators(
      try Devices.context(.cpu, isWarm: false), [1, 3, 5, 7, 11])
    let shape = CPUElementwiseOperators.Shape(
      kind, .rows(3, width: 64, stored: kind == .rotaryAndCacheWrite ? 16 : 0))
    #expect(form.cost(try #require(shape)).seconds == wanted)
    #expect(CPUElementwiseOperators.Shape(.head, .gemm(m: 1, n: 2, k: 3)) == nil)
  }

  @Test(arguments: [(1, 1e-7), (1.4, 1e-7), (2.4, 1e-7), (4, 1e-7), (8, 1e-5), (16, 1e-5)])
  func smoothMaximumInterpolates(exponent: Double, tolerance: Double) {
    let larger = SmoothMaximum(exponent: exponent)
    for step in 0...3000 {
      let low = 7 * exp2(-Double(step) / 100)
      let wanted = pow(pow(low, exponent) + pow(7, exponent), 1 / exponent)
      #expect(abs(larger(low, 7) / wanted - 1) < tolerance)
      #expect(larger(7, low) == larger(low, 7))
    }
    #expect(larger(0, 0) == 0)
    #expect(larger(0, 3) == 3)
    #expect(larger(-1, 3) == 3)
  }

  /// Far from any data the forms must stay positive and finite, on GPUs and on CPUs.
  @Test(arguments: [true, false]) func saneFarFromTheData(isWarm: Bool) throws {
    func nominal<Form: CostForm>(
      _ form: Form.Type, _ kind: DeviceLimits.Kind
    ) throws -> (Form.Shape) -> OperatorCost {
      Form(try Devices.context(kind, isWarm: isWarm), Form.coefficients.map(\.nominal)).cost
    }
    let matrices = [
      try nominal(MatrixMultiplication.self, .gpu), try nominal(CPUMatrixMultiplication.self, .cpu),
      try nominal(QuantizedMatrixMultiplication.self, .gpu),
    ]
    let prefills = [
      try nominal(PrefillAttention.self, .gpu), try nominal(CPUAttention.self, .cpu),
    ]
    let decodes = [
      try nominal(DecodeAttention.self, .gpu), try nominal(CPUAttention.self, .cpu),
    ]
    let moving = try nominal(ElementwiseOperators.self, .gpu)
    let movingOnCPU = try nominal(CPUElementwiseOperators.self, .cpu)
    func check(_ cost: OperatorCost) {
      #expect(cost.seconds > 0 && cost.seconds.isFinite)
    }
    let sizes = [1, 2, 17, 4096, 300_000]
    for a in sizes {
      for b in sizes {
        for c in sizes { for matrix in matrices { check(matrix(MatrixShape(m: a, n: b, k: c))) } }
        check(moving(.init(bytes: Double(a) * Double(b))))
        for kind in [Operator.Kind.finalNorm, .embedding, .rotaryAndCacheWrite] {
          check(
            movingOnCPU(
              try #require(CPUElementwiseOperators.Shape(kind, .rows(a, width: b, stored: 0)))))
        }
        for (heads, groups) in [(1, 1), (64, 1), (71, 71), (128, 8)] {
          func shape(new: Int) -> AttentionShape {
            AttentionShape(
              batch: a, cached: b - 1, new: new, queryHeads: heads, keyValueHeads: groups,
              headDimension: 128)
          }
          for prefill in prefills { check(prefill(shape(new: 2))) }
          for decode in decodes { check(decode(shape(new: 1))) }
        }
      }
    }
  }

  /// More rows take no less time, but for ripples of tiles and waves.
  @Test(arguments: [(4096, 4096), (28672, 4096), (512, 11008)])
  func gemmGrowsWithRows(n: Int, k: Int) throws {
    let gemm = MatrixMultiplication(
      try Devices.context(isWarm: false), try Self.fixture().gemm.coefficients)
    var most = 0.0
    for m in stride(from: 1, through: 8192, by: 37) {
      let seconds = gemm.cost(MatrixShape(m: m, n: n, k: k)).seconds
      #expect(seconds > 0.95 * most)
      most = max(most, seconds)
    }
  }
}

/// Devices of the tests.
enum Devices {
  static func limits(_ kind: DeviceLimits.Kind = .gpu) -> DeviceLimits {
    switch kind {
    case .gpu:
      DeviceLimits(
        kind: .gpu, peakFLOPs: [.bf16: 312e12, .f16: 312e12], memoryBandwidth: 2.039e12,
        memoryCapacity: 80 * 0x1p30, units: 108, lastLevelCache: 40 * 0x1p20,
        linkBandwidth: 300e9, activationBytes: 2, clock: 1.41e9, sharedMemory: 164 * 1024)
    case .cpu:
      DeviceLimits(
        kind: .cpu, peakFLOPs: [.f32: 170e9, .bf16: 170e9, .q8_0: 170e9],
        memoryBandwidth: 38e9, memoryCapacity: 16 * 0x1p30, units: 2,
        lastLevelCache: 32 * 0x1p20, linkBandwidth: 0, activationBytes: 4, clock: 2e9,
        sharedMemory: 0)
    }
  }

  /// As of an H100's datasheet.
  static let hopper = DeviceLimits(
    kind: .gpu, peakFLOPs: [.bf16: 989.4e12, .f16: 989.4e12], memoryBandwidth: 3.35e12,
    memoryCapacity: 80 * 0x1p30, units: 132, lastLevelCache: 50 * 0x1p20, linkBandwidth: 450e9,
    activationBytes: 2, clock: 1.83e9, sharedMemory: 228 * 1024,
    narrowPeakFLOPs: [.fp8: 2 * 989.4e12, .int8: 2 * 989.4e12], computeCapability: 9)

  static func context(
    _ kind: DeviceLimits.Kind = .gpu, isWarm: Bool
  ) throws -> DeviceContext {
    try DeviceContext(limits(kind), weights: .bf16, cache: .bf16, isWarm: isWarm)
  }

  static func profile(_ kind: DeviceLimits.Kind = .gpu) -> DeviceProfile {
    DeviceProfile(name: "test-\(kind.rawValue)", limits: limits(kind), sources: [:])
  }
}
