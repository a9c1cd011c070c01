import CostModel
import Foundation
import Input
import Model
import Reports
import Requests
import Serving

/// Serving runs at a concurrency against the simulation: AIConfigurator's 720 closed loops, those of dense
/// models, with host constants fitted to the other GPU counts, and to the other (engine, model)s.
///
/// With `DYNO_RESIDUALS` set to a folder, predictions are written there as `serving.csv`.
struct ServingStudy {
  private struct Point {
    var run: ServingRun
    var architecture: Architecture
    var predict: HostFit.Predict
    var group: String
    var policy: PolicyKind
  }

  /// Models and devices of the data, as the zoo names them.
  private static let models = [
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
  ]
  private static let devices = ["h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm"]

  /// Peaks of datasheets, for the rule that sets runs aside: dense fp8 and bf16 of H100 and H200.
  private static func peak(_ run: ServingRun) -> Double { run.weights == "bf16" ? 989e12 : 1979e12 }

  /// As clients of InferenceX ran: lengths uniform in [0.8, 1]. 8B's SGLang runs are as if so too.
  private static func least(_ run: ServingRun) -> Double {
    run.model.contains("70B") || run.engine == "sglang" ? 0.8 : 1
  }

  private var points: [Point] = []
  private var notPriced: [String: Int] = [:]
  private var setAside: [String: (count: Int, share: Double)] = [:]

  init() throws {
    var files = ServingRunFiles()
    try files.add(contentsOf: CostStudy.data("gpu-serving/closed-loop.csv").path)
    var shares: [(run: ServingRun, share: Double)] = []
    for run in files.runs {
      guard let name = Self.models[run.model],
        let architecture = try? Zoo.shipped().architecture(named: name)
      else { continue }
      let parameters = architecture.parameters.nonEmbedding
      shares.append(
        (
          run,
          ServingRunRule.shareOfPeak(run, parameters: parameters, peak: Self.peak(run))
        ))
    }
    let wrong = ServingRunRule.implausible(shares)
    var predictors: [String: HostTimes] = [:]
    for run in files.runs {
      let what = "\(run.engine), \(run.model), \(run.device), \(run.weights)"
      if let share = wrong[run.series] {
        setAside[run.series, default: (0, share)].count += 1
        continue
      }
      guard let name = Self.models[run.model], let device = Self.devices[run.device],
        let architecture = try? Zoo.shipped().architecture(named: name)
      else {
        notPriced["\(what): a mixture, or no such config", default: 0] += 1
        continue
      }
      do {
        let key = "\(run.engine) \(name) \(device) \(run.weights) \(run.tensorParallel)"
        let times = try predictors[key] ?? HostTimes(run, architecture, device)
        predictors[key] = times
        var run = run
        run.least = Self.least(run)
        points.append(
          Point(
            run: run, architecture: architecture,
            predict: { host in times.means(run, host) },
            group: "\(run.engine), \(name), \(run.weights)", policy: times.policy))
      } catch let error as InputError {
        notPriced["\(what): \(error)", default: 0] += 1
      }
    }
  }

  /// Predicted means of runs that share a device, engine, model and number of devices.
  private final class HostTimes {
    private let predictor: Predictor
    private let architecture: Architecture
    private let setup: ServingSetup
    private var kept: [Int: ServingPredictor] = [:]

    var policy: PolicyKind { setup.policy }

    init(_ run: ServingRun, _ architecture: Architecture, _ device: String) throws {
      let profile = try DeviceZoo.resolve(device)
      let engine = try ServingEngine.named(run.engine)
      var settings = Predictor.Settings(tensorParallel: run.tensorParallel)
      func named<Format: RawRepresentable<String>>(
        _ current: Format, _ name: String
      ) throws -> Format {
        guard let format = Format(rawValue: name) else {
          throw InputError("weights", problem: "\(name) is not priced", expected: "another storage")
        }
        return format
      }
      settings.weights = try named(settings.weights, run.weights)
      if run.model.contains("70B") { settings.cache = try named(settings.cache, "fp8") }
      predictor = try Predictor(profile, engine, settings)
      self.architecture = architecture
      var setup = ServingSetup(engine)
      // InferenceX starts TensorRT-LLM with room for all clients.
      if run.model.contains("70B"), setup.policy == .tensorRT {
        setup.stepTokens = 8192
        setup.mostSequences = 2048
      }
      self.setup = setup
    }

