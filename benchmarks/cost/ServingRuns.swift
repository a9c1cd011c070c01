import CostModel
import Formats
import Foundation
import Input
import Model
import Requests
import Serving

/// AIConfigurator's 720 closed loops, each with its prediction by the simulation.
struct ServingRuns {
  struct Point {
    var run: ServingRun
    /// Engine, model and storage: runs that differ in load and number of devices.
    var group: String
    var policy: PolicyKind
    var isDense: Bool
    fileprivate var times: HostTimes

    func outcome(_ host: HostConstants) -> ServingOutcome? { times.outcome(run, host) }

    var row: HostFit.Row {
      HostFit.Row(run) { host in
        outcome(host).map { ($0.timeToFirstToken.mean, $0.timePerOutputToken.mean) }
      }
    }
  }

  /// How a model of the data is priced.
  fileprivate struct Served {
    /// In the zoo, in the data's configs, or beside the studies.
    var architecture: String
    /// In place of what the row says, where that names no storage of ours.
    var weights: NumberStorage?
    var cache = NumberStorage.bf16
    /// InferenceX's clients had lengths uniform in [0.8, 1], and it starts TensorRT-LLM with room for all.
    var isInferenceX = false
  }

  private static let models = [
    "meta-llama/Llama-3.1-8B-Instruct": Served(architecture: "llama-3.1-8b"),
    "nvidia/Llama-3.1-8B-Instruct-FP8": Served(architecture: "llama-3.1-8b"),
    "meta-llama/Llama-3.1-70B": Served(
      architecture: "llama-3.1-70b", cache: .fp8, isInferenceX: true),
    // Its matrices are experts in MXFP4 but for a few percent, whatever the row calls them.
    "openai/gpt-oss-120b": Served(
      architecture: "benchmarks/cost/architectures/served/gpt-oss-120b.json", weights: .mxfp4,
      cache: .fp8, isInferenceX: true),
    "Qwen/Qwen3-235B-A22B-FP8": Served(
      architecture: "benchmarks/cost/architectures/served/qwen3-235b-a22b.json"),
    "deepseek-ai/DeepSeek-V3": Served(
      architecture: CostStudy.data("configs/deepseek-v3.json").path, weights: .fp8Block,
      isInferenceX: true),
  ]
  private static let devices = ["h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm"]

  /// Peaks of datasheets, for the rule that sets runs aside: dense fp8, and bf16 of all else, of H100 and
  /// H200.
  private static func peak(_ run: ServingRun) -> Double {
    run.weights.hasPrefix("fp8") ? 1979e12 : 989e12
  }

  private(set) var points: [Point] = []
  /// How many runs are left out, by reason.
  private(set) var notPriced: [String: Int] = [:]
  /// Series with a run that needs more than the devices' peak, and what it needs.
  private(set) var setAside: [String: (count: Int, share: Double)] = [:]

  init() throws {
    var files = ServingRunFiles()
    try files.add(contentsOf: CostStudy.data("gpu-serving/closed-loop.csv").path)
    for error in files.rejected {
      let reason = error.description.split(separator: ": ").dropFirst(2).joined(separator: ": ")
      notPriced[reason, default: 0] += 1
    }
    var architectures: [String: Architecture] = [:]
    for (name, served) in Self.models {
      architectures[name] = try Zoo.resolve(served.architecture)
    }
    let shares = files.runs.compactMap { run in
      architectures[run.model].map {
        (
          run,
          ServingRunRule.shareOfPeak(
            run, parameters: $0.parameters.activeNonEmbedding, peak: Self.peak(run))
        )
      }
    }
    let wrong = ServingRunRule.implausible(shares)
    var predictors: [String: HostTimes] = [:]
    for var run in files.runs {
      if let share = wrong[run.series] {
        setAside[run.series, default: (0, share)].count += 1
        continue
      }
      guard let served = Self.models[run.model], let device = Self.devices[run.device],
        let architecture = architectures[run.model]
      else {
        notPriced["\(run.model) on \(run.device): not known here", default: 0] += 1
        continue
      }
      do {
        let key = [
          run.engine, run.model, device, run.weights, "\(run.tensorParallel)",
          "\(run.expertParallel)",
        ].joined(separator: " ")
        let times = try predictors[key] ?? HostTimes(run, architecture, served, device)
        predictors[key] = times
        // 8B's SGLang runs are as if of mixed lengths too.
        run.least = served.isInferenceX || run.engine == "sglang" ? 0.8 : 1
        let isDense = architecture.firstExperts == nil
        points.append(
          Point(
            run: run, group: "\(run.engine), \(Self.short(run.model)), \(times.weights)",
            policy: times.policy, isDense: isDense, times: times))
      } catch let error as InputError {
        notPriced["\(run.engine), \(run.model), \(run.weights): \(error)", default: 0] += 1
      }
    }
  }

  private static func short(_ model: String) -> String {
    model.split(separator: "/").last.map(String.init) ?? model
  }

  /// Predicted runs that share a device, engine, model and number of devices.
  fileprivate final class HostTimes {
    private let predictor: Predictor
    private let architecture: Architecture
    private let setup: ServingSetup
    private var kept: [Int: ServingPredictor] = [:]

    var policy: PolicyKind { setup.policy }
    var weights: NumberStorage { predictor.settings.weights }

    init(
      _ run: ServingRun, _ architecture: Architecture, _ served: Served, _ device: String
    ) throws {
      guard let weights = served.weights ?? NumberStorage(rawValue: run.weights) else {
        throw InputError("weights", problem: "\(run.weights) is not priced")
      }
      let settings = Predictor.Settings(
        weights: weights, cache: served.cache, tensorParallel: run.tensorParallel,
        sharing: ExpertSharing(parts: run.expertParallel))
      let engine = try ServingEngine.named(run.engine)
      predictor = try Predictor(DeviceZoo.resolve(device), engine, settings)
      self.architecture = architecture
      var setup = ServingSetup(engine)
      if served.isInferenceX, setup.policy == .tensorRT {
        setup.stepTokens = 8192
        setup.mostSequences = 2048
      }
      self.setup = setup
      _ = try server(run)
    }

    /// Step times are remembered for each deployment, whatever the host's constants.
    private func server(_ run: ServingRun) throws -> ServingPredictor {
      let key = run.concurrency << 40 | run.input << 20 | run.output
      if let known = kept[key] { return known }
      let served = try ServingPredictor(
        predictor, architecture, setup, longest: (run.input, run.output),
        concurrency: run.concurrency)
      kept[key] = served
      return served
    }

    func outcome(_ run: ServingRun, _ host: HostConstants) -> ServingOutcome? {
      guard
        let lengths = try? LengthDistribution(
          input: run.input, output: run.output, least: run.least)
      else { return nil }
      return try? server(run).run(
        lengths.requests(run.requests, seed: 1), .closedLoop(concurrency: run.concurrency),
        host: host)
    }
  }
}
