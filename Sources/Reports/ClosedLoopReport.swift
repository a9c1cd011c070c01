import ArchitectureSearch
import Architectures
import Foundation

/// What a closed loop measured, beside what was predicted.
public struct ClosedLoopReport {
  private let outcome: ClosedLoop.Outcome
  private let baseline: Architecture

  public init(_ outcome: ClosedLoop.Outcome, baseline: Architecture) {
    self.outcome = outcome
    self.baseline = baseline
  }

  public var table: String {
    var table = Table([
      ("architecture", .left), ("predicted tok/s", .right), ("measured tok/s", .right),
      ("predicted gain", .right), ("measured gain", .right), ("95% interval", .right),
      ("believed gain", .right), ("95% interval", .right), ("visits", .right), ("pairs", .right),
    ])
    for standing in outcome.standings.filter({ $0.visits > 0 }) {
      table.add([
        standing.architecture.name, Quantity.number(standing.predictedThroughput),
        standing.measuredThroughput.map { Quantity.number($0) } ?? "–",
        Self.gain(standing.predicted), standing.measured.map(Self.gain) ?? "–",
        Self.interval(standing.measured, standing.measuredError),
        Self.gain(standing.believed),
        Self.interval(standing.believed, standing.believedDeviation), "\(standing.visits)",
        "\(standing.pairs)",
      ])
    }
    table.add(
      [baseline.name, "", Quantity.number(outcome.baselineThroughput), "", "1", "", "", "", "", ""])
    return ([table.rendered(), ""] + notes).joined(separator: "\n")
  }

  private var notes: [String] {
    let pool = outcome.standings.count
    let winner = outcome.winner
    var notes = [
      "Winner: \(winner.architecture.name), \(Self.gain(winner.measured ?? winner.believed)) of "
        + "\(baseline.name) as measured (\(Self.interval(winner.measured, winner.measuredError))).",
      "\(outcome.visits) measurements of a candidate in \(outcome.rounds) rounds, "
        + "\(Quantity.seconds(outcome.seconds)); measuring the whole pool once takes \(pool) "
        + "(\(Quantity.percent(Double(outcome.visits) / Double(pool)))).",
      ending,
      "Rank correlation of predicted and measured gains: "
        + (outcome.rankCorrelation.map { Quantity.number($0, digits: 3) } ?? "too few measured")
        + "; the winner is \(Quantity.percent(expm1(outcome.regret))) behind the best measured.",
    ]
    let moved = outcome.coefficients.filter { abs(log($0.value / $0.prior)) > 1e-3 }
    if !moved.isEmpty {
      let words = moved.map {
        "\($0.name) \(Quantity.number($0.prior, digits: 3)) → "
          + "\(Quantity.number($0.value, digits: 3)) ± \(Quantity.percent($0.standardError))"
      }
      notes.append("Calibrated by the ratios: " + words.joined(separator: ", ") + ".")
    }
    return notes
  }

  private var ending: String {
    let gain = Quantity.percent(outcome.expectedGain)
    switch outcome.ending {
    case .stable: return "Ended: another measurement is expected to gain \(gain)."
    case .budget: return "Ended by the budget; another measurement is expected to gain \(gain)."
    case .visits:
      return "Ended by the number of measurements; another is expected to gain \(gain)."
    }
  }

  static func gain(_ logGain: Double) -> String { Quantity.number(exp(logGain)) + "×" }

  static func interval(_ center: Double?, _ deviation: Double?) -> String {
    guard let center, let deviation else { return "–" }
    let half = 1.96 * deviation
    return "\(Quantity.number(exp(center - half))) – \(Quantity.number(exp(center + half)))"
  }

  // MARK: For programs

  struct Document: Encodable {
    struct Standing: Encodable {
      let name: String
      let architecture: [String: JSONValue]
      let predictedThroughput: Double
      let measuredThroughput: Double?
      let predictedGain: Double
      let measuredGain: Double?
      let measuredStandardError: Double?
      let believedGain: Double
      let believedStandardDeviation: Double
      let visits: Int
      let pairs: Int
    }

    struct Coefficient: Encodable {
      let name: String
      let prior: Double
      let value: Double
      let standardError: Double
    }

    let winner: String
    let standings: [Standing]
    let baselineThroughput: Double?
    let rounds: Int
    let visits: Int
    let pool: Int
    let seconds: Double
    let ending: String
    let expectedGain: Double
    let rankCorrelation: Double?
    let regret: Double
    let coefficients: [Coefficient]
  }

  var document: Document {
    Document(
      winner: outcome.winner.architecture.name,
      standings: outcome.standings.map {
        Document.Standing(
          name: $0.architecture.name, architecture: $0.architecture.config,
          predictedThroughput: $0.predictedThroughput, measuredThroughput: $0.measuredThroughput,
          predictedGain: exp($0.predicted), measuredGain: $0.measured.map { exp($0) },
          measuredStandardError: $0.measuredError, believedGain: exp($0.believed),
          believedStandardDeviation: $0.believedDeviation, visits: $0.visits, pairs: $0.pairs)
      },
      baselineThroughput: outcome.baselineThroughput.isFinite ? outcome.baselineThroughput : nil,
      rounds: outcome.rounds, visits: outcome.visits, pool: outcome.standings.count,
      seconds: outcome.seconds, ending: outcome.ending.rawValue,
      expectedGain: outcome.expectedGain, rankCorrelation: outcome.rankCorrelation,
      regret: expm1(outcome.regret),
      coefficients: outcome.coefficients.map {
        Document.Coefficient(
          name: $0.name, prior: $0.prior, value: $0.value, standardError: $0.standardError)
      })
  }
}
