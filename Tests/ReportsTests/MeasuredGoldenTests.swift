import CostModel
import Formats
import Foundation
import Machine
import Model
import Records
import Reports
import Requests
import ScalingLaws
import Search
import Testing

/// Tables of what was fitted and measured, whole, from numbers made by hand.
@Suite struct MeasuredGoldenTests {
  @Test func calibrations() throws {
    func error(_ factors: [Double], spread: Double?) -> ErrorSummary {
      ErrorSummary(
        factors.map { Comparison(predicted: $0, measured: 1, regime: "all", spread: spread) })
    }
    var result = DeviceCalibration.Result(profile: madeUpGPU)
    result.ladder = [
      .init(
        family: "matmul", variant: "bf16", rung: .nominal, rows: 0,
        error: error([0.5, 0.75, 1.5], spread: nil)),
      .init(
        family: "matmul", variant: "bf16", rung: .operators, rows: 400,
        error: error([0.9, 1.02, 1.05, 1.2], spread: 0.15)),
      .init(
        family: "runs", variant: "vllm", rung: .endToEnd, rows: 9, error: error([1.1], spread: 0.2)),
    ]
    result.gains = [
      .init(family: "matmul", variant: "bf16", errors: [(30, 0.2), (100, 0.125), (400, 0.0625)])
    ]
    result.impossible = ["rows.csv, line 3: faster than memory"]
    result.setAside = ["rows.csv, line 9: half of its neighbours' time"]
    result.warnings = ["attention did not converge"]
    let report = CalibrationReport(
      result, rejected: ["rows.csv, line 2: negative <time>\u{1b}[31m"])
    try expectGolden(report.table(), "calibration.txt")
    try expectGolden(report.table(.markdown), "calibration.md")
    try expectGolden(report.json(), "calibration.json")
  }

  @Test func fits() throws {
    let form = try LawForms.named("conditional-multiplicative")
    let truth = ScalingLaw(
      name: "truth", form: form, parameters: [1.0437, 0.0377, 0.00302, 1, 0.01628, 0.0168],
      source: "test")
    let rows = (0..<48).map { index in
      let reference = [3.1, 2.9, 2.7][index % 3]
      let point = TrainingPoint(
        parameters: [80e6, 145e6, 297e6][index % 3], tokens: 1e10,
        normalizedHiddenSize: [0.04, 0.06, 0.09, 0.13][index / 3 % 4],
        mlpToAttentionRatio: [0.5, 1, 2.5, 5][index / 12], reference: reference)
      // The same amount above and below, in no order that a feature has.
      return TrainingTable.Row(
        line: index + 2, point: point,
        loss: truth.loss(point) + 0.003 * [1, -1, -1, 1, -1, 1, 1, -1][index * 5 % 8])
    }
    let table = TrainingTable(name: "rows", rows: rows)
    let fit = try LawFit(form, table, name: "fit", source: "test")
    let validation = try Validation(
      form, table, references: .column, method: .leaveOneSizeOut)
    try expectGolden(
      LawFitReport(
        fit, dropped: [60, 55], intervals: "covariance", resamples: 0, validation: validation
      ).table, "law-fit.txt")
  }

