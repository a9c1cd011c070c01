import CostModel
import Foundation
import Input
import Model
import Records
import Search

/// Predictions of a device, as a table or as JSON, with the evidence behind their intervals.
public struct PredictionReport {
  private let predictions: [Prediction]
  /// Of each prediction, over the first architecture's of the same workload.
  private let ratios: [PredictedRatio?]
  private let evidence: PredictionEvidence
  private let settings: Predictor.Settings
  private let weights: String

  /// - Parameters:
  ///   - ratios: of each prediction, over the first architecture's; `nil` where there are none.
  ///   - weights: the name of their storage, where it is a mix; else that of `settings`.
  public init(
    _ predictions: [Prediction], _ evidence: PredictionEvidence, _ settings: Predictor.Settings,
    ratios: [PredictedRatio?]? = nil, weights: String? = nil
  ) {
    self.ratios = ratios ?? predictions.map { _ in nil }
    self.weights = weights ?? settings.weights.rawValue
    self.predictions = predictions
    self.evidence = evidence
    self.settings = settings
  }

  public func table() -> String {
    let isCompared = ratios.contains { $0 != nil }
    var columns: [(String, Table.Alignment)] = [
      ("architecture", .left), ("workload", .left), ("batch", .right), ("output tok/s", .right),
      ("90% interval", .right),
    ]
    if isCompared {
      columns += [("against \(predictions[0].architecture.name)", .right)]
    }
    columns += [
      ("TTFT", .right), ("TPOT", .right), ("memory", .right),
      ("fit at full length", .right), ("total tok/s", .right),
    ]
    var table = Table(columns)
    for (prediction, ratio) in zip(predictions, ratios) {
      let point = prediction.point
      var cells = [
        prediction.architecture.name, Self.name(prediction.workload),
        "\(prediction.workload.batch)", Quantity.number(point.outputTokensPerSecond),
        Self.interval(point.outputTokensPerSecond, prediction.spreads.throughput),
      ]
      if isCompared { cells.append(ratio.map(Self.text) ?? "") }
      cells += [
        Quantity.seconds(point.timeToFirstToken), Quantity.seconds(point.timePerOutputToken),
        Quantity.bytes(prediction.peakMemoryBytes), "\(prediction.largestBatch)",
        Quantity.number(point.totalTokensPerSecond),
      ]
      table.add(cells)
    }
    var text = table.rendered() + "\n\n" + evidence.text(settings, weights)
    for prediction in predictions {
      let name = "\(prediction.architecture.name), batch \(prediction.workload.batch)"
      if prediction.preemptions > 0 || prediction.widest < prediction.workload.batch {
        text +=
          "\n\(name): \(prediction.widest) of \(prediction.workload.batch) sequences run at once"
        text +=
          prediction.preemptions > 0
          ? "; \(prediction.preemptions) are dropped and computed again." : "."
      }
      if !prediction.extrapolated.isEmpty {
        text +=
          "\n\(name): extrapolated beyond what was fitted in "
          + prediction.extrapolated.joined(separator: ", ") + "; intervals widened."
      }
    }
    for prediction in predictions {
      guard let read = prediction.expertsRead, let experts = prediction.architecture.firstExperts
      else { continue }
      text +=
        "\n\(prediction.architecture.name), batch \(prediction.workload.batch): a decode step reads "
        + "\(Quantity.number(read)) of \(experts.count) experts a layer, \(settings.sharing.routing.words)."
    }
    for prediction in predictions where !prediction.operators.isEmpty {
      text += "\n\n" + breakdown(prediction)
    }
    return text
  }

