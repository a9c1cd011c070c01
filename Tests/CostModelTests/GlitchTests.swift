import CostModel
import Input
import Model
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
