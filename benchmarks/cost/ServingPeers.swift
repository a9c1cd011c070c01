import Foundation
import Input
import Serving

/// What AIConfigurator 0.12 and AISimulate predict of the same closed loops.
struct ServingPeers {
  struct Prediction {
    /// Means in seconds, as they measured them and as each predicts them; `nil` where it does not.
    var measuredFirst: Double
    var configurator: (first: Double, rest: Double)?
    var simulator: (first: Double, rest: Double)?
  }

  private var predictions: [String: [Prediction]] = [:]

  init() throws {
    let configurator = try Self.rows("aiconfigurator-0.12.csv")
    for row in configurator {
      predictions[Self.key(row, row["model"] ?? "", "concurrency"), default: []].append(
        Prediction(
          measuredFirst: Self.seconds(row, "measured_ttft_ms") ?? .nan,
          configurator: Self.pair(row, "aiconfigurator")))
    }
    for row in try Self.rows("aisimulate-llama-3.1-70b-fp8-h200.csv") {
      let key = Self.key(row, "Llama-3.1-70B", "concurrency")
      let measured = Self.seconds(row, "measured_ttft_ms") ?? .nan
      guard
        let place = predictions[key]?.firstIndex(where: {
          abs($0.measuredFirst / measured - 1) < 1e-3
        })
      else { continue }
      predictions[key]![place].simulator = Self.pair(row, "aisimulate")
    }
  }

  /// Of the run with the same settings and the same measured TTFT.
  func prediction(_ run: ServingRun) -> Prediction? {
    let model = run.model.split(separator: "/").last.map(String.init) ?? ""
    let key = Self.key(
      model, run.engine, run.tensorParallel, run.input, run.output, run.concurrency)
    return predictions[key]?.first { abs($0.measuredFirst / run.timeToFirstToken - 1) < 1e-3 }
  }

  private static func rows(_ name: String) throws -> [[String: String]] {
    let table = try DelimitedText(
      InputFile.results.text(at: CostStudy.data("gpu-serving/" + name).path))
    return table.rows.map { _, cells in
      Dictionary(zip(table.columns, cells)) { first, _ in first }
    }
  }

  private static func key(
    _ row: [String: String], _ model: String, _ concurrency: String
  ) -> String {
    func count(_ name: String) -> Int { row[name].flatMap(Double.init).map { Int($0) } ?? 0 }
    return key(
      model, row["backend"] ?? "", count("tp"), count("isl"), count("osl"), count(concurrency))
  }

  private static func key(
    _ model: String, _ engine: String, _ devices: Int, _ input: Int, _ output: Int, _ clients: Int
  ) -> String { "\(model) \(engine) \(devices) \(input) \(output) \(clients)" }

  private static func seconds(_ row: [String: String], _ name: String) -> Double? {
    row[name].flatMap(Double.init).map { $0 / 1e3 }
  }

  private static func pair(_ row: [String: String], _ who: String) -> (Double, Double)? {
    guard let first = seconds(row, "\(who)_ttft_ms"), let rest = seconds(row, "\(who)_tpot_ms")
    else { return nil }
    return (first, rest)
  }
}