  private func breakdown(_ prediction: Prediction) -> String {
    var table = Table([
      ("\(prediction.architecture.name), batch \(prediction.workload.batch)", .left),
      ("seconds", .right), ("share", .right), ("bound", .left),
    ])
    for (kind, cost) in prediction.operators {
      table.add([
        kind.rawValue, Quantity.number(cost.seconds),
        Quantity.percent(cost.seconds / prediction.point.seconds), cost.bound.rawValue,
      ])
    }
    let operators = prediction.operators.reduce(0) { $0 + $1.cost.seconds }
    let rest = max(0, prediction.point.seconds - operators)
    table.add([
      "host work and sums over devices", Quantity.number(rest),
      Quantity.percent(rest / prediction.point.seconds), "latency",
    ])
    return table.rendered()
  }

  private static func name(_ workload: ServingWorkload) -> String {
    let lengths = "\(workload.prompt)x\(workload.generate)"
    return workload.depth > 0 ? "\(lengths) @ d\(workload.depth)" : lengths
  }

  private static func text(_ ratio: PredictedRatio) -> String {
    "\(Quantity.number(ratio.value))× [\(Quantity.number(ratio.interval90[0])), "
      + "\(Quantity.number(ratio.interval90[1]))]"
  }

  private static func interval(_ value: Double, _ spread: Double) -> String {
    "[\(Quantity.number(value * exp(-spread))), \(Quantity.number(value * exp(spread)))]"
  }

  // MARK: JSON

  public func json() throws -> String {
    try JSONText.encode(
      zip(predictions, ratios).map { Entry($0, $1, evidence, settings, weights) })
  }

  private struct Entry: Encodable {
    struct Intervals: Encodable {
      let outputTokensPerSecond: [Double]
      let totalTokensPerSecond: [Double]
      let ttftS: [Double]
      let tpotS: [Double]
    }
    struct Part: Encodable {
      let kind: String
      let seconds: Double
      let bound: String
    }

    let architecture: String
    let config: [String: JSONValue]
    let device: String
    let engine: String
    let prompt: Int
    let generate: Int
    let depth: Int
    let batch: Int
    let dtype: String
    let cacheDtype: String
    let tensorParallel: Int
    let pipelineParallel: Int?
    /// Absent without experts.
    let expertParallel: Int?
    let routing: Double?
    let expertsReadPerDecodeStep: Double?
    let seconds: Double
    let outputTokensPerSecond: Double
    let totalTokensPerSecond: Double
    let ttftS: Double
    let tpotS: Double
    let peakMemoryBytes: Double
    let largestBatch: Int
    let concurrentSequences: Int
    let preemptions: Int
    let interval90: Intervals
    /// Over the first architecture's output tokens a second in the same workload; absent of the first.
    let ratioToFirst: Double?
    let ratioToFirstInterval90: [Double]?
    let extrapolated: [String]
    let operatorRung: String
    let engineRung: String
    let heldOut: PredictionEvidence.Errors?
    let operators: [Part]?

    init(
      _ prediction: Prediction, _ ratio: PredictedRatio?, _ evidence: PredictionEvidence,
      _ settings: Predictor.Settings, _ weights: String
    ) {
      ratioToFirst = ratio?.value
      ratioToFirstInterval90 = ratio?.interval90
      let point = prediction.point
      func interval(_ value: Double, _ spread: Double) -> [Double] {
        [value * exp(-spread), value * exp(spread)]
      }
      architecture = prediction.architecture.name
      config = prediction.architecture.config
      device = evidence.device
      engine = evidence.engine
      prompt = prediction.workload.prompt
      generate = prediction.workload.generate
      depth = prediction.workload.depth
      batch = prediction.workload.batch
      dtype = weights
      cacheDtype = settings.cache.rawValue
      tensorParallel = settings.tensorParallel
      pipelineParallel = settings.pipelineParallel > 1 ? settings.pipelineParallel : nil
      let hasExperts = prediction.expertsRead != nil
      expertParallel = hasExperts ? settings.sharing.parts : nil
      routing = hasExperts ? settings.sharing.routing.exponent : nil
      expertsReadPerDecodeStep = prediction.expertsRead
      seconds = point.seconds
      outputTokensPerSecond = point.outputTokensPerSecond
      totalTokensPerSecond = point.totalTokensPerSecond
      ttftS = point.timeToFirstToken
      tpotS = point.timePerOutputToken
      peakMemoryBytes = prediction.peakMemoryBytes
      largestBatch = prediction.largestBatch
      concurrentSequences = prediction.widest
      preemptions = prediction.preemptions
      interval90 = Intervals(
        outputTokensPerSecond: interval(
          point.outputTokensPerSecond, prediction.spreads.throughput),
        totalTokensPerSecond: interval(point.totalTokensPerSecond, prediction.spreads.throughput),
        ttftS: interval(point.timeToFirstToken, prediction.spreads.timeToFirstToken),
        tpotS: interval(point.timePerOutputToken, prediction.spreads.timePerOutputToken))
      extrapolated = prediction.extrapolated
      operatorRung = evidence.operatorRung.rawValue
      engineRung = evidence.engineRung.rawValue
      heldOut = evidence.errors
      operators =
        prediction.operators.isEmpty
        ? nil
        : prediction.operators.map {
          Part(kind: $0.kind.rawValue, seconds: $0.cost.seconds, bound: $0.cost.bound.rawValue)
        }
    }
  }
}

