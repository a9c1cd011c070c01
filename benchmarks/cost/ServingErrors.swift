import Foundation
import Reports
import Serving

/// Errors of runs that were not fitted, with intervals whose widths are of other such runs.
struct ServingErrors {
  private struct Row {
    let run: ServingRun
    let first: Double
    let rest: Double
    /// Share of requests' time in which they wait to begin.
    let queue: Double
    let fold: String
    /// Natural logarithms of predicted over measured.
    var errors: (first: Double, rest: Double) {
      (log(first / run.timeToFirstToken), log(rest / run.timePerOutputToken))
    }
  }

  private let title: String
  private let peers: ServingPeers
  private var rows: [Row] = []
  /// Whose runs are shown; `nil`: all folds.
  private var shown: String?

  init(_ title: String, _ peers: ServingPeers) {
    self.title = title
    self.peers = peers
  }

  /// - Parameter fold: what was left out together.
  mutating func add(_ point: ServingRuns.Point, _ host: HostConstants, fold: String) {
    guard let outcome = point.outcome(host) else { return }
    rows.append(
      Row(
        run: point.run, first: outcome.timeToFirstToken.mean,
        rest: outcome.timePerOutputToken.mean, queue: outcome.causes.queue / outcome.causes.total,
        fold: fold))
  }

  /// Those of one fold, with the widths of the others.
  func only(_ fold: String) -> ServingErrors {
    var errors = self
    errors.shown = fold
    return errors
  }

  private var own: [Row] { rows.filter { shown == nil || $0.fold == shown } }

  // MARK: Intervals

  /// Half-widths for a fold, in natural logarithms: the 90% quantile of the other folds' errors; `nil` where
  /// there is no other.
  private func widths(without fold: String) -> (first: Double, rest: Double)? {
    let others = rows.filter { $0.fold != fold }
    guard !others.isEmpty else { return nil }
    return (
      Self.quantile(others.map { abs($0.errors.first) }),
      Self.quantile(others.map { abs($0.errors.rest) })
    )
  }

  /// Of which 90% of as many further errors are expected to be below.
  private static func quantile(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let place = Int((0.9 * Double(sorted.count + 1)).rounded(.up)) - 1
    return sorted[min(sorted.count - 1, max(0, place))]
  }

  // MARK: Output

  static let columns: [(String, Table.Alignment)] = [
    ("left out", .left), ("runs", .right), ("TPOT", .right), ("TTFT", .right),
    ("TPOT in interval", .right), ("TTFT in interval", .right), ("90% of ln TPOT", .right),
    ("90% of ln TTFT", .right), ("AIConfigurator TPOT, TTFT", .right),
    ("AISimulate's runs: TPOT, TTFT", .right), ("AISimulate", .right), ("AIConfigurator", .right),
  ]

  static let legend = """
    Mean absolute errors. Intervals are as wide as 90% of the errors in the other folds, none of which \
    were fitted either. The last three columns are of the runs that AISimulate published.
    """

  func cells() -> [String] {
    let own = own
    var byFold: [String: (first: Double, rest: Double)] = [:]
    for fold in Set(own.map(\.fold)) { byFold[fold] = widths(without: fold) }
    func covered(_ isIn: (Row, (first: Double, rest: Double)) -> Bool) -> String {
      let judged = own.compactMap { row in
        byFold[row.fold].map { isIn(row, $0) }
      }
      guard !judged.isEmpty else { return "–" }
      return Quantity.percent(Double(judged.count { $0 }) / Double(judged.count))
    }
    /// Of runs with predicted TTFT and TPOT.
    func text(_ rows: [(ServingRun, Double, Double)]) -> String {
      guard !rows.isEmpty else { return "–" }
      let rest = rows.map { $0.2 / $0.0.timePerOutputToken }
      let first = rows.map { $0.1 / $0.0.timeToFirstToken }
      return "\(Self.mean(rest)), \(Self.mean(first))"
    }
    let known = own.map { ($0, peers.prediction($0.run)) }
    let simulated = known.filter { $0.1?.simulator != nil }
    return [
      shown ?? title, "\(own.count)", Self.mean(own.map { $0.rest / $0.run.timePerOutputToken }),
      Self.mean(own.map { $0.first / $0.run.timeToFirstToken }),
      covered { abs($0.errors.rest) <= $1.rest }, covered { abs($0.errors.first) <= $1.first },
      Quantity.number(Self.quantile(own.map { abs($0.errors.rest) }), digits: 2),
      Quantity.number(Self.quantile(own.map { abs($0.errors.first) }), digits: 2),
      text(
        known.compactMap { row, peer in peer?.configurator.map { (row.run, $0.first, $0.rest) } }),
      text(simulated.map { ($0.0.run, $0.0.first, $0.0.rest) }),
      text(simulated.map { ($0.0.run, $0.1!.simulator!.first, $0.1!.simulator!.rest) }),
      text(
        simulated.compactMap { row, peer in
          peer!.configurator.map { (row.run, $0.first, $0.rest) }
        }),
    ]
  }

  /// - Parameter ratios: of predicted over measured.
  private static func mean(_ ratios: [Double]) -> String {
    Quantity.percent(ratios.reduce(0) { $0 + abs($1 - 1) } / Double(max(1, ratios.count)))
  }

  static let header =
    "left_out,engine,model,tensor_parallel,input,output,concurrency,ttft,tpot,ttft_predicted,"
    + "tpot_predicted,ttft_width,tpot_width,queue_share"

  func lines() -> [String] {
    rows.map { row in
      let widths = widths(without: row.fold) ?? (.nan, .nan)
      let run = row.run
      return [
        title.contains("one GPU count") ? "devices" : "engine_model", run.engine, run.model,
        "\(run.tensorParallel)", "\(run.input)", "\(run.output)", "\(run.concurrency)",
        "\(run.timeToFirstToken)", "\(run.timePerOutputToken)", "\(row.first)", "\(row.rest)",
        "\(widths.first)", "\(widths.rest)", "\(row.queue)",
      ].joined(separator: ",")
    }
  }
}
