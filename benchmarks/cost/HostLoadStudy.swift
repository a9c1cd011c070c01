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
  private let records: [LoadRecord]

  init(_ folder: String) throws {
    let folder = URL(fileURLWithPath: folder)
    var measurements = Measurements()
    for name in ["decode", "prefill"] {
      for ending in ["json", "csv"] {
        try measurements.add(contentsOf: folder.appendingPathComponent("\(name).\(ending)"))
      }
    }
    self.measurements = measurements
    let loads = folder.appendingPathComponent("load.json").path
    let data = try InputFile.results.data(at: loads)
    records = try RecordText.decode([LoadRecord].self, data)
  }

  func run() throws {
    let profile = try DeviceCalibration(try HostStudy.profile(measurements)).run(measurements)
      .profile
    var table = Table([
      ("architecture", .left), ("clients", .right), ("TPOT", .right), ("95% interval", .right),
      ("predicted", .right), ("error", .right), ("within", .left), ("TTFT", .right),
      ("95% interval", .right), ("predicted", .right), ("error", .right), ("within", .left),
    ])
    var errors: [(rest: Double, first: Double)] = []
    var covered = 0
    for record in records {
      let load = record.measurement
      let predicted = try predict(load, profile)
      let (figures, means) = (record.figures, load.interval95)
      let intervals = ServingIntervals(predicted.rung, .dyno)
      let rest = predicted.outcome.timePerOutputToken.mean
      let first = predicted.outcome.timeToFirstToken.mean
      let error = (rest: rest / figures.tpotS.mean - 1, first: first / figures.ttftS.mean - 1)
      let isWithin = (
        rest: abs(log(1 + error.rest)) <= intervals.timePerOutputToken,
        first: abs(log(1 + error.first)) <= intervals.timeToFirstToken
      )
      errors.append(error)
      covered += (isWithin.rest ? 1 : 0) + (isWithin.first ? 1 : 0)
      table.add([
        load.architecture, "\(load.concurrency)", Quantity.seconds(figures.tpotS.mean),
        Self.interval(means.tpotS), Quantity.seconds(rest), Quantity.change(error.rest),
        isWithin.rest ? "yes" : "no", Quantity.seconds(figures.ttftS.mean),
        Self.interval(means.ttftS), Quantity.seconds(first), Quantity.change(error.first),
        isWithin.first ? "yes" : "no",
      ])
    }
    print(table.rendered(.markdown) + "\n")
    print(
      "Mean absolute error: TPOT \(Quantity.percent(Moments.mean(errors.map { abs($0.rest) }))), TTFT "
        + "\(Quantity.percent(Moments.mean(errors.map { abs($0.first) }))). 90% intervals hold "
        + "\(covered) of \(2 * errors.count) means.")
  }

  private func predict(
    _ load: LoadRecord.Measurement, _ profile: DeviceProfile
  ) throws -> (outcome: ServingOutcome, rung: Rung) {
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
    return (outcome, predictor.operatorRung(for: [architecture]))
  }

  private static func interval(_ ends: [Double]?) -> String {
    ends.map { "\(Quantity.seconds($0[0])) – \(Quantity.seconds($0[1]))" } ?? "–"
  }
}
