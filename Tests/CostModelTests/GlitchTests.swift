import CostModel
import Input
import Model
import Numerics
import Records
import TestSupport
import Testing

/// Runs that physics or their neighbours contradict are set aside and named, others kept.
@Suite struct GlitchTests {
  private func runs() throws -> [WholeRun] {
    let architecture = try Architecture(
      configAt: Files.root.appendingPathComponent("profiles/architectures/llama-2-7b.json"))
    let predictor = try Predictor(Devices.profile(), .vllm2024, Predictor.Settings())
    return [128, 256, 512, 1024].flatMap { length in
      [1, 2, 4, 8, 16].map { batch in
        let workload = ServingWorkload(prompt: length, generate: length, batch: batch)
        return WholeRun(
          device: "a100", engine: "vllm-2024", architecture: architecture, weights: .bf16,
          cache: .bf16, prompt: length, generate: length, batch: batch,
          seconds: predictor.point(architecture, workload)!.seconds,
          origin: "\(length) by \(batch)")
      }
    }
  }

  private func calibrated(_ runs: [WholeRun]) throws -> DeviceCalibration.Result {
    var measurements = Measurements()
    measurements.runs = runs
    return try DeviceCalibration(Devices.profile()).run(measurements)
  }

  @Test func cleanRunsAreKept() throws {
    #expect(try calibrated(try runs()).setAside.isEmpty)
  }

  @Test(arguments: [4.0, 0.5, 0.05])
  func plantedFaultsAreNamed(factor: Double) throws {
    var runs = try runs()
    runs[7].seconds *= factor
    let aside = try calibrated(runs).setAside
    #expect(aside.count == 1)
    #expect(aside.first?.hasPrefix("256 by 4:") == true)
  }

  /// The rule as it is told: every pair is compared anew after each run that goes.
  private func reference(_ runs: [WholeRun]) -> (kept: [String], reasons: [String]) {
    func cost(_ run: WholeRun) -> Double { run.seconds / Double(max(1, run.generate)) }
    func isNext(_ small: WholeRun, _ large: WholeRun) -> Bool {
      guard small.prompt > 0, small.generate > 0 else { return false }
      let longer =
        large.batch == small.batch && large.prompt == 2 * small.prompt
        && large.generate == 2 * small.generate
      let wider =
        large.prompt == small.prompt && large.generate == small.generate
        && large.batch > small.batch && large.batch <= 2 * small.batch
      return longer || wider
    }
    func conflict(_ one: WholeRun, _ other: WholeRun) -> Bool {
      guard one.engine == other.engine else { return false }
      if one.batch == other.batch, one.prompt == other.prompt, one.generate == other.generate {
        return max(cost(one), cost(other)) > 1.1 * min(cost(one), cost(other))
      }
      return [(one, other), (other, one)].contains { small, large in
        isNext(small, large)
          && (cost(small) > 1.05 * cost(large) || cost(large) > 3.5 * cost(small))
      }
    }
    var alive = runs
    var reasons: [String] = []
    for engine in Set(runs.map(\.engine)) {
      while true {
        let places = alive.indices.filter { alive[$0].engine == engine }
        let counts = places.map { one in
          places.count { one != $0 && conflict(alive[one], alive[$0]) }
        }
        guard let most = counts.max(), most > 0 else { break }
        let worst = places[counts.firstIndex(of: most)!]
        reasons.append("\(alive[worst].origin): contradicts \(most) of its neighbours")
        alive.remove(at: worst)
      }
    }
    return (alive.map(\.origin), reasons.sorted())
  }

  /// A device that is never too slow for a run.
  private var fastDevice: DeviceLimits {
    var limits = Devices.limits()
    limits.memoryBandwidth = 1e30
    return limits
  }

  @Test func conflictsAreSettledAsTheyAreTold() throws {
    let architecture = try #require(try runs().first).architecture
    var random = SeededGenerator(seed: 3)
    var dropped = 0
    for _ in 0..<200 {
      let count = Int.random(in: 0...60, using: &random)
      let rows = (0..<count).map { number -> WholeRun in
        let engine = Bool.random(using: &random) ? "vllm" : "llama.cpp"
        let lengths = (0..<2).map { _ in [0, 32, 64, 128].randomElement(using: &random)! }
        let batch = [1, 2, 3, 4].randomElement(using: &random)!
        let seconds = [1, 1.04, 1.2, 2, 8].randomElement(using: &random)!
        return WholeRun(
          device: "a100", engine: engine, architecture: architecture, weights: .bf16,
          cache: .bf16, prompt: lengths[0], generate: lengths[1], batch: batch, seconds: seconds,
          origin: "run \(number)")
      }
      let found = GlitchRule.apply(rows, fastDevice)
      let expected = reference(rows)
      #expect(found.kept.map(\.origin) == expected.kept)
      #expect(found.reasons == expected.reasons)
      dropped += expected.reasons.count
    }
    #expect(dropped > 200)
  }

  /// Rows of one test, each of which contradicts half of the others.
  @Test func manyRepeatsAreSettledSoon() throws {
    var row = try #require(try runs().first)
    let rows = (0..<5000).map { number -> WholeRun in
      row.seconds = number % 2 == 0 ? 1 : 2
      row.origin = "row \(number)"
      return row
    }
    let found = GlitchRule.apply(rows, fastDevice)
    // The side that loses the first has the runs with most contradictions from then on.
    #expect(found.kept.count == 2500 && found.kept.allSatisfy { $0.seconds == 2 })
    #expect(found.reasons.count == 2500)
  }

  @Test func oneFamilyAloneIsNotFitted() throws {
    let result = try calibrated(try runs())
    #expect(result.profile.engines.isEmpty)
    #expect(result.warnings.contains { $0.contains("one family of layers") })
    #expect(!result.isFitted)
  }

  /// Rows of a CPU say nothing of a GPU, and the other way around.
  @Test func rowsOfAnotherKindOfDeviceAreRefused() throws {
    func refusal(_ kind: DeviceLimits.Kind, _ measurements: Measurements) -> String {
      let error = #expect(throws: InputError.self) {
        try DeviceCalibration(Devices.profile(kind)).run(measurements)
      }
      return error?.description ?? ""
    }
    var measurements = Measurements()
    measurements.runs = try runs()
    for index in measurements.runs.indices { measurements.runs[index].engine = "dyno" }
    #expect(refusal(.gpu, measurements).contains("is of dyno on a CPU"))
    func operators(_ engine: String) -> Measurements {
      var measurements = Measurements()
      measurements.operators = [
        OperatorTiming(
          device: "d", engine: engine, kind: .head, shape: .gemm(m: 1, n: 64, k: 64),
          weights: .bf16, cache: .f16, seconds: 1e-3, origin: "row 2")
      ]
      return measurements
    }
    #expect(refusal(.gpu, operators("dyno")).contains("row 2"))
    #expect(refusal(.cpu, operators("vllm")).contains("on a GPU"))
  }
}
