import Input

enum AgreementSection: ReportSection {
  static let id = "agreement"
  static let title = "Predicted against measured"
  static let about = """
    What the cost model predicted for this machine beside what was measured on it: points on the \
    diagonal agree, points above it were predicted too high.
    """

  private struct Row {
    let series: String
    let what: String
    let measured: Double
    let measuredInterval: ClosedRange<Double>?
    let predicted: Double
    let predictedInterval: ClosedRange<Double>?
  }

  /// The name of the device that is the machine in front of us.
  private static let host = "host"

  static func figures(_ input: ReportInput) throws -> [Figure] {
    let loads = try served(input)
    return [
      figure(
        "throughput", "Throughput", "tokens a second",
        try workloads(input) + candidates(input) + loads.throughput),
      figure("ttft", "Time to the first token", "seconds", loads.firstToken),
      figure("tpot", "Time per output token", "seconds", loads.outputToken),
    ].compactMap { $0 }
  }

  private static func figure(_ id: String, _ title: String, _ unit: String, _ rows: [Row])
    -> Figure?
  {
    guard !rows.isEmpty else { return nil }
    let values = rows.flatMap { [$0.measured, $0.predicted] }
    var x = Figure.Axis.magnitudes("measured, \(unit)", values)
    var y = Figure.Axis.magnitudes("predicted, \(unit)", values)
    (x.zero, y.zero) = (false, false)
    return Figure(
      "agreement-\(id)", .scatter, title,
      caption: "Bars are 90% intervals of predictions and 95% intervals of measurements.",
      axes: .init(x: x, y: y, isDiagonal: true), rows: rows,
      columns: [
        .init("from", "series") { .text($0.series) },
        .init("what") { .text($0.what) },
        .init("measured, \(unit)", "x") { .number($0.measured) },
        .init("measured 95% from", "xLow") { .init($0.measuredInterval?.lowerBound) },
        .init("measured 95% to", "xHigh") { .init($0.measuredInterval?.upperBound) },
        .init("predicted, \(unit)", "y") { .number($0.predicted) },
        .init("predicted 90% from", "yLow") { .init($0.predictedInterval?.lowerBound) },
        .init("predicted 90% to", "yHigh") { .init($0.predictedInterval?.upperBound) },
        .init("predicted / measured") { .number($0.predicted / $0.measured) },
      ])
  }

  /// Predictions of batches beside benches of the same workloads.
  private static func workloads(_ input: ReportInput) throws -> [Row] {
    func key(_ architecture: String, _ counts: [Int], _ storages: [String]) -> [String] {
      [architecture] + counts.map(String.init) + storages
    }
    let measured = Dictionary(
      try MeasuredTest.latest(input).filter { $0.phase == .workload }.map { test in
        (
          key(
            test.architecture, [test.prompt, test.generate, test.depth, test.batch],
            [test.weights, test.cache]), test
        )
      }, uniquingKeysWith: { _, last in last })
    return try input.map(.prediction, PredictedRun.init).filter { $0.device == host }
      .compactMap { run in
        guard
          let test = measured[
            key(
              run.architecture, [run.prompt, run.generate, run.depth, run.batch],
              [run.weights, run.cache])]
        else { return nil }
        return Row(
          series: "whole requests", what: "\(run.architecture) \(test.name), batch \(run.batch)",
          measured: test.rate, measuredInterval: test.interval, predicted: run.totalRate.value,
          predictedInterval: run.totalRate.interval)
      }
  }

  /// What searches measured of their candidates.
  private static func candidates(_ input: ReportInput) throws -> [Row] {
    try input.map(.search) { record -> [Row] in
      try within("verified") { () -> [Row] in
        try record.fields.object("verified")?.parts("standings").compactMap { standing in
          guard let measured = try standing.double("measured_throughput") else { return nil }
          return Row(
            series: "search", what: try standing.text("name"), measured: measured,
            measuredInterval: nil, predicted: try standing.number("predicted_throughput"),
            predictedInterval: nil)
        } ?? []
      }
    }.flatMap { $0 }
  }

  /// Predictions of loads beside measurements of the same ones.
  private static func served(_ input: ReportInput) throws
    -> (throughput: [Row], firstToken: [Row], outputToken: [Row])
  {
    let loads = try input.map(.serving, ServedLoad.init)
    let measured = Dictionary(
      loads.filter { !$0.isPredicted }.map { ($0.subject + [$0.load], $0) },
      uniquingKeysWith: { _, last in last })
    let pairs = loads.filter(\.isPredicted).compactMap { predicted in
      measured[predicted.subject + [predicted.load]].map { (predicted: predicted, measured: $0) }
    }
    func rows(
      _ value: (ServedLoad) -> Double, _ interval: (ServedLoad) -> ClosedRange<Double>?
    ) -> [Row] {
      pairs.map { pair in
        Row(
          series: "server under load",
          what: "\(pair.predicted.architecture), \(pair.predicted.load)",
          measured: value(pair.measured), measuredInterval: interval(pair.measured),
          predicted: value(pair.predicted), predictedInterval: interval(pair.predicted))
      }
    }
    return (
      rows(\.outputRate, \.outputRateInterval), rows(\.firstToken.mean, \.firstToken.interval),
      rows(\.outputToken.mean, \.outputToken.interval)
    )
  }
}