  @Test func loops() throws {
    let scenario = Scenario(
      profile: DeviceProfile(
        name: "made-up",
        limits: DeviceLimits(
          kind: .cpu, peakFLOPs: [.bf16: 2e11], memoryBandwidth: 2e10, memoryCapacity: 2e10,
          units: 2, lastLevelCache: 3e7, linkBandwidth: 0, activationBytes: 4, clock: 1e9,
          sharedMemory: 0), sources: [:]), engine: .dyno,
      settings: Predictor.Settings(weights: .bf16, cache: .f16),
      workload: ServingWorkload(prompt: 0, generate: 1, depth: 4096, batch: 8))
    func architecture(_ name: String, width: Int, keyValueHeads: Int) -> Architecture {
      Architecture(
        name: name, hiddenSize: width, intermediateSize: 4 * width, layers: 16,
        queryHeads: width / 64, keyValueHeads: keyValueHeads, headDimension: 64,
        vocabularySize: 128_256)
    }
    let baseline = architecture("baseline", width: 1280, keyValueHeads: 5)
    let pool = [
      architecture("fewer-heads", width: 1280, keyValueHeads: 2),
      architecture("wi|der\u{1b}[31m", width: 1536, keyValueHeads: 3),
      architecture("narrower", width: 1024, keyValueHeads: 4),
    ]
    func outcome(gain: Double, error: Double) throws -> ClosedLoop.Outcome {
      var settings = ClosedLoop.Settings()
      settings.mostVisits = 2
      return try ClosedLoop(
        scenario, baseline: baseline, pool: pool, settings: settings, measurer: Unasked(),
        report: { _ in }
      ).run(known: [
        GainMeasurement(
          shape: Shape(pool[0]), logGain: log(gain), standardError: error, pairs: 40,
          throughput: 15.25 * gain, baselineThroughput: 15.25, seconds: 12, round: 1),
        GainMeasurement(
          shape: Shape(pool[1]), logGain: log(0.875), standardError: error, pairs: 35,
          throughput: 17.5, baselineThroughput: 20, seconds: 13, round: 2),
      ])
    }
    let won = try outcome(gain: 1.5, error: 0.01)
    try expectGolden(Page.wrapped(ClosedLoopReport(won, baseline: baseline).table), "loop.txt")
    try expectGolden(
      Page.wrapped(ClosedLoopReport(won, baseline: baseline, isBaselineOfSize: false).table),
      "loop-another-size.txt")
    try expectGolden(
      Page.wrapped(
        ClosedLoopReport(try outcome(gain: 1.5, error: 0.3), baseline: baseline).table),
      "loop-tie.txt")
  }

  private final class Unasked: GainMeasurer {
    func measure(_ candidates: [Architecture], round: Int) throws -> [GainMeasurement] {
      Issue.record("all that may be measured is known")
      return []
    }
  }

  /// Requests in pairs, the second of which waits for the first.
  private func outcome(requests: Int) -> ServingOutcome {
    var outcome = ServingOutcome()
    outcome.requests = (0..<requests).map { index in
      let sent = 0.5 * Double(index / 2)
      let first = sent + (index % 2 == 0 ? 0.0625 : 0.125)
      return ServingOutcome.Served(
        input: 512, output: 64, sent: sent, firstToken: first, lastToken: first + 1.575)
    }
    outcome.gaps = [(0.024, 60 * requests), (0.045, 3 * requests)]
    outcome.causes.queue = 0.25
    outcome.causes.prefill = 1
    outcome.causes.decode = 2.5
    outcome.causes.host = 0.25
    outcome.seconds = 0.25 * Double(requests) + 1.7
    outcome.steps = 64 * requests
    outcome.mostSequences = 2
    return outcome
  }

  @Test func loads() throws {
    let records = (1...2).map { rounds in
      let outcome = outcome(requests: 4 * rounds)
      let sample = sampleRecord("ti|ny\u{1b}[31m", dtype: .q8_0)
      return LoadRecord(
        ServingFigures(outcome),
        LoadRecord.Measurement(
          buildCommit: sample.buildCommit, cpuInfo: sample.cpuInfo,
          architecture: sample.modelType, architectureConfig: [:], modelSize: 1, modelNParams: 1,
          typeWeights: .q8_0, typeK: .f16, typeV: .f16, typeActivations: .f32, weights: nil,
          routingExponent: nil, nThreads: 2, nBatch: 512, load: "concurrency \(rounds)",
          concurrency: rounds, prompt: 512, generate: 64, lengthRange: rounds == 1 ? 0.5 : 1,
          requestsSent: 6, warmUp: 2,
          rounds: (0..<rounds).map { index in
            LoadRecord.Round(
              seconds: 2, ttftS: 0.125, tpotS: 0.025, outputTokensPerSecond: 50,
              limits: sample.limits,
              circumstances: SampleCircumstances(
                block: index, startS: Double(index), noise: NoiseEvidence(),
                suspicions: index == 1 ? [.steal, .preemption] : []))
          },
          interval95: .init(
            ttftS: rounds == 1 ? nil : [0.1, 0.15], tpotS: rounds == 1 ? nil : [0.02, 0.03],
            latencyS: nil), limits: sample.limits, initializationS: 0.5, processPeakBytes: 1,
          memoryNeedBytes: 1, environment: sample.environment, warnings: [], seed: 7,
          testTime: sample.testTime))
    }
    try expectGolden(LoadTable.rendered(records), "loads.txt")
    try expectGolden(LoadTable.rendered(records, .markdown), "loads.md")
    try expectGolden(JSONText.encode(records[1]), "loads.json")
  }
}
