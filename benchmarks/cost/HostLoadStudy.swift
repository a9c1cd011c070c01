import CostModel
import Formats
import Foundation
import Harness
import Input
import Model
import Numerics
import Records
import Reports
import Requests
import Serving

/// Closed loops on this host, from what `measure_host_load.sh` measured, predicted from operators of other
/// architectures: the same requests, served by the simulation.
struct HostLoadStudy {
  private let measurements: Measurements
  /// Of each load, by pass.
  private let loads: [[LoadRecord]]

  init(_ folder: String) throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let path = URL(fileURLWithPath: folder)
    var measurements = Measurements()
    var records: [LoadRecord] = []
    for file in files where file.hasSuffix(".json") || file.hasSuffix(".csv") {
      let url = path.appendingPathComponent(file)
      if file.hasSuffix("-load.json") {
        records += try RecordText.decode(
          [LoadRecord].self, try InputFile.results.data(at: url.path))
      } else {
        try measurements.add(contentsOf: url)
      }
    }
    guard !records.isEmpty else {
      throw InputError(
        folder, problem: "holds no loads", expected: "what measure_host_load.sh wrote")
    }
    self.measurements = measurements
    loads = Dictionary(grouping: records) {
      [$0.measurement.architecture, "\($0.measurement.concurrency)"]
    }.values.sorted {
      ($0[0].measurement.architecture, $0[0].measurement.concurrency)
        < ($1[0].measurement.architecture, $1[0].measurement.concurrency)
    }
  }

  func run() throws {
    let profile = try DeviceCalibration(try HostStudy.profile(measurements)).run(measurements)
      .profile
    var table = Table([
      ("architecture", .left), ("clients", .right), ("requests", .right), ("TPOT", .right),
      ("passes", .right), ("predicted", .right), ("error", .right), ("within", .left),
      ("TTFT", .right), ("passes", .right), ("predicted", .right), ("error", .right),
      ("within", .left),
    ])
    var errors: [(rest: Double, first: Double)] = []
    var covered = 0
    for passes in loads {
      let load = passes[0].measurement
      let predicted = try predict(load, profile)
      let intervals = predicted.intervals
      func compare(
        _ measured: [Double], _ prediction: Double, _ halfWidth: Double
      ) -> (error: Double, cells: [String]) {
        let error = prediction / Moments.mean(measured) - 1
        let isWithin = abs(log(1 + error)) <= halfWidth
        covered += isWithin ? 1 : 0
        return (
          error,
          [
            Quantity.seconds(Moments.mean(measured)),
            "\(Quantity.seconds(measured.min()!)) – \(Quantity.seconds(measured.max()!))",
            Quantity.seconds(prediction), Quantity.change(error), isWithin ? "yes" : "no",
          ]
        )
      }
      let rest = compare(
        passes.map(\.figures.tpotS.mean), predicted.outcome.timePerOutputToken.mean,
        intervals.timePerOutputToken)
      let first = compare(
        passes.map(\.figures.ttftS.mean), predicted.outcome.timeToFirstToken.mean,
        intervals.timeToFirstToken)
      errors.append((rest.error, first.error))
      table.add(
        [
          load.architecture, "\(load.concurrency)",
          "\(passes.map(\.figures.requests).reduce(0, +))",
        ] + rest.cells + first.cells)
    }
    print(table.rendered(.markdown) + "\n")
    print(
      "Mean absolute error: TPOT \(Quantity.percent(Moments.mean(errors.map { abs($0.rest) }))), TTFT "
        + "\(Quantity.percent(Moments.mean(errors.map { abs($0.first) }))). 90% intervals hold "
        + "\(covered) of \(2 * errors.count) means. Steps of one token without load, the same ones in "
        + "another pass: off by \(Quantity.percent(retest)).")
  }

  /// The mean absolute error of a pass's decode steps as a prediction of another pass's: no model can
  /// be nearer to a single pass.
  private var retest: Double {
    let cells = Dictionary(grouping: measurements.runs.filter { $0.prompt == 0 }) {
      "\($0.architecture.name) \($0.depth) \($0.batch)"
    }
    let errors = cells.values.flatMap { runs in
      runs.flatMap { one in
        runs.filter { $0.run != one.run }.map { abs(one.seconds / $0.seconds - 1) }
      }
    }
    return errors.isEmpty ? .nan : Moments.mean(errors)
  }

  private func predict(
    _ load: LoadRecord.Measurement, _ profile: DeviceProfile
  ) throws -> (outcome: ServingOutcome, intervals: ServingIntervals) {
    let architecture = try Architecture(
      name: load.architecture, config: JSONObject(load.architectureConfig))
    let engine = try ServingEngine.named(load.engine)
    let predictor = try Predictor(
      profile, engine,
      Predictor.Settings(
        weights: NumberStorage(load.typeWeights.base), cache: NumberStorage(load.typeK)))
    var setup = ServingSetup(engine)
    setup.stepTokens = load.nBatch
    let served = try ServingPredictor(
      predictor, architecture, setup, longest: (load.prompt, load.generate),
      concurrency: load.concurrency)
    let requests = try LengthDistribution(
      input: load.prompt, output: load.generate, least: load.lengthRange
    ).requests(load.requestsSent, seed: load.seed)
    let outcome = try served.run(
      requests, .closedLoop(concurrency: load.concurrency), warmUp: load.warmUp)
    return (outcome, ServingIntervals(predictor, for: [architecture]))
  }
}