    func means(_ run: ServingRun, _ host: HostConstants) -> (first: Double, rest: Double)? {
      var setup = setup
      setup.host = host
      // Step times are remembered for each deployment, whatever the host's constants.
      let key = run.concurrency << 40 | run.input << 20 | run.output
      guard
        let served = kept[key]
          ?? (try? ServingPredictor(
            predictor, architecture, setup, longest: (run.input, run.output),
            concurrency: run.concurrency)),
        let lengths = try? LengthDistribution(
          input: run.input, output: run.output, least: run.least)
      else { return nil }
      kept[key] = served
      guard
        let outcome = try? served.run(
          lengths.requests(run.requests, seed: 1), .closedLoop(concurrency: run.concurrency),
          host: host)
      else { return nil }
      return (outcome.timeToFirstToken.mean, outcome.timePerOutputToken.mean)
    }
  }

  private struct Errors {
    var first: [Double] = []
    var rest: [Double] = []
    var covered = (first: 0, rest: 0)

    mutating func add(_ error: (first: Double, rest: Double), _ intervals: ServingIntervals) {
      first.append(exp(error.first) - 1)
      rest.append(exp(error.rest) - 1)
      if abs(error.first) <= intervals.timeToFirstToken { covered.first += 1 }
      if abs(error.rest) <= intervals.timePerOutputToken { covered.rest += 1 }
    }

    static func mean(_ values: [Double]) -> Double {
      values.reduce(0) { $0 + abs($1) } / Double(max(1, values.count))
    }

    /// The 90% quantile of errors as natural logarithms.
    static func half(_ values: [Double]) -> Double {
      let sorted = values.map { abs(log(1 + $0)) }.sorted()
      return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 9 / 10)]
    }

    func cells() -> [String] {
      [
        "\(first.count)", Quantity.percent(Self.mean(rest)), Quantity.percent(Self.mean(first)),
        Quantity.percent(Double(covered.rest) / Double(max(1, rest.count))),
        Quantity.percent(Double(covered.first) / Double(max(1, first.count))),
        Quantity.number(Self.half(rest), digits: 2), Quantity.number(Self.half(first), digits: 2),
      ]
    }
  }

  func run() throws {
    var table = Table([
      ("held out", .left), ("runs", .right), ("TPOT mean", .right), ("TTFT mean", .right),
      ("TPOT covered", .right), ("TTFT covered", .right), ("90% of ln TPOT", .right),
      ("90% of ln TTFT", .right),
    ])
    var lines = [
      "engine,model,tensor_parallel,input,output,concurrency,ttft,tpot,ttft_predicted,"
        + "tpot_predicted"
    ]
    let groups = Set(points.map(\.group)).sorted()
    for group in groups {
      let own = points.filter { $0.group == group }
      var errors = Errors()
      for devices in Set(own.map(\.run.tensorParallel)).sorted() {
        let host = fitted(own.filter { $0.run.tensorParallel != devices })
        for point in own where point.run.tensorParallel == devices {
          add(point, host, &errors, &lines)
        }
      }
      table.add(["\(group), one GPU count"] + errors.cells())
    }
    if groups.count > 1 {
      var errors = Errors()
      var unused: [String] = []
      for group in groups {
        let host = fitted(points.filter { $0.group != group })
        for point in points where point.group == group { add(point, host, &errors, &unused) }
      }
      table.add(["all, one (engine, model)"] + errors.cells())
    }
    for group in groups {
      let own = points.filter { $0.group == group }
      let host = fitted(own)
      print("\(group): \(own.count) runs, \(host)")
    }
    for (series, what) in setAside.sorted(by: { $0.key < $1.key }) {
      print(
        "set aside: \(what.count) runs of \(series): one needs \(Quantity.percent(what.share)) of "
          + "the devices' peak")
    }
    for (reason, count) in notPriced.sorted(by: { $0.key < $1.key }) {
      print("not priced: \(count) runs of \(reason)")
    }
    print("\n" + table.rendered(.markdown))
    if let folder = ProcessInfo.processInfo.environment["DYNO_RESIDUALS"] {
      try lines.joined(separator: "\n").write(
        toFile: "\(folder)/serving.csv", atomically: true, encoding: .utf8)
    }
  }

  private func fitted(_ points: [Point]) -> HostConstants {
    HostFit.fit(points.map { .init($0.run, $0.predict) }, prior: HostConstants.typical)
  }

  private func add(
    _ point: Point, _ host: HostConstants, _ errors: inout Errors, _ lines: inout [String]
  ) {
    guard let means = point.predict(host) else { return }
    let run = point.run
    errors.add(
      (log(means.first / run.timeToFirstToken), log(means.rest / run.timePerOutputToken)),
      ServingIntervals(.operators, point.policy))
    lines.append(
      "\(run.engine),\(run.model),\(run.tensorParallel),\(run.input),\(run.output),"
        + "\(run.concurrency),\(run.timeToFirstToken),\(run.timePerOutputToken),\(means.first),"
        + "\(means.rest)")
  }
}
