import ArgumentParser
import CostModel
import Formats
import Foundation
import Input
import Model
import Reports
import Search
import Weights

struct Predict: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Predicts throughput, latency and memory on a device, with 90% intervals.",
    discussion: """
      A prediction names what it rests on: which rung of calibration, and how far whole runs that \
      were not fitted were off.
      """)

  @Argument(help: .architectures, completion: .architectures)
  var architectures: [String]

  @Option(help: .device, completion: .devices)
  var device: String

  @Option(help: "Serving engine. Default: vllm on GPUs, dyno on CPUs.", completion: .engines)
  var engine: String?

  @Option(
    help: "Tokens in and out of each sequence, as INxOUT. Default: 4096x1024.")
  var workload: WorkloadShape?

  @Option(help: "Sequences at once, comma-separated. Default: 1,16,64,128.")
  var batch: CountList?

  @Option(help: "Positions already in the KV cache.")
  var depth = 0

  @Option(help: "Storage of weights: \(PricedWeights.listed).")
  var dtype = PricedWeights.one(.bf16)

  @Option(
    name: [.customLong("cache-dtype"), .customLong("kv-dtype")],
    help: ArgumentHelp(
      """
      Storage of the KV cache: bf16, f16 or fp8 on GPUs, f32, f16, bf16 or q8_0 on CPUs. Default: \
      bf16 on GPUs, f16 on CPUs.
      """,
      valueName: "cache-dtype"))
  var cacheDtype: NumberStorage?

  @Option(help: "Devices that share each layer.")
  var tensorParallel = 1

  @Option(help: "Stages of layers, each on devices of its own: so many times the devices.")
  var pipelineParallel = 1

  @Option(
    help: "Groups of these devices over which experts are dealt, each with whole ones.")
  var expertParallel = 1

  @Option(
    help: "How unevenly tokens choose experts: the exponent of Zipf's law. Default: 0, evenly.")
  var routing: Double?

  @Flag(help: "Show seconds and what binds by kind of operator.")
  var breakdown = false

  @OptionGroup(title: "A server under load")
  var serving: LoadOptions

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let models = try architectures.map(ModelSubject.resolve)
    for model in models where output == .json { _ = try model.architecture.writtenConfig() }
    for model in models { warn(of: model) }
    let subjects = models.map(\.architecture)
    let profile = try DeviceZoo.resolve(device)
    let isGPU = profile.limits.kind == .gpu
    let engine = try ServingEngine.named(
      engine ?? (isGPU ? ServingEngine.vllm : ServingEngine.dyno).name)
    let parts = try positive("--tensor-parallel", tensorParallel)
    let experts = try positive("--expert-parallel", expertParallel)
    if let routing { try checkRouting(routing, subjects) }
    let cached = try nonNegative("--depth", depth)
    let workload = workload ?? WorkloadShape(prompt: 4096, generate: 1024)
    let batches = (batch ?? CountList([1, 16, 64, 128])).values
    for count in batches { _ = try positive("--batch", count) }
    if isGPU, case .mix = dtype {
      throw InputError(
        "--dtype", problem: "\(dtype.name) is no storage of weights on \(profile.name)",
        expected: NumberStorage.ofGPUWeights.map(\.rawValue).joined(separator: ", "))
    }
    let cache = cacheDtype ?? (isGPU ? .bf16 : .f16)
    let settings = Predictor.Settings(
      weights: dtype.base, cache: cache, tensorParallel: parts,
      pipelineParallel: try positive("--pipeline-parallel", pipelineParallel),
      sharing: ExpertSharing(parts: experts, routing: Routing(exponent: routing ?? 0)))
    try settings.check(on: profile)
    let predictor = try Predictor(profile, engine, settings)
    if serving.isAsked {
      try requireNoBatch()
      let report = try serving.report(subjects, predictor, workload)
      return try output == .json ? emit(report.json()) : emit(page: report.table())
    }
    let mixed = MixedWeights { dtype in
      var one = settings
      one.weights = NumberStorage(dtype)
      return try Predictor(profile, engine, one)
    }
    var predictions: [Prediction] = []
    var ratios: [PredictedRatio?] = []
    for batch in batches {
      let load = ServingWorkload(
        prompt: workload.prompt, generate: workload.generate, depth: cached, batch: batch)
      for (index, architecture) in subjects.enumerated() {
        switch dtype {
        case .one:
          predictions.append(try predictor.predict(architecture, load, breakdown: breakdown))
          ratios.append(
            index == 0 ? nil : PredictedRatio(architecture, over: subjects[0], load, predictor))
        case .mix(let format):
          predictions.append(
            try mixed.predict(architecture, load, weights: format, breakdown: breakdown))
          ratios.append(nil)
        }
      }
    }
    let isMixed = if case .mix = dtype { true } else { false }
    let report = PredictionReport(
      predictions, predictor.evidence(for: subjects, isMixed: isMixed), settings, ratios: ratios,
      weights: dtype.name)
    switch output {
    case .json: try emit(report.json())
    case .table: try emit(page: report.table())
    }
  }

  /// Refuses what is of static batches alone, beside a load.
  private func requireNoBatch() throws {
    if case .mix = dtype {
      throw InputError(
        "--dtype", problem: "is a mix beside a load", expected: "one storage of weights")
    }
    try refuse(
      [
        ("--batch", batch != nil), ("--depth", depth != 0), ("--breakdown", breakdown),
        ("--pipeline-parallel", pipelineParallel != 1),
      ], problem: "goes with no load", expected: "a load without it")
    try refuse(
      [("--workload", workload != nil && serving.trace != nil)],
      problem: "is what a trace says itself", expected: "a load without it")
  }
}
