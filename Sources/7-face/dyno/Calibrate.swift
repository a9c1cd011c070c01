import ArgumentParser
import CostModel
import Formats
import Foundation
import Input
import Machine
import Model
import Records
import Reports

struct Calibrate: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Fits a device's cost model to measurements, and says how far it is off.",
    discussion: """
      Files may hold operator rows (dyno bench --operators, or AIConfigurator's CSV), whole runs \
      (LLM-Inference-Bench's CSV, vLLM's bench JSON) and bench records (dyno's or llama-bench's \
      JSON). Each rung of the ladder is judged on rows that its fit has not seen.
      """)

  @Argument(help: "Files of measurements; none to carry over --from alone.", completion: .file())
  var files: [String] = []

  @Option(help: .device, completion: .devices)
  var device: String

  @Option(
    help: ArgumentHelp(
      """
      A device whose coefficients are carried over: the start of the fit. A name or a path; may be \
      repeated.
      """,
      valueName: "device"), completion: .devices)
  var from: [String] = []

  @Option(
    help: "Model of files that name none: a config.json, its folder, or a zoo name.",
    completion: .architectures)
  var model: String?

  @Option(help: "Engine of files that name none.", completion: .engines)
  var engine: String?

  @Option(
    help: "Tokens in and out, INxOUT, of files that do not say.")
  var workload: WorkloadShape?

  @Option(help: "Sequences at once, of files that do not say.")
  var batch: Int?

  @Option(
    help: ArgumentHelp(
      "Storage of weights, of files that do not say: \(NumberStorage.listed).",
      discussion: "With --measure what is measured, one or several. Default there: bf16."))
  var dtype: [CommaSeparated<NumberStorage>] = []

  @Option(
    name: [.customLong("cache-dtype"), .customLong("kv-dtype")],
    help: "Storage of the KV cache, of vLLM's files that do not say.")
  var cacheDtype: NumberStorage?

  @Option(help: "Devices that shared each layer, of vLLM's files that do not say.")
  var tensorParallel: Int?

  @Option(help: "Keep only rows of devices whose name contains this.")
  var only: String?

  @Option(
    help: ArgumentHelp(
      "Write the calibrated profile to FILE; host: where --device host finds it.",
      valueName: "file"))
  var write: String?

  @Flag(help: "Measure this machine first (--device host), and keep the profile (--write host).")
  var measure = false

  @Option(help: "Time for --measure. Default: 20m.")
  var budget: TimeSpan?

  @Option(help: .threads)
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Keep what --measure measures in FOLDER, as files that this command reads.",
      valueName: "folder"))
  var measurements: String?

  @Option(help: "Seed of what is held out.")
  var seed: UInt64 = 0

  @Flag(
    help: """
      Files are serving runs at a concurrency (AIConfigurator's CSV, JSON of vLLM's and SGLang's \
      bench serve, of GuideLLM): fit the engine's host constants, and --write them for predict.
      """)
  var serving = false

  @Option(help: "table, markdown (md) or json.")
  var output = Format.table

  enum Format: String, OutputName, CaseIterable { case table, markdown, json }

  @OptionGroup var page: PageOptions

  func run() throws {
    try checkMeasuring()
    if serving { return try fitHostConstants() }
    // Faults of the files and options are said before minutes of measuring, not after.
    let others = try from.map(DeviceZoo.resolve)
    switch destination {
    case DeviceZoo.host: try HostDevice.prepare()
    case let file?: try requireWritable(file)
    case nil: break
    }
    let facts = try facts()
    var found = try read(facts)
    let measured = measure ? try measured(into: measurements) : []
    for file in measured { try found.add(text: file.text, file: file.name, facts) }
    try fit(found, of: files + measured.map(\.name), from: others)
  }

  /// Where the profile goes.
  private var destination: String? { write ?? (measure ? DeviceZoo.host : nil) }

  /// What files do not say themselves.
  private func facts() throws -> RunFacts {
    let formats = dtype.flatMap(\.values)
    guard measure || formats.count <= 1 else {
      throw InputError("--dtype", problem: "names several", expected: "one, or --measure")
    }
    return RunFacts(
      architecture: try model.map(Zoo.resolve),
      // Rows of this machine say whose they are.
      device: device == DeviceZoo.host ? nil : device,
      deviceKind: device == DeviceZoo.host ? .cpu : try DeviceZoo.resolve(device).limits.kind,
      engine: engine, dtype: formats.first, cache: cacheDtype, prompt: workload?.prompt,
      generate: workload?.generate,
      batch: try batch.map { try positive("--batch", $0) },
      tensorParallel: try tensorParallel.map { try positive("--tensor-parallel", $0) })
  }

  private func read(_ facts: RunFacts) throws -> Measurements {
    var found = Measurements()
    for file in files {
      try found.add(contentsOf: URL(fileURLWithPath: file), facts)
    }
    if let only {
      found.operators.removeAll { !$0.device.localizedCaseInsensitiveContains(only) }
      found.collectives.removeAll { !$0.device.localizedCaseInsensitiveContains(only) }
      found.runs.removeAll { !$0.device.localizedCaseInsensitiveContains(only) }
    }
    if device == DeviceZoo.host { try HostDevice.refuseOthers(found) }
    return found
  }

  /// - Parameter files: that the measurements are of.
  private func fit(_ measurements: Measurements, of files: [String], from others: [DeviceProfile])
    throws
  {
    report(measurements.rejected.map(\.description), "left out")
    // With --from alone coefficients are carried over; files that give no row are another thing.
    guard
      files.isEmpty
        || !(measurements.operators.isEmpty && measurements.collectives.isEmpty
          && measurements.runs.isEmpty)
    else {
      throw InputError(
        files.joined(separator: ", "),
        problem: "nothing usable is in them"
          + (measurements.rejected.first.map { ": \($0)" } ?? ""),
        expected: only.map { "rows of a device named \($0)" } ?? "rows that can be read")
    }
    let profile =
      device == DeviceZoo.host
      ? try HostDevice.profile(measurements) : try DeviceZoo.resolve(device)
    let progress = ProgressLine()
    progress.show(
      "fitting \(measurements.operators.count + measurements.collectives.count) operator rows and \(measurements.runs.count) runs"
    )
    let result = try DeviceCalibration(
      profile, from: others, seed: seed
    ).run(measurements)
    progress.clear()
    guard result.isFitted || files.isEmpty || destination == nil else {
      for warning in result.warnings { warn(warning) }
      throw InputError(
        write ?? device, problem: "nothing was fitted, so there is no profile to write",
        expected: "rows of several groups: matrices, heads, or families of layers")
    }
    report(result.impossible, "impossible, not fitted")
    report(result.setAside, "set aside")
    for warning in result.warnings { warn(warning) }
    let text = CalibrationReport(result, rejected: measurements.rejected.map(\.description))
    switch output {
    case .json: try emit(text.json())
    case .markdown: try emit(text.table(.markdown))
    case .table: try emit(page: text.table())
    }
    // Last: a full disk then loses no result.
    if destination == DeviceZoo.host {
      try HostDevice.store(result.profile)
      complain("dyno: the profile is kept in \(DeviceZoo.hostFile.path)")
    } else if let destination {
      try OutputFile.write(result.profile.fileText(), to: destination)
      complain("dyno: the profile is in \(destination): dyno predict --device \(destination)")
    } else {
      complain("dyno: nothing is written (--write)")
    }
  }

  /// Counts and names rows, the first few one by one.
  private func report(_ reasons: [String], _ what: String) {
    guard !reasons.isEmpty else { return }
    let shown = reasons.prefix(5)
    warn("\(reasons.count) rows \(what):")
    for reason in shown { complain("  \(reason)") }
    if reasons.count > shown.count {
      complain("  and \(reasons.count - shown.count) more: --output json lists all")
    }
  }
}
