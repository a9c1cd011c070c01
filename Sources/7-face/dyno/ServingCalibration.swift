import CostModel
import Formats
import Foundation
import Input
import Machine
import Model
import Reports
import Requests
import Serving

extension Calibrate {
  /// Fits an engine's host constants to the serving runs of `files`, and says how far it is off: on runs
  /// of each number of devices by a fit to the others.
  func fitHostConstants() throws {
    guard let model else {
      throw InputError("--model", problem: "is not given", expected: "the model that was served")
    }
    let architecture = try Zoo.resolve(model)
    let profile = try DeviceZoo.resolve(device)
    let engine = try ServingEngine.named(
      engine ?? (profile.limits.kind == .gpu ? ServingEngine.vllm : ServingEngine.dyno).name)
    var read = ServingRunFiles(
      .init(
        engine: engine.name, model: model, device: device, tensorParallel: tensorParallel))
    for file in files { try read.add(contentsOf: file) }
    let wanted = read.runs.filter { run in
      (only.map { "\(run.engine) \(run.model) \(run.device)".localizedCaseInsensitiveContains($0) }
        ?? true)
        && ((try? ServingEngine.named(run.engine).name) ?? engine.name) == engine.name
    }
    for error in read.rejected.prefix(5) { warn("left out: \(error)") }
    guard !wanted.isEmpty else {
      throw InputError(
        files.joined(separator: ", "),
        problem: "no run of \(engine.name) is in them"
          + (read.rejected.first.map { ": \($0)" } ?? ""),
        expected: "serving runs at a concurrency")
    }
    let setup = ServingSetup(engine)
    var rows: [HostFit.Row] = []
    var predictors: [Predictor.Settings: Predictor] = [:]
    for run in wanted {
      var settings = Predictor.Settings(
        tensorParallel: run.tensorParallel, sharing: ExpertSharing(parts: run.expertParallel))
      if let stored = dtype.flatMap(\.values).first { settings.weights = stored }
      let predictor = try predictors[settings] ?? Predictor(profile, engine, settings)
      predictors[settings] = predictor
      let served = try within(run.origin) {
        try ServingPredictor(
          predictor, architecture, setup, longest: (run.input, run.output),
          concurrency: run.concurrency)
      }
      let requests = try LengthDistribution(
        input: run.input, output: run.output, least: run.least
      ).requests(run.requests, seed: 0)
      rows.append(
        HostFit.Row(run) { host in
          (try? served.run(
            requests, .closedLoop(concurrency: run.concurrency), host: host)).map {
              ($0.timeToFirstToken.mean, $0.timePerOutputToken.mean)
            }
        })
    }
    let progress = ProgressLine()
    progress.show("fitting host constants to \(rows.count) runs")
    let fitted = HostFit.fit(rows, prior: setup.host)
    var table = Table([
      ("devices held out", .left), ("runs", .right), ("TTFT mean", .right), ("TPOT mean", .right),
    ])
    let counts = Set(wanted.map(\.tensorParallel)).sorted()
    for count in counts {
      let host =
        counts.count > 1
        ? HostFit.fit(rows.filter { $0.run.tensorParallel != count }, prior: setup.host)
        : setup.host
      let errors = rows.filter { $0.run.tensorParallel == count }.compactMap { $0.errors(host) }
      func mean(_ values: [Double]) -> String {
        Quantity.percent(
          values.reduce(0) { $0 + abs(exp($1) - 1) } / Double(max(1, values.count)))
      }
      table.add([
        counts.count > 1 ? "\(count)" : "all: constants as shipped", "\(errors.count)",
        mean(errors.map(\.first)), mean(errors.map(\.rest)),
      ])
    }
    progress.clear()
    let file = HostConstantsFile(
      engine: engine.name, constants: fitted, origin: "\(rows.count) runs of \(architecture.name)")
    let text = try file.text()
    try emit(
      output == .json
        ? text : table.rendered(output == .markdown ? .markdown : .plain) + "\n\n" + text)
    if let write { try OutputFile.write(text, to: write) }
  }
}
