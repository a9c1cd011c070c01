import CostModel
import Formats
import Foundation
import Input
import Machine
import Model
import Records
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
    if let write { try requireWritable(write) }
    let architecture = try Zoo.resolve(model)
    let profile = try DeviceZoo.resolve(device)
    let engine = try ServingEngine.named(
      engine ?? (profile.limits.kind == .gpu ? ServingEngine.vllm : ServingEngine.dyno).name)
    var read = ServingRunFiles(
      .init(
        engine: engine.name, model: model, device: device,
        weights: dtype.flatMap(\.values).first?.rawValue, tensorParallel: tensorParallel))
    for file in files { try read.add(contentsOf: file) }
    let named = read.runs.filter { run in
      only.map { "\(run.engine) \(run.model) \(run.device)".localizedCaseInsensitiveContains($0) }
        ?? true
    }
    let wanted = ofSubject(named, model: model, architecture, profile, engine)
    for error in read.rejected.prefix(5) { warn("left out: \(error)") }
    guard !wanted.isEmpty else {
      throw InputError(
        files.joined(separator: ", "),
        problem: "no run of \(architecture.name) on \(device) by \(engine.name) is in them"
          + (read.rejected.first.map { ": \($0)" } ?? ""),
        expected: "serving runs at a concurrency")
    }
    let setup = ServingSetup(engine)
    let progress = ProgressLine()
    progress.show("simulating \(wanted.count) runs")
    var rows: [HostFit.Row] = []
    var predictors: [Predictor.Settings: Predictor] = [:]
    for run in wanted {
      var settings = Predictor.Settings(
        tensorParallel: run.tensorParallel, sharing: ExpertSharing(parts: run.expertParallel))
      if let stored = dtype.flatMap(\.values).first {
        settings.weights = stored
      } else if !run.weights.isEmpty {
        guard let stored = NumberStorage(rawValue: run.weights) else {
          throw InputError(
            run.origin, problem: "has weights in \(run.weights)",
            expected: "a storage that is priced, or --dtype")
        }
        settings.weights = stored
      }
      let predictor = try predictors[settings] ?? Predictor(profile, engine, settings)
      predictors[settings] = predictor
      let requests = try LengthDistribution(
        input: run.input, output: run.output, least: run.least
      ).requests(run.requests, seed: 0)
      let served: ServingPredictor
      do {
        served = try ServingPredictor(
          predictor, architecture, setup, longest: (run.input, run.output),
          concurrency: run.concurrency)
        // What does not fit says nothing of constants, and would hold the fit at its prior.
        _ = try served.run(requests, .closedLoop(concurrency: run.concurrency))
      } catch let error as InputError {
        warn("left out: \(error.within(run.origin))")
        continue
      }
      rows.append(
        HostFit.Row(run) { host in
          (try? served.run(
            requests, .closedLoop(concurrency: run.concurrency), host: host)).map {
              ($0.timeToFirstToken.mean, $0.timePerOutputToken.mean)
            }
        })
    }
    guard !rows.isEmpty else {
      throw InputError(
        files.joined(separator: ", "), problem: "no run of them can be served as it says",
        expected: "runs that fit the devices")
    }
    progress.show("fitting host constants to \(rows.count) runs")
    let fitted = HostFit.fit(rows, prior: setup.host)
    var table = Table([
      ("devices held out", .left), ("runs", .right), ("TTFT mean", .right), ("TPOT mean", .right),
    ])
    let counts = Set(rows.map(\.run.tensorParallel)).sorted()
    for count in counts {
      let host =
        counts.count > 1
        ? HostFit.fit(rows.filter { $0.run.tensorParallel != count }, prior: setup.host)
        : setup.host
      let errors = rows.filter { $0.run.tensorParallel == count }.compactMap { $0.errors(host) }
      func mean(_ values: [Double]) -> String {
        values.isEmpty
          ? "–"
          : Quantity.percent(values.reduce(0) { $0 + abs(exp($1) - 1) } / Double(values.count))
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
    let found = table.rendered(output == .markdown ? .markdown : .plain)
    try emit(output == .json ? text : write == nil ? found + "\n\n" + text : found)
    if let write {
      try OutputFile.write(text, to: write)
      complain("dyno: the constants are in \(write): dyno predict --host-constants \(write)")
    }
  }

  /// The runs that are of the model, device and engine asked for. Others, which a file may well hold, are left out
  /// and counted: fitted as if they were, they would spoil everything.
  private func ofSubject(
    _ runs: [ServingRun], model: String, _ architecture: Architecture, _ profile: DeviceProfile,
    _ engine: ServingEngine
  ) -> [ServingRun] {
    func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }
    let devices = [plain(device), plain(profile.name)]
    func isSame(_ run: ServingRun) -> Bool {
      guard run.model != model else { return true }
      guard let known = try? Zoo.architecture(ofHubModel: run.model) else { return false }
      return known.parameters == architecture.parameters && known.layers == architecture.layers
    }
    var others: [String: Int] = [:]
    let here = runs.filter { run in
      guard ((try? ServingEngine.named(run.engine).name) ?? engine.name) == engine.name else {
        others["engine \(run.engine)", default: 0] += 1
        return false
      }
      guard run.device == device || devices.contains(plain(run.device)) else {
        others["device \(run.device)", default: 0] += 1
        return false
      }
      return true
    }
    var kept = here.filter(isSame)
    let rest = here.filter { !isSame($0) }
    // A model that the zoo does not know can only be the one that was given.
    if kept.isEmpty, Set(rest.map(\.model)).count == 1,
      (try? Zoo.architecture(ofHubModel: rest[0].model)) == nil
    {
      kept = rest
    } else {
      for run in rest { others["model \(run.model)", default: 0] += 1 }
    }
    for (what, count) in others.sorted(by: { $0.key < $1.key }) {
      warn("left out: \(count) \(count == 1 ? "run" : "runs") of \(what)")
    }
    return kept
  }
}