extension PredictionEvidence {
  /// In words.
  func text(_ settings: Predictor.Settings, _ weights: String) -> String {
    var text =
      "\(device) under \(engine), \(weights) weights, \(settings.cache) KV cache"
    if settings.tensorParallel > 1 { text += ", \(settings.tensorParallel) devices" }
    if settings.pipelineParallel > 1 { text += ", \(settings.pipelineParallel) stages" }
    if settings.sharing.parts > 1 {
      text += ", experts dealt over \(settings.sharing.parts) (exchange of rows nominal)"
    }
    text += ". Operators: \(operatorRung.words). "
    if let errors {
      text +=
        "Whole runs: \(engineRung.words), \(errors.rows) runs; held out (\(errors.protocolName)): "
        + "median \(Quantity.percent(errors.median)), mean \(Quantity.percent(errors.mean)), "
        + "90th percentile \(Quantity.percent(errors.percentile90)), "
        + "\(Quantity.percent(errors.coverage90)) inside their 90% interval."
    } else if let comparedElsewhere {
      text += "Whole runs: \(engineRung.words), checked with \(comparedElsewhere) only."
    } else {
      text += "Whole runs: \(engineRung.words), never checked on this device and engine."
    }
    return text + " " + basis.words
  }
}

extension IntervalBasis {
  /// In one line.
  fileprivate var words: String {
    let known =
      runs > 0
      ? "Intervals rest on \(runs) runs of this device and engine (scatter "
        + "\(Quantity.percent(scatter)))"
      : "Intervals rest on no run of this device and engine"
    guard !jumps.isEmpty else { return known + "." }
    return known + "; widened by what such steps cost elsewhere: "
      + jumps.map { "\($0.words) \(Quantity.percent($0.deviation))" }.joined(separator: ", ") + "."
  }
}

extension IntervalBasis.Jump {
  fileprivate var words: String {
    switch self {
    case .engine(let rung): "unchecked engine with operators \(rung.words)"
    case .devices(let count): "\(count) \(count == 1 ? "device" : "devices")"
    case .stages(let count): "\(count) stages"
    case .precision(let weights, let cache, let hasKernels):
      "\(weights) weights\(hasKernels ? "" : ", whose kernels were never timed,") and \(cache) cache"
    }
  }
}

extension Rung {
  var words: String {
    switch self {
    case .nominal: "nominal, from the datasheet"
    case .transferred: "carried over from another device"
    case .operators: "fitted to this device's kernel timings"
    case .endToEnd: "fitted to whole runs"
    }
  }
}

extension Routing {
  fileprivate var words: String {
    exponent == 0 ? "routed evenly" : "routed by Zipf's law of exponent \(exponent)"
  }
}
